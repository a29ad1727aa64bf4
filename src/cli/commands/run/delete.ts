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

/** `sb run delete` */
export const remove = ({ io }: Cli): Command =>
  examples(
    withCluster(withOutput(new Command('delete'), { '-o json': 'run-delete' }, DEED))
      .alias('rm')
      .description(
        'Deletes the Trials of a run, its own builds and its Secret from the cluster. Its files stay in the store. Asks first.',
      )
      .argument('<run>', 'name of the run, its unique beginning, or @latest')
      .option('-y, --yes', 'do not ask', false)
      .action(async (wanted: string, { yes, output, ...options }: Options) => {
        const [{ withSession }, { deleteRun }, { printDeed }] = await Promise.all([
          import('../../../client/session/session.ts'),
          import('../../runs/delete.ts'),
          import('../../render/output.ts'),
        ]);
        const done = await withSession(options, io, (session) => deleteRun(session, wanted, { io, yes }));
        await printDeed(io.terminal, output, { document: done, name: done.run });
      }),
    [
      ['sb run delete nightly-20260131-142501', 'asks'],
      ['sb run download nightly-20260131-142501', 'fetches its files even afterwards'],
    ],
  );
