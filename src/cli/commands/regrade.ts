/** `sb run regrade` and `sb trial regrade`: one command, of a run and of a single Trial. */
import { Command, Option } from 'commander';
import type { ExitCode } from '../../client/failures/error.ts';
import type { Regraded } from '../../client/documents/run.ts';
import type { Session } from '../../client/session/types.ts';
import {
  duration,
  examples,
  inCluster,
  meant,
  number,
  several,
  withCluster,
  withNewest,
  withOutput,
  type Cli,
  type ClusterOptions,
  type OnNamed,
  type OutputOptions,
} from './command.ts';

interface RegradeOptions {
  task?: string[];
  separateVerifier: boolean;
  runName?: string;
  jobsDir: string;
  detach: boolean;
  quiet: boolean;
  failUnder?: number;
  waitTimeout?: string;
}

const DOCUMENTS = { '-o json': 'run', '-o jsonl': 'run-event', '--detach -o json': 'run-regrade' } as const;

const withTests = (command: Command): Command =>
  withCluster(withOutput(command, DOCUMENTS))
    .addOption(
      new Option(
        '-t, --task <path>',
        'folder of the task with newer tests, or of several tasks; repeatable (default: the tests that ran)',
      ).argParser(several),
    )
    .option('--separate-verifier', 'run the tests in a container of their own, whatever the tasks say', false)
    .option('--run-name <name>', 'name of the new run (default: the run’s name and -g1, -g2, …)')
    .option('--jobs-dir <folder>', 'where results are copied to', 'jobs')
    .option('--detach', 'return as soon as the Trials are created', false)
    .option('--fail-under <reward>', 'exit with 4 where the mean reward is below', number)
    .option('--wait-timeout <duration>', 'exit with 124 after, such as 30m; the run goes on', duration)
    .option('-q, --quiet', 'no progress', false);

const HOW =
  'Runs no agent: the verifiers judge again what the agents left, in a new run. Both rewards are kept. The task must have separate verifiers.';

/** Of what both commands are given. */
type Given = OnNamed<RegradeOptions>;

const modules = () =>
  Promise.all([
    import('node:path'),
    import('../../client/runs/rerun/regrade.ts'),
    import('../runs/report.ts'),
    import('../launch/cloud-run.ts'),
    import('../launch/wish.ts'),
    import('../../client/session/namespace.ts'),
    import('../../client/tasks/push.ts'),
    import('../../client/tasks/local.ts'),
  ]);
type Modules = Awaited<ReturnType<typeof modules>>;

const wishOf = (
  { session, options }: Given,
  { io }: Cli,
  [, , , , , , { pushTasks }, { leftOutNote }]: Modules,
) => {
  const { task: paths = [], separateVerifier: separate, runName } = options;
  const { cwd, signal, terminal } = io;
  const onTasks = (tasks: Parameters<typeof leftOutNote>[0]): void => {
    const note = leftOutNote(tasks);
    if (note !== undefined) terminal.err(`${note}\n`);
  };
  return {
    separate,
    signal,
    ...(paths.length > 0 && { tests: () => pushTasks(session, { paths, cwd, signal, onTasks }) }),
    ...(runName !== undefined && { runName }),
  };
};

/** Says what was created, and follows it to its end, unless nobody waits. */
async function follow(
  { io }: Cli,
  {
    done,
    session,
    options,
  }: { done: Regraded; session: Session; options: RegradeOptions & OutputOptions & ClusterOptions },
  [
    { resolve },
    ,
    { announceRegrade, printRegraded },
    { attachRun },
    { durationMs },
    { namespaceToSay },
  ]: Modules,
): Promise<ExitCode | void> {
  const { output, detach, quiet, failUnder, waitTimeout, jobsDir } = options;
  announceRegrade(io.terminal, done);
  if (detach) return printRegraded(io.terminal, output, { done, namespace: namespaceToSay(session) });
  return attachRun(session, {
    io,
    run: done.run,
    jobsDir: resolve(io.cwd, jobsDir),
    output,
    quiet,
    followAgents: false,
    ...(failUnder !== undefined && { failUnder }),
    ...(waitTimeout !== undefined && { waitMs: durationMs(waitTimeout) }),
  });
}

/** `sb run regrade` */
export const regradeRun = (cli: Cli): Command =>
  examples(
    withTests(withNewest(new Command('regrade'), 'run'))
      .description(
        `${HOW} Trials that stored nothing, or whose agents did not come to their end, are left out. Works for a deleted run, too, by its full name.`,
      )
      .option(
        '--only <which>',
        'error=<reason or exception>, or reward with < <= > >= = and a number; repeatable (default: all)',
        several,
      )
      .action(
        inCluster(cli, modules, async (given: OnNamed<RegradeOptions & { only?: string[] }>, loaded) => {
          const { session, options } = given;
          const wish = { run: meant(given), only: options.only ?? [], ...wishOf(given, cli, loaded) };
          const done = await loaded[1].regradeRun(session, wish);
          return follow(cli, { done, session, options }, loaded);
        }),
      ),
    [
      ['sb run regrade nightly', 'once more by the same tests'],
      ['sb run regrade nightly -t tasks', 'by the tests in this folder'],
      ["sb run regrade nightly -t tasks --only 'reward<1' --detach", 'only what failed, without waiting'],
    ],
  );

/** `sb trial regrade` */
export const regradeTrial = (cli: Cli): Command =>
  examples(
    withTests(withNewest(new Command('regrade'), 'trial'))
      .description(`${HOW} For a Trial that was deleted, give the s3:// URI of its results.`)
      .action(
        inCluster(cli, modules, async (given: Given, loaded) => {
          const { session, options } = given;
          const done = await loaded[1].regradeTrial(session, {
            trial: meant(given),
            ...wishOf(given, cli, loaded),
          });
          return follow(cli, { done, session, options }, loaded);
        }),
      ),
    [
      ['sb trial regrade hello-oracle-1a2b', 'once more by the same tests'],
      ['sb trial regrade hello-oracle-1a2b -t tasks/hello', 'by newer tests'],
      ['sb trial regrade s3://artifacts/trials/nightly/hello-oracle-1a2b__0f3c9d2/', 'one that was deleted'],
    ],
  );
