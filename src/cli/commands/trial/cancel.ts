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

interface Options extends ClusterOptions, OutputOptions {
  yes: boolean;
}

/** `sb trial cancel` */
export const cancel = ({ io }: Cli): Command =>
  examples(
    withCluster(withOutput(new Command('cancel'), { '-o json': 'trial-cancel' }, DEED))
      .description('Ends a Trial; what it has done so far is stored. Asks first.')
      .argument('<trial>', 'name of the Trial, its unique beginning, or @latest')
      .option('-y, --yes', 'do not ask', false)
      .action(async (wanted: string, { yes, output, ...options }: Options) => {
        const [{ withSession }, { cancelTrial }, { printDeed }] = await Promise.all([
          import('../../../client/session/session.ts'),
          import('../../trials/cancel.ts'),
          import('../../render/output.ts'),
        ]);
        const done = await withSession(options, io, (session) => cancelTrial(session, wanted, { io, yes }));
        await printDeed(io.terminal, output, { document: done, name: done.trial });
      }),
    [['sb trial cancel hello-oracle-1a2b --yes', 'without being asked']],
  );
