import type { AgentFacts } from '../../crds/agent-facts.ts';
import type { Agent } from '../agent.ts';

export const facts: AgentFacts = {
  does: 'does nothing',
  reads: 'nothing',
  scripts: false,
  model: 'none',
  providers: [],
  skills: false,
  mcp: false,
  mcpHeaders: false,
};

/** What the tests say of an untouched container. */
export const agent: Agent = { exitCodeTells: false };
