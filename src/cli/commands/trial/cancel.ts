import { Command } from 'commander';
import { examples, withCluster, type Cli, type ClusterOptions } from '../command.ts';

interface Options extends ClusterOptions {
  yes: boolean;
}

/** `sb trial cancel` */
export const cancel = ({ io }: Cli): Command =>
  examples(
    withCluster(new Command('cancel'))
      .description('Ends a Trial; what it has done so far is stored. Asks first.')
      .argument('<trial>', 'name of the Trial, its unique beginning, or @latest')
      .option('-y, --yes', 'do not ask', false)
      .action(async (wanted: string, { yes, ...options }: Options) => {
        const [{ withSession }, { cancelTrial }] = await Promise.all([
          import('../../session/session.ts'),
          import('../../trials/cancel.ts'),
        ]);
        await withSession(options, io, (session) => cancelTrial(session, wanted, { io, yes }));
      }),
    [['sb trial cancel hello-oracle-1a2b --yes', 'without being asked']],
  );
