/** Commands that do something with a run that is there. */
import { Command } from 'commander';
import { safeLine } from '../../text/safe.ts';
import {
  DEED,
  examples,
  inCluster,
  meant,
  several,
  withCluster,
  withNewest,
  withOutput,
  type Cli,
  type OnNamed,
} from './command.ts';
import { regradeRun } from './regrade.ts';

/** `sb run download` */
const download = (cli: Cli): Command =>
  examples(
    withCluster(withOutput(withNewest(new Command('download'), 'run'), { '-o json': 'run-download' }, DEED))
      .description(
        'Copies the results of a run to <jobs-dir>/<run>, in Harbor’s layout. Does not fetch files again that are there with the right checksum. Also works for a deleted run, by its full name.',
      )
      .option('--jobs-dir <folder>', 'where results are copied to', 'jobs')
      .action(
        inCluster(
          cli,
          () =>
            Promise.all([
              import('node:path'),
              import('../../client/runs/mirror/download.ts'),
              import('../runs/report.ts'),
            ]),
          async (
            given: OnNamed<{ jobsDir: string }>,
            [{ resolve }, { downloadRun }, { printDownloaded }],
          ) => {
            const { session, options } = given;
            const { terminal, signal, cwd } = cli.io;
            const done = await downloadRun(session, {
              run: meant(given),
              jobsDir: resolve(cwd, options.jobsDir),
              signal,
              onProblem: ({ error }) => terminal.err(`${safeLine(`${error.what}: ${error.why}`)}\n`),
            });
            await printDownloaded(terminal, options.output, done);
          },
        ),
      ),
    [
      ['sb run download', 'the latest, to jobs/'],
      ['sb run download nightly --jobs-dir /data/jobs', 'another one, elsewhere'],
    ],
  );

/** `sb run reindex` */
const reindex = (cli: Cli): Command =>
  examples(
    withCluster(withOutput(withNewest(new Command('reindex'), 'run'), { '-o json': 'run-reindex' }, DEED))
      .description(
        'Writes the index and result.json of a run in the bucket again, from the results of its Trials. The operator writes them as Trials end; this repairs what it could not write, such as Trials that were deleted while it was away. Works for a deleted run, too, by its full name.',
      )
      .action(
        inCluster(
          cli,
          () => Promise.all([import('../runs/reindex.ts'), import('../runs/report.ts')]),
          async (given: OnNamed, [{ reindex: indexAgain }, { printReindexed }]) => {
            const { session, options } = given;
            const { terminal, signal } = cli.io;
            const done = await indexAgain(session, { run: meant(given), terminal, signal });
            await printReindexed(terminal, options.output, done);
          },
        ),
      ),
    [
      ['sb run reindex nightly', 'also for a run whose Trials are deleted'],
      ['sb run reindex nightly -o json', 'what was written, for scripts'],
    ],
  );

/** `sb run cancel` */
const cancel = (cli: Cli): Command =>
  examples(
    withCluster(withOutput(withNewest(new Command('cancel'), 'run'), { '-o json': 'run-cancel' }, DEED))
      .description(
        'Ends the Trials of a run that have not ended; the others keep their results. Asks for confirmation.',
      )
      .option('-y, --yes', 'do not ask', false)
      .action(
        inCluster(
          cli,
          () => Promise.all([import('../runs/end.ts'), import('../render/output.ts')]),
          async (given: OnNamed<{ yes: boolean }>, [{ cancelRun }, { printDeed }]) => {
            const { session, options } = given;
            const done = await cancelRun(session, meant(given), { io: cli.io, yes: options.yes });
            await printDeed(cli.io.terminal, options.output, { document: done, name: done.run });
          },
        ),
      ),
    [
      ['sb run cancel nightly', 'asks'],
      ['sb run cancel @latest --yes', 'for scripts'],
    ],
  );

interface RerunOptions {
  only?: string[];
  runName?: string;
}

/** `sb run rerun` */
const rerun = (cli: Cli): Command =>
  examples(
    withCluster(withOutput(withNewest(new Command('rerun'), 'run'), { '-o json': 'run-rerun' }, DEED))
      .description(
        'Runs Trials of a run again, as a new run <run>-r1, -r2, …, with the same tasks, agents and variables. If you repeat an interrupted command, it continues where it stopped; after a finished rerun, it starts the next one.',
      )
      .option(
        '--only <which>',
        'infra, model, error=<reason or exception>, or reward with < <= > >= = and a number; repeatable (default: all)',
        several,
      )
      .option('--run-name <name>', 'name of the new run')
      .action(
        inCluster(
          cli,
          () =>
            Promise.all([
              import('../../client/runs/rerun/rerun.ts'),
              import('../runs/report.ts'),
              import('../../client/session/namespace.ts'),
            ]),
          async (given: OnNamed<RerunOptions>, [{ rerun: runAgain }, { printRerun }, { namespaceToSay }]) => {
            const { session, options } = given;
            const { output, only = [], runName } = options;
            const done = await runAgain(session, {
              run: meant(given),
              only,
              signal: cli.io.signal,
              ...(runName !== undefined && { runName }),
            });
            await printRerun(cli.io.terminal, output, { done, namespace: namespaceToSay(session) });
          },
        ),
      ),
    [
      ['sb run rerun nightly --only infra', 'Trials lost to cluster, node, builder or store'],
      ['sb run rerun nightly --only model', 'Trials whose model’s provider failed, whatever their reward'],
      ['sb run rerun nightly --only error=OOMKilled', 'by reason or exception'],
      ["sb run rerun nightly --only 'reward<0.5'", 'by reward'],
    ],
  );

/** `sb run delete` */
const remove = (cli: Cli): Command =>
  examples(
    withCluster(withOutput(new Command('delete'), { '-o json': 'run-delete' }, DEED))
      .alias('rm')
      .description(
        'Deletes the Trials of a run, its own builds and its Secret from the cluster. Its files stay in the store. Asks for confirmation.',
      )
      .argument('<run>', 'name of the run, its unique beginning, or @latest')
      .option('-y, --yes', 'do not ask', false)
      .action(
        inCluster(
          cli,
          () => Promise.all([import('../runs/end.ts'), import('../render/output.ts')]),
          async (given: OnNamed<{ yes: boolean }>, [{ deleteRun }, { printDeed }]) => {
            const { session, options } = given;
            const done = await deleteRun(session, meant(given), { io: cli.io, yes: options.yes });
            await printDeed(cli.io.terminal, options.output, { document: done, name: done.run });
          },
        ),
      ),
    [
      ['sb run delete nightly-20260131-142501', 'asks'],
      ['sb run download nightly-20260131-142501', 'fetches its files even afterwards'],
    ],
  );

/** In the order in which help shows them. */
export const changes = (cli: Cli): Command[] => [
  download(cli),
  cancel(cli),
  reindex(cli),
  rerun(cli),
  regradeRun(cli),
  remove(cli),
];
