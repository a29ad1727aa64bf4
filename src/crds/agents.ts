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
}

export const AGENTS = {
  oracle: { does: 'runs the task’s solution', reads: 'solution/solve.sh', scripts: false, model: false },
  nop: { does: 'does nothing', reads: 'nothing', scripts: false, model: false },
  custom: { does: 'runs your own scripts', reads: 'instruction.md', scripts: true, model: true },
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
