import { Command } from 'commander';
import {
  examples,
  withCluster,
  withOutput,
  type Cli,
  type ClusterOptions,
  type OutputOptions,
} from '../command.ts';
import { duration, number } from '../values.ts';
import { runIn, withRun } from './options.ts';

interface Options extends ClusterOptions, OutputOptions {
  last?: true;
  jobsDir: string;
  quiet: boolean;
  follow: boolean;
  failUnder?: number;
  waitTimeout?: string;
}

/** `sb run attach` */
export const attach = ({ io, finish }: Cli): Command =>
  examples(
    withCluster(withOutput(withRun(new Command('attach')), { '-o json': 'run', '-o jsonl': 'run-event' }))
      .description(
        'Shows how a run goes and copies its results, as sb cloud run did that started it, and exits as it would have.',
      )
      .option('--jobs-dir <folder>', 'where results are copied to', 'jobs')
      .option('--follow', 'print what the agents print', false)
      .option('--fail-under <reward>', 'exit with 4 where the mean reward is below', number)
      .option('--wait-timeout <duration>', 'exit with 124 after, such as 30m; the run goes on', duration)
      .option('-q, --quiet', 'no progress', false)
      .action(async (wanted: string, options: Options) => {
        const [{ resolve }, { withSession }, { attachRun }, { durationMs }] = await Promise.all([
          import('node:path'),
          import('../../../client/session/session.ts'),
          import('../../runs/attach.ts'),
          import('../../launch/wish.ts'),
        ]);
        const { output, quiet, follow, failUnder, waitTimeout, jobsDir } = options;
        const exit = await withSession(options, io, (session) =>
          attachRun(session, {
            io,
            run: runIn(wanted, options),
            jobsDir: resolve(io.cwd, jobsDir),
            output,
            quiet,
            followAgents: follow,
            ...(failUnder !== undefined && { failUnder }),
            ...(waitTimeout !== undefined && { waitMs: durationMs(waitTimeout) }),
          }),
        );
        finish(exit);
      }),
    [
      ['sb run attach', 'back to the latest'],
      ['sb run attach nightly --wait-timeout 30m', 'not longer than half an hour'],
      ['sb run attach nightly -o jsonl', 'events for programs'],
    ],
  );
