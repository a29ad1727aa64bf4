/** The agents that a Trial can name, by what is known of each: the CRD's list and rules, the command line and the docs are made of it. */
import type { AgentFacts } from './agent-facts.ts';
import { AGENTS } from './agent-table.ts';

export { AGENTS };
export type { AgentFacts, AgentProgram, McpServer } from './agent-facts.ts';

export type AgentName = keyof typeof AGENTS;

export const agentNames = Object.keys(AGENTS) as AgentName[];

/** What is known of an agent of that name; undefined where there is none. */
export const agentFacts = (name: string): AgentFacts | undefined =>
  Object.hasOwn(AGENTS, name) ? AGENTS[name as AgentName] : undefined;

/** What it is called wherever it is told of. */
export const shownName = ({ name, title }: { name: string; title?: string | undefined }): string =>
  title ?? name;

/** Whether the agent works from the task's solution. */
export const solves = (name: string): boolean => agentFacts(name)?.reads === 'solution/solve.sh';

const TAKES = {
  scripts: ({ scripts }: AgentFacts) => scripts,
  model: ({ model }: AgentFacts) => model !== 'none',
  program: ({ program }: AgentFacts) => program !== undefined,
  provider: ({ providers }: AgentFacts) => providers.length > 0,
};

/** Names of the agents that take it: scripts, a model, a version of a program, a provider of models. */
export const agentsThatTake = (what: keyof typeof TAKES): AgentName[] =>
  agentNames.filter((name) => TAKES[what](AGENTS[name]));
