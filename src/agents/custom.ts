import type { Agent, AgentGiven } from './agent.ts';

/** What both scripts can read. */
const variables = ({ instruction, model }: AgentGiven): Record<string, string> => ({
  SB_INSTRUCTION: instruction,
  ...(model !== undefined && { SB_MODEL: model }),
});

/** Runs the scripts of the Trial. */
export const custom: Agent = {
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
  files: ({ install, run = '' }) => ({ run, ...(install !== undefined && { install }) }),
  exitCodeTells: true,
};
