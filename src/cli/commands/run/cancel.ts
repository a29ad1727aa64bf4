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
  yes: boolean;
}

/** `sb run cancel` */
export const cancel = ({ io }: Cli): Command =>
  examples(
    withCluster(withOutput(withRun(new Command('cancel')), { '-o json': 'run-cancel' }, DEED))
      .description(
        'Ends the Trials of a run that have not ended; those that have keep their results. Asks first.',
      )
      .option('-y, --yes', 'do not ask', false)
      .action(async (wanted: string, { yes, output, ...options }: Options) => {
        const [{ withSession }, { cancelRun }, { printDeed }] = await Promise.all([
          import('../../../client/session/session.ts'),
          import('../../runs/cancel.ts'),
          import('../../render/output.ts'),
        ]);
        const done = await withSession(options, io, (session) =>
          cancelRun(session, runIn(wanted, options), { io, yes }),
        );
        await printDeed(io.terminal, output, { document: done, name: done.run });
      }),
    [
      ['sb run cancel nightly', 'asks'],
      ['sb run cancel @latest --yes', 'for scripts'],
    ],
  );
