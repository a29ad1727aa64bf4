import type { AgentFacts, McpServer } from '../../crds/agent-facts.ts';
import { PROVIDER_NAMES } from '../../crds/providers.ts';
import type { Agent, AgentGiven } from '../agent.ts';
import { baseUrlOf } from '../endpoint.ts';
import { npmProgram } from '../programs/npm.ts';
import { begin, lines, program } from '../run.ts';
import { readOpencode } from '../transcripts/opencode.ts';

export const facts: AgentFacts = {
  does: 'runs OpenCode',
  reads: 'instruction.md',
  scripts: false,
  model: 'required',
  providers: PROVIDER_NAMES,
  program: { registry: 'npm', package: 'opencode-ai', version: '1.18.33' },
  skills: true,
  mcp: true,
  mcpHeaders: true,
};

const TRANSCRIPT = { path: '/logs/agent/opencode.txt', read: readOpencode };
/** As models.dev has them: OpenCode brings its prices and limits along. */
const NAMES: Record<string, string> = { gemini: 'google', moonshot: 'moonshotai', dashscope: 'alibaba' };
const PATHS = { anthropic: '/v1', gemini: '/v1beta' };

/** Settings by the names of OpenCode's documentation. `{env:NAME}` is filled in by the program. */
function config({ endpoint, webTools, skills, mcpServers = [] }: AgentGiven): object {
  const [provider, model] = modelOf(endpoint);
  const options = endpoint && { baseURL: baseUrlOf(endpoint, PATHS), apiKey: `{env:${endpoint.key}}` };
  return {
    autoupdate: false,
    share: 'disabled',
    // Each step would copy what it changed into a repository of OpenCode's own.
    snapshot: false,
    enabled_providers: [provider],
    provider: endpoint && { [provider]: { options, models: { [model]: {} } } },
    // Nobody reads the title of a session. All else keeps to the model of the Trial: it may be the only one that the endpoint knows.
    agent: { title: { disable: true } },
    small_model: `${provider}/${model}`,
    ...(!webTools && { permission: { webfetch: 'deny', websearch: 'deny' } }),
    ...(skills !== undefined && { skills: { paths: [skills] } }),
    mcp: Object.fromEntries(mcpServers.map((server) => [server.name, entryOf(server)])),
  };
}

function entryOf(server: McpServer): object {
  if (server.transport === 'stdio') return { type: 'local', command: [server.command, ...server.args] };
  const headers = JSON.stringify(server.headers).replaceAll(/\$\{(\w+)\}/g, '{env:$1}');
  return { type: 'remote', url: server.url, headers: JSON.parse(headers) as object, oauth: false };
}

const modelOf = (endpoint: AgentGiven['endpoint']): [provider: string, model: string] =>
  endpoint ? [NAMES[endpoint.provider] ?? endpoint.provider, endpoint.name] : ['', ''];

export const agent: Agent = {
  program: npmProgram({
    package: 'opencode-ai',
    bin: 'opencode',
    // One image is for all nodes, and some have no AVX2, which the other binary needs.
    native: ['opencode-linux-*-baseline/bin/opencode', 'opencode-linux-*/bin/opencode'],
  }),
  run: (given) => ({
    path: `${given.folder}/run`,
    text: lines(
      ...begin('opencode'),
      `exec ${program('opencode')} run --model="$SB_MODEL" --format=json --thinking --dangerously-skip-permissions < ${given.instruction}`,
    ),
    env: {
      SB_MODEL: modelOf(given.endpoint).join('/'),
      OPENCODE_CONFIG_CONTENT: JSON.stringify(config(given)),
      OPENCODE_DISABLE_MODELS_FETCH: '1',
      OPENCODE_DISABLE_AUTOUPDATE: '1',
      OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
    },
    stdout: TRANSCRIPT.path,
  }),
  exitCodeTells: true,
  transcript: TRANSCRIPT,
};
