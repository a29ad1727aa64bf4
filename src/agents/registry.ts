/** The agents, by the names that a Trial can say. To add one: its facts in `crds/agents.ts`, a file here, a line below. */
import type { AgentName } from '../crds/agents.ts';
import type { Agent } from './agent.ts';
import { custom } from './custom.ts';
import { oracle } from './oracle.ts';

const registry = {
  oracle,
  /** Does nothing: what the tests say of an untouched container. */
  nop: { exitCodeTells: false },
  custom,
} satisfies Record<AgentName, Agent>;

/** How the agent of that name is run; undefined where there is none. */
export const agentOf = (name: string): Agent | undefined =>
  Object.hasOwn(registry, name) ? registry[name as AgentName] : undefined;
