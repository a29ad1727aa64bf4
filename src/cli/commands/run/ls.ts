import { Command } from 'commander';
import {
  examples,
  withCluster,
  withOutput,
  type Cli,
  type ClusterOptions,
  type OutputOptions,
} from '../command.ts';

/** `sb run ls` */
export const ls = ({ io }: Cli): Command =>
  examples(
    withCluster(withOutput(new Command('ls'), { '-o json': 'run-list' }))
      .alias('list')
      .description('Lists the runs of a namespace, the newest first.')
      .action(async ({ output, ...options }: ClusterOptions & OutputOptions) => {
        const [{ withSession }, { listRuns, runColumns }, { printListing }] = await Promise.all([
          import('../../../client/session/session.ts'),
          import('../../runs/report/list.ts'),
          import('../../render/output.ts'),
        ]);
        await withSession(options, io, async (session) => {
          const now = io.now();
          const rows = await listRuns(session, now);
          const empty = `no runs in namespace ${session.namespace}; sb cloud run -t <folder> starts one`;
          await printListing(io.terminal, output, {
            rows,
            columns: runColumns(now),
            name: ({ run }) => run,
            empty,
          });
        });
      }),
    [
      ['sb run ls', 'how they stand'],
      ['sb run ls -o wide', 'with their errors'],
      ['sb run ls -o name', 'names alone, for scripts'],
    ],
  );
