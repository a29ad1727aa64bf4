import type { AgentFacts } from '../../crds/agent-facts.ts';
import { present } from '../../crds/present.ts';
import type { Agent, AgentGiven } from '../agent.ts';
import { mcpServersOf } from '../mcp.ts';
import { npmProgram } from '../programs/npm.ts';
import { begin, copiedSkills, lines, needsBash, program, skillsVariable, writable } from '../run.ts';
import { readClaudeCode } from '../transcripts/claude-code.ts';

export const facts: AgentFacts = {
  does: 'runs Claude Code',
  reads: 'instruction.md',
  scripts: false,
  model: 'required',
  providers: ['anthropic'],
  program: {
    registry: 'npm',
    package: '@anthropic-ai/claude-code',
    version: '2.1.332',
  },
  skills: true,
  mcp: true,
  mcpHeaders: true,
};

const TRANSCRIPT = { path: '/logs/agent/claude-code.txt', read: readClaudeCode };
const MCP_FILE = 'mcp.json';

/** Flags as `claude --help` of 2.1.332 has them. */
const FLAGS = '--print --verbose --output-format stream-json --dangerously-skip-permissions';

/** Sub-agents and side calls keep to the model of the Trial: it may be the only one that the endpoint knows. */
const MODEL_VARIABLES = [
  'ANTHROPIC_MODEL',
  'ANTHROPIC_DEFAULT_OPUS_MODEL',
  'ANTHROPIC_DEFAULT_SONNET_MODEL',
  'ANTHROPIC_DEFAULT_HAIKU_MODEL',
  'CLAUDE_CODE_SUBAGENT_MODEL',
];

/** By its documentation. FORWARD_SUBAGENT_TEXT: what sub-agents say is in the stream, too. IS_SANDBOX: root may skip permissions as well. */
const variables = ({ endpoint, model = '', skills }: AgentGiven): Record<string, string> => ({
  CLAUDE_CONFIG_DIR: writable('claude-code'),
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  DISABLE_AUTOUPDATER: '1',
  DISABLE_TELEMETRY: '1',
  CLAUDE_CODE_FORWARD_SUBAGENT_TEXT: '1',
  IS_SANDBOX: '1',
  ...present({ ANTHROPIC_BASE_URL: endpoint?.baseUrl }),
  ...(model !== '' && Object.fromEntries(MODEL_VARIABLES.map((name) => [name, endpoint?.name ?? model]))),
  ...skillsVariable(skills),
});

export const agent: Agent = {
  program: npmProgram({
    package: '@anthropic-ai/claude-code',
    bin: 'claude',
    native: ['@anthropic-ai/claude-code-linux-*/claude'],
  }),
  run: (given) => ({
    path: `${given.folder}/run`,
    text: lines(
      ...begin('claude-code'),
      needsBash('Claude Code'),
      ...copiedSkills(given.skills, '$CLAUDE_CONFIG_DIR/skills'),
      [
        `exec ${program('claude')} ${FLAGS}`,
        ...(given.webTools ? [] : ["--disallowedTools 'WebSearch,WebFetch'"]),
        ...(given.mcpServers ? [`--strict-mcp-config --mcp-config ${given.folder}/${MCP_FILE}`] : []),
        `< ${given.instruction}`,
      ].join(' '),
    ),
    env: variables(given),
    stdout: TRANSCRIPT.path,
  }),
  files: ({ mcpServers }) =>
    mcpServers ? { [MCP_FILE]: JSON.stringify({ mcpServers: mcpServersOf(mcpServers) }) } : {},
  exitCodeTells: true,
  transcript: TRANSCRIPT,
};
