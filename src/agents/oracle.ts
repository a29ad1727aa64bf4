import type { Agent } from './agent.ts';

/** Runs the task's solution, as Harbor's agent of that name does: the same files under /logs/agent. */
export const oracle: Agent = {
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
