import { Command } from 'commander';
import { examples, withCluster, type Cli, type ClusterOptions } from '../command.ts';
import { runIn } from './options.ts';

interface Options extends ClusterOptions {
  last?: true;
  yes: boolean;
}

/** `sb run delete` */
export const remove = ({ io }: Cli): Command =>
  examples(
    withCluster(new Command('delete'))
      .alias('rm')
      .description(
        'Deletes the Trials of a run, its own builds and its Secret from the cluster. Its files stay in the store. Asks first.',
      )
      .argument('<run>', 'name of the run, its unique beginning, or @latest')
      .option('-y, --yes', 'do not ask', false)
      .action(async (wanted: string, { yes, ...options }: Options) => {
        const [{ withSession }, { deleteRun }] = await Promise.all([
          import('../../session/session.ts'),
          import('../../runs/delete.ts'),
        ]);
        await withSession(options, io, (session) => deleteRun(session, runIn(wanted, options), { io, yes }));
      }),
    [
      ['sb run delete nightly-20260131-142501', 'asks'],
      ['sb run download nightly-20260131-142501', 'fetches its files even afterwards'],
    ],
  );
