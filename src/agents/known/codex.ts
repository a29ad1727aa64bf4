import type { AgentFacts } from '../../crds/agent-facts.ts';
import { PROVIDERS } from '../../crds/providers.ts';
import type { Agent, AgentGiven } from '../agent.ts';
import { codexServersOf } from '../mcp.ts';
import { npmProgram } from '../programs/npm.ts';
import { begin, copiedSkills, lines, program, skillsVariable, writable } from '../run.ts';
import { readCodex } from '../transcripts/codex.ts';

export const facts: AgentFacts = {
  does: 'runs Codex',
  reads: 'instruction.md',
  scripts: false,
  model: 'required',
  providers: ['openai'],
  program: { registry: 'npm', package: '@openai/codex', version: '0.171.0' },
  skills: true,
  mcp: true,
  mcpHeaders: true,
};

const TRANSCRIPT = { path: '/logs/agent/codex.txt', read: readCodex };
const CONFIG_FILE = 'config.toml';

/** A JSON text is a TOML value as well, where it is a string or a list of strings. */
const toml = JSON.stringify;

/** As Codex's documentation has it (config.toml). A provider of its own: the one that is built in opens WebSockets to OpenAI. */
const config = ({ endpoint, model, webTools, mcpServers = [] }: AgentGiven): string => {
  const name = endpoint?.name ?? model;
  return lines(
    ...(name === undefined ? [] : [`model = ${toml(name)}`]),
    'model_provider = "model"',
    `web_search = "${webTools ? 'live' : 'disabled'}"`,
    'check_for_update_on_startup = false',
    'analytics.enabled = false',
    'feedback.enabled = false',
    '[model_providers.model]',
    'name = "model"',
    'wire_api = "responses"',
    `base_url = ${toml(endpoint?.baseUrl ?? PROVIDERS.openai.baseUrl)}`,
    `env_key = ${toml(endpoint?.key ?? PROVIDERS.openai.key)}`,
    ...codexServersOf(mcpServers).config,
  );
};

export const agent: Agent = {
  program: npmProgram({
    package: '@openai/codex',
    bin: 'codex',
    native: ['@openai/codex-linux-*/vendor/*/bin/codex'],
    tools: ['@openai/codex-linux-*/vendor/*/codex-path'],
    without: ['@openai/codex-linux-*/vendor/*/codex-resources/voice'],
  }),
  run: (given) => ({
    path: `${given.folder}/run`,
    text: lines(
      ...begin('codex'),
      `cp ${given.folder}/${CONFIG_FILE} "$CODEX_HOME/" || exit`,
      ...copiedSkills(given.skills, '$CODEX_HOME/skills'),
      ...codexServersOf(given.mcpServers ?? []).script,
      `exec ${program('codex')} exec --dangerously-bypass-approvals-and-sandbox --skip-git-repo-check --json - < ${given.instruction}`,
    ),
    env: { CODEX_HOME: writable('codex'), ...skillsVariable(given.skills) },
    stdout: TRANSCRIPT.path,
  }),
  files: (given) => ({ [CONFIG_FILE]: config(given) }),
  exitCodeTells: true,
  transcript: TRANSCRIPT,
};
