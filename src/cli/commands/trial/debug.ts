import { Command } from 'commander';
import { examples, withCluster, type Cli, type ClusterOptions } from '../command.ts';
import { wholeNumber } from '../values.ts';

interface Options extends ClusterOptions {
  copy: boolean;
  seconds: number;
  rm: boolean;
}

/** `sb trial debug` */
export const debug = ({ io, finish }: Cli): Command =>
  examples(
    withCluster(new Command('debug'))
      .description(
        'Opens a shell in the task container of a Trial. Where the Trial does not run, that is in <trial>-debug: a copy with the same image and resources whose agent only waits, which stays until its time is over, counts in no run and stores nothing. Neither solution nor tests are in a copy. After -- stands a command to run instead of a shell.',
      )
      .argument('<trial>', 'name of the Trial, its unique beginning, or @latest')
      .argument('[command...]', 'command to run, after --')
      .option(
        '--copy',
        'use a copy even where the Trial itself runs: nothing there changes its result',
        false,
      )
      .option('--seconds <number>', 'how long a copy lives', wholeNumber, 3600)
      .option('--rm', 'delete the copy when the shell ends', false)
      .action(async (wanted: string, command: string[], { copy, seconds, rm, ...options }: Options) => {
        const [{ withSession }, { shellIn }, { debugTrial }] = await Promise.all([
          import('../../../client/session/session.ts'),
          import('../../trials/debug/shell.ts'),
          import('../../trials/debug/debug.ts'),
        ]);
        const code = await withSession(options, io, (session) =>
          debugTrial(session, {
            io,
            shell: shellIn(session),
            trial: wanted,
            command,
            copy,
            seconds,
            remove: rm,
          }),
        );
        if (code !== 0) finish(1);
      }),
    [
      ['sb trial debug hello-oracle-1a2b', 'look around where it runs, or ran'],
      ['sb trial debug hello-oracle-1a2b --copy --rm', 'in a copy, and leave nothing behind'],
      ['sb trial debug hello-oracle-1a2b -- ls -l /app', 'one command, without a terminal'],
    ],
  );
