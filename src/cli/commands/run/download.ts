import { Command } from 'commander';
import { safeLine } from '../../../text/safe.ts';
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
  jobsDir: string;
}

/** `sb run download` */
export const download = ({ io }: Cli): Command =>
  examples(
    withCluster(withOutput(withRun(new Command('download')), { '-o json': 'run-download' }, DEED))
      .description(
        'Copies the results of a run to <jobs-dir>/<run>, in Harbor’s layout: what is there with the right checksum is not fetched again. Works for a deleted run, too, by its full name.',
      )
      .option('--jobs-dir <folder>', 'where results are copied to', 'jobs')
      .action(async (wanted: string, options: Options) => {
        const [{ resolve }, { withSession }, { downloadRun }, { printDownloaded }] = await Promise.all([
          import('node:path'),
          import('../../../client/session/session.ts'),
          import('../../runs/download.ts'),
          import('../../runs/report/print.ts'),
        ]);
        const jobsDir = resolve(io.cwd, options.jobsDir);
        const done = await withSession(options, io, (session) =>
          downloadRun(session, {
            run: runIn(wanted, options),
            jobsDir,
            signal: io.signal,
            onProblem: ({ error }) => io.terminal.err(`${safeLine(`${error.what}: ${error.why}`)}\n`),
          }),
        );
        await printDownloaded(io.terminal, options.output, done);
      }),
    [
      ['sb run download', 'the latest, to jobs/'],
      ['sb run download nightly --jobs-dir /data/jobs', 'another one, elsewhere'],
    ],
  );
