import type { AgentFacts } from '../../crds/agent-facts.ts';
import type { Agent } from '../agent.ts';

export const facts: AgentFacts = {
  does: 'runs the task’s solution',
  reads: 'solution/solve.sh',
  scripts: false,
  model: 'none',
  providers: [],
  skills: false,
  mcp: false,
  mcpHeaders: false,
};

/** Runs the task's solution, as Harbor's agent of that name does: the same files under /logs/agent. */
export const agent: Agent = {
  run: ({ solution, solve }) => ({
    path: `${solution}/solve.sh`,
    text: solve,
    env: { DEBIAN_FRONTEND: 'noninteractive' },
    stdout: '/logs/agent/oracle.txt',
    exitFile: '/logs/agent/exit-code.txt',
  }),
  // A solution that fails shows in its reward.
  exitCodeTells: false,
};
