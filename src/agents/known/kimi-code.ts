import type { AgentFacts, McpServer } from '../../crds/agent-facts.ts';
import { PROVIDER_NAMES } from '../../crds/providers.ts';
import type { Agent, AgentGiven } from '../agent.ts';
import { baseUrlOf } from '../endpoint.ts';
import { npmProgram } from '../programs/npm.ts';
import { begin, lines, program, skillsVariable, writable } from '../run.ts';
import { readKimiCode } from '../transcripts/kimi-code.ts';

export const facts: AgentFacts = {
  does: 'runs Kimi Code',
  reads: 'instruction.md',
  scripts: false,
  model: 'required',
  providers: ['moonshot', ...PROVIDER_NAMES.filter((name) => name !== 'moonshot' && name !== 'gemini')],
  program: { registry: 'npm', package: '@moonshot-ai/kimi-code', version: '2.1.0' },
  skills: true,
  mcp: true,
  // It has no place for them but a file, where no secret may be.
  mcpHeaders: false,
};

const TRANSCRIPT = { path: '/logs/agent/kimi-code.txt', read: readKimiCode };
const MCP_FILE = 'mcp.json';
const CONFIG_FILE = 'config.toml';
/** Others speak OpenAI's Chat Completions. */
const TYPES: Record<string, string> = { moonshot: 'kimi', anthropic: 'anthropic' };

/** By the names of Kimi Code's documentation. The key is in the script's environment alone. */
const variables = ({ endpoint, skills }: AgentGiven): Record<string, string> => ({
  KIMI_CODE_HOME: writable('kimi-code'),
  KIMI_CODE_NO_AUTO_UPDATE: '1',
  KIMI_DISABLE_TELEMETRY: '1',
  ...(endpoint && {
    KIMI_MODEL_NAME: endpoint.name,
    KIMI_MODEL_PROVIDER_TYPE: TYPES[endpoint.provider] ?? 'openai',
    KIMI_MODEL_BASE_URL: baseUrlOf(endpoint),
  }),
  ...skillsVariable(skills),
});

const config = ({ webTools }: AgentGiven): string =>
  webTools ? '' : '[tools]\ndisabled = ["FetchURL", "WebSearch"]\n';

const mcpConfig = (servers: readonly McpServer[]): string =>
  JSON.stringify({ mcpServers: Object.fromEntries(servers.map((server) => [server.name, entryOf(server)])) });

function entryOf(server: McpServer): object {
  const { transport } = server;
  if (transport === 'stdio') return { transport, command: server.command, args: server.args };
  return { transport: transport === 'sse' ? 'sse' : 'http', url: server.url };
}

export const agent: Agent = {
  program: npmProgram({ package: '@moonshot-ai/kimi-code', bin: 'kimi' }),
  run: (given) => ({
    path: `${given.folder}/run`,
    text: lines(
      ...begin('kimi-code'),
      `cp ${given.folder}/${CONFIG_FILE} ${given.folder}/${MCP_FILE} "$KIMI_CODE_HOME/" || exit`,
      ...(given.endpoint ? [`export KIMI_MODEL_API_KEY="$${given.endpoint.key}"`] : []),
      [
        `${program('kimi')} --output-format stream-json`,
        ...(given.skills === undefined ? [] : ['--skills-dir "$SB_SKILLS_DIR"']),
        `--prompt "$(cat ${given.instruction})"`,
      ].join(' '),
      'code=$?',
      // What it prints has no counts; the records of its session have.
      'cat "$KIMI_CODE_HOME"/sessions/*/*/agents/*/wire.jsonl',
      'exit $code',
    ),
    env: variables(given),
    stdout: TRANSCRIPT.path,
    stderr: '/logs/agent/kimi-code-stderr.txt',
  }),
  files: (given) => ({ [CONFIG_FILE]: config(given), [MCP_FILE]: mcpConfig(given.mcpServers ?? []) }),
  exitCodeTells: true,
  transcript: TRANSCRIPT,
};
