/** Skills and MCP servers of a task, as its agent is given them. */
import { agentFacts, type AgentFacts, type McpServer } from '../../crds/agents.ts';
import { present } from '../../crds/present.ts';
import { variablesInHeader, withReferences } from '../toml/headers.ts';
import type { EnvironmentConfig } from '../toml/schema.ts';
import type { CompiledAgent, CompileProblem } from './types.ts';

export interface Tools {
  given: Pick<CompiledAgent, 'skillsDir' | 'mcpServers'>;
  problems: CompileProblem[];
}

type Wanted = Pick<EnvironmentConfig, 'skills_dir' | 'mcp_servers'>;

interface ToolsFacts {
  agent: string;
  /** Of that agent; by default those of the registry. */
  facts?: AgentFacts | undefined;
  /** Names of the variables that the agent has. */
  variables: ReadonlySet<string>;
}

/** As Harbor: who does not work from the instruction ignores them, and any other agent must be able to take them. */
export function toolsFor(wanted: Wanted, { agent, facts = agentFacts(agent), variables }: ToolsFacts): Tools {
  if (facts?.reads !== 'instruction.md') return { given: {}, problems: [] };
  const { skills_dir: skillsDir } = wanted;
  const references = wanted.mcp_servers.flatMap((server, index) => {
    const field = `environment.mcp_servers[${index}].headers`;
    return Object.entries(server.headers).map(([name, value]) => ({
      server: server.name,
      name,
      field: `${field}.${name}`,
      ...withReferences(value, variables),
    }));
  });
  const headersOf = (server: string): Record<string, string> =>
    Object.fromEntries(
      references.filter((one) => one.server === server).map(({ name, value }) => [name, value]),
    );
  // As in Harbor, a later one of a name replaces the earlier.
  const servers = [...new Map(wanted.mcp_servers.map((server) => [server.name, server])).values()];
  const mcpServers = servers.map((server) => serverOf(server, headersOf(server.name)));
  return {
    given: present({ skillsDir, mcpServers: mcpServers.length > 0 ? mcpServers : undefined }),
    problems: [
      ...unableTo(agent, facts, wanted),
      ...references.flatMap(({ field, missing }) => missing.map((variable) => unset(field, variable))),
    ],
  };
}

/**
 * The variables that headers of MCP servers ask for and the task itself does not set, as a table: each is to be the variable of its name. Empty
 * for an agent that ignores the servers.
 */
export function headerVariables(
  { mcp_servers: servers, env }: EnvironmentConfig,
  agent: string,
): Record<string, string> {
  if (agentFacts(agent)?.reads !== 'instruction.md') return {};
  const names = servers.flatMap(({ headers }) => Object.values(headers).flatMap(variablesInHeader));
  const open = names.filter((name) => !Object.hasOwn(env, name));
  return Object.fromEntries(open.map((name) => [name, `\${${name}}`]));
}

function serverOf(
  { name, transport, command = '', args, url = '' }: Wanted['mcp_servers'][number],
  headers: Record<string, string>,
): McpServer {
  return transport === 'stdio' ? { name, transport, command, args } : { name, transport, url, headers };
}

function unableTo(agent: string, { skills, mcp, mcpHeaders }: AgentFacts, wanted: Wanted): CompileProblem[] {
  const servers = wanted.mcp_servers;
  const withHeaders = servers.findIndex(({ headers }) => Object.keys(headers).length > 0);
  const refused = (field: string, takes: string): CompileProblem => ({
    reason: 'TaskUnsupported',
    field,
    message: `${field}: the agent ${agent} ${takes}; choose another one`,
  });
  return [
    ...(wanted.skills_dir !== undefined && !skills
      ? [refused('environment.skills_dir', 'takes no skills')]
      : []),
    ...(servers.length > 0 && !mcp ? [refused('environment.mcp_servers', 'takes no MCP servers')] : []),
    ...(withHeaders >= 0 && mcp && !mcpHeaders
      ? [refused(`environment.mcp_servers[${withHeaders}].headers`, 'sends no headers to MCP servers')]
      : []),
  ];
}

const unset = (field: string, variable: string): CompileProblem => ({
  reason: 'TaskInvalid',
  field,
  message: `${field} needs the variable ${variable}: set ${variable} in agent.env of the Trial`,
  variable,
});
