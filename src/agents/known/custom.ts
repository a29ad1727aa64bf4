import type { AgentFacts } from '../../crds/agent-facts.ts';
import { PROVIDERS, type ModelProvider } from '../../crds/providers.ts';
import type { Agent, AgentGiven, ModelGiven } from '../agent.ts';
import { mcpServersOf } from '../mcp.ts';

export const facts: AgentFacts = {
  does: 'runs your own scripts',
  reads: 'instruction.md',
  scripts: true,
  model: 'optional',
  providers: [],
  skills: true,
  mcp: true,
  mcpHeaders: true,
};

const MCP_FILE = 'mcp.json';

/** What both scripts can read. */
const variables = ({
  instruction,
  folder,
  model,
  skills,
  mcpServers,
  endpoint,
}: AgentGiven): Record<string, string> => ({
  SB_INSTRUCTION: instruction,
  ...(model !== undefined && { SB_MODEL: model }),
  ...(skills !== undefined && { SB_SKILLS_DIR: skills }),
  ...(mcpServers && { SB_MCP_CONFIG: `${folder}/${MCP_FILE}` }),
  ...(endpoint && modelVariables(endpoint)),
});

/** The key is in the variable that the provider's own programs read, whatever the script goes by. */
function modelVariables({ provider, name, baseUrl }: ModelGiven): Record<string, string> {
  const { baseUrlVariable }: ModelProvider = PROVIDERS[provider];
  return {
    SB_MODEL_NAME: name,
    ...(baseUrl !== undefined && { SB_MODEL_BASE_URL: baseUrl }),
    ...(baseUrl !== undefined && baseUrlVariable !== undefined && { [baseUrlVariable]: baseUrl }),
  };
}

/** Runs the scripts of the Trial. */
export const agent: Agent = {
  install: (given) =>
    given.install === undefined
      ? undefined
      : {
          path: `${given.folder}/install`,
          text: given.install,
          env: variables(given),
          stdout: '/logs/agent/install.txt',
        },
  run: (given) => ({
    path: `${given.folder}/run`,
    text: given.run ?? '',
    env: variables(given),
    stdout: '/logs/agent/stdout.txt',
    stderr: '/logs/agent/stderr.txt',
  }),
  files: ({ mcpServers }) =>
    mcpServers ? { [MCP_FILE]: JSON.stringify({ mcpServers: mcpServersOf(mcpServers) }) } : {},
  exitCodeTells: true,
};
