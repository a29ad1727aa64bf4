/** The agents that a Trial can name and what each takes, as data: the CRD's list and rules, the command line and the docs are made of it. */

export interface AgentFacts {
  /** What it does, as `<name> <does>`. */
  does: string;
  /** What it works from; a task without that file cannot be run by it. Only who reads the solution ever has it, and `[solution.env]`. */
  reads: 'solution/solve.sh' | 'instruction.md' | 'nothing';
  /** Takes scripts of the user's: `run` is required, `install` is optional. */
  scripts: boolean;
  /** Takes `model`. */
  model: boolean;
  /** Takes a task's `skills_dir`. */
  skills: boolean;
  /** Takes a task's `mcp_servers`. */
  mcp: boolean;
  /** Sends the headers of those. */
  mcpHeaders: boolean;
}

/** An MCP server of a task. `${NAME}` in the value of a header stands for a variable of the agent's. */
export type McpServer =
  | { name: string; transport: 'stdio'; command: string; args: string[] }
  | { name: string; transport: 'sse' | 'streamable-http'; url: string; headers: Record<string, string> };

const NO_TOOLS = { skills: false, mcp: false, mcpHeaders: false };

export const AGENTS = {
  oracle: {
    does: 'runs the task’s solution',
    reads: 'solution/solve.sh',
    scripts: false,
    model: false,
    ...NO_TOOLS,
  },
  nop: { does: 'does nothing', reads: 'nothing', scripts: false, model: false, ...NO_TOOLS },
  custom: {
    does: 'runs your own scripts',
    reads: 'instruction.md',
    scripts: true,
    model: true,
    skills: true,
    mcp: true,
    mcpHeaders: true,
  },
} as const satisfies Record<string, AgentFacts>;

export type AgentName = keyof typeof AGENTS;

export const agentNames = Object.keys(AGENTS) as AgentName[];

/** What is known of an agent of that name; undefined where there is none. */
export const agentFacts = (name: string): AgentFacts | undefined =>
  Object.hasOwn(AGENTS, name) ? AGENTS[name as AgentName] : undefined;

/** Whether the agent works from the task's solution. */
export const solves = (name: string): boolean => agentFacts(name)?.reads === 'solution/solve.sh';

/** Names of the agents that take it. */
export const agentsThatTake = (what: 'scripts' | 'model'): AgentName[] =>
  agentNames.filter((name) => AGENTS[name][what]);
