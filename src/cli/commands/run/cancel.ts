import { Command } from 'commander';
import { examples, withCluster, type Cli, type ClusterOptions } from '../command.ts';
import { runIn, withRun } from './options.ts';

interface Options extends ClusterOptions {
  last?: true;
  yes: boolean;
}

/** `sb run cancel` */
export const cancel = ({ io }: Cli): Command =>
  examples(
    withCluster(withRun(new Command('cancel')))
      .description(
        'Ends the Trials of a run that have not ended; those that have keep their results. Asks first.',
      )
      .option('-y, --yes', 'do not ask', false)
      .action(async (wanted: string, { yes, ...options }: Options) => {
        const [{ withSession }, { cancelRun }] = await Promise.all([
          import('../../session/session.ts'),
          import('../../runs/cancel.ts'),
        ]);
        await withSession(options, io, (session) => cancelRun(session, runIn(wanted, options), { io, yes }));
      }),
    [
      ['sb run cancel nightly', 'asks'],
      ['sb run cancel @latest --yes', 'for scripts'],
    ],
  );
