import { Command } from 'commander';
import {
  DEED,
  examples,
  withCluster,
  withOutput,
  type Cli,
  type ClusterOptions,
  type OutputOptions,
} from '../command.ts';
import { runIn, withRun } from './options.ts';

interface Options extends ClusterOptions, OutputOptions {
  last?: true;
}

/** `sb run reindex` */
export const reindex = ({ io }: Cli): Command =>
  examples(
    withCluster(withOutput(withRun(new Command('reindex')), { '-o json': 'run-reindex' }, DEED))
      .description(
        'Writes index and result.json of a run in the bucket anew, of the results of its Trials. The operator does that as Trials end; this is for what it could not do, such as Trials that were deleted while it was away. Works for a deleted run, too, by its full name.',
      )
      .action(async (wanted: string, options: Options) => {
        const [{ withSession }, { reindex: indexAgain }, { printReindexed }] = await Promise.all([
          import('../../../client/session/session.ts'),
          import('../../runs/reindex.ts'),
          import('../../runs/report/print.ts'),
        ]);
        const { signal, terminal } = io;
        const done = await withSession(options, io, (session) =>
          indexAgain(session, { run: runIn(wanted, options), terminal, signal }),
        );
        await printReindexed(terminal, options.output, done);
      }),
    [
      ['sb run reindex nightly', 'also for a run whose Trials are deleted'],
      ['sb run reindex nightly -o json', 'what was written, for scripts'],
    ],
  );
