import { Command, InvalidArgumentError, Option } from 'commander';
import { STATE_NAMES, type TrialState } from '../../results/state-names.ts';
import {
  collecting,
  duration,
  examples,
  inCluster,
  logWish,
  meant,
  number,
  several,
  withCluster,
  withLogs,
  withNewest,
  withOutput,
  type Cli,
  type ClusterOptions,
  type InCluster,
  type LogOptions,
  type OnNamed,
  type OutputOptions,
} from './command.ts';
import { changes } from './run-change.ts';

const withStates = (command: Command): Command =>
  command.addOption(
    new Option('--state <state>', 'only Trials in this state; repeatable').argParser(
      collecting((value: string, before: TrialState[] | undefined) => {
        const found = STATE_NAMES.find((state) => state === value);
        if (!found) throw new InvalidArgumentError(`expected one of ${STATE_NAMES.join(', ')}`);
        return several(found, before) as TrialState[];
      }),
    ),
  );

interface StateOptions {
  state?: TrialState[];
}

/** `sb run ls` */
const ls = (cli: Cli): Command =>
  examples(
    withCluster(withOutput(new Command('ls'), { '-o json': 'run-list' }))
      .alias('list')
      .description('Lists the runs of a namespace, the newest first.')
      .action(
        inCluster(
          cli,
          () =>
            Promise.all([
              import('../../client/runs/documents.ts'),
              import('../runs/report.ts'),
              import('../render/output.ts'),
            ]),
          async (
            { session, options: { output } }: InCluster<ClusterOptions & OutputOptions, []>,
            [{ listRuns }, { runColumns }, { printListing }],
          ) => {
            const now = cli.io.now();
            await printListing(cli.io.terminal, output, {
              rows: await listRuns(session, now),
              columns: runColumns(now),
              name: ({ run }) => run,
              empty: `no runs in namespace ${session.namespace}; sb cloud run -t <folder> starts one`,
            });
          },
        ),
      ),
    [
      ['sb run ls', 'runs and their state'],
      ['sb run ls -o wide', 'with their errors'],
      ['sb run ls -o name', 'names alone, for scripts'],
    ],
  );

/** `sb run show` */
const show = (cli: Cli): Command =>
  examples(
    withCluster(
      withOutput(withStates(withNewest(new Command('show'), 'run')), {
        '-o json': 'run-show',
        '-o jsonl': 'run-trial',
      }),
    )
      .description('Shows a run: counts and rewards, errors grouped by class, and its Trials.')
      .action(
        inCluster(
          cli,
          () =>
            Promise.all([
              import('../../client/runs/find/runs.ts'),
              import('../runs/report.ts'),
              import('../../client/session/namespace.ts'),
            ]),
          async (
            given: OnNamed<StateOptions>,
            [{ resolveRun, trialsOf }, { showRun }, { namespaceToSay }],
          ) => {
            const { session, options } = given;
            const run = await resolveRun(session, meant(given));
            await showRun(cli.io.terminal, {
              run,
              namespace: session.namespace,
              trials: await trialsOf(session, run),
              now: cli.io.now(),
              states: options.state ?? [],
              sayNamespace: namespaceToSay(session),
              format: options.output,
            });
          },
        ),
      ),
    [
      ['sb run show', 'the latest'],
      ['sb run show nightly --state lost --state failed', 'what needs attention'],
      ['sb run show @latest -o json', 'for programs'],
    ],
  );

interface AttachOptions {
  jobsDir: string;
  quiet: boolean;
  follow: boolean;
  failUnder?: number;
  waitTimeout?: string;
}

/** `sb run attach` */
const attach = (cli: Cli): Command =>
  examples(
    withCluster(
      withOutput(withNewest(new Command('attach'), 'run'), { '-o json': 'run', '-o jsonl': 'run-event' }),
    )
      .description(
        'Shows the progress of a run and copies its results, as sb cloud run does, and exits with the same code.',
      )
      .option('--jobs-dir <folder>', 'where results are copied to', 'jobs')
      .option('--follow', 'print what the agents print', false)
      .option('--fail-under <reward>', 'exit with 4 where the mean reward is below', number)
      .option('--wait-timeout <duration>', 'exit with 124 after, such as 30m; the run goes on', duration)
      .option('-q, --quiet', 'no progress', false)
      .action(
        inCluster(
          cli,
          () =>
            Promise.all([import('node:path'), import('../launch/cloud-run.ts'), import('../launch/wish.ts')]),
          async (given: OnNamed<AttachOptions>, [{ resolve }, { attachRun }, { durationMs }]) => {
            const { session, options } = given;
            const { output, quiet, follow, failUnder, waitTimeout, jobsDir } = options;
            return attachRun(session, {
              io: cli.io,
              run: meant(given),
              jobsDir: resolve(cli.io.cwd, jobsDir),
              output,
              quiet,
              followAgents: follow,
              ...(failUnder !== undefined && { failUnder }),
              ...(waitTimeout !== undefined && { waitMs: durationMs(waitTimeout) }),
            });
          },
        ),
      ),
    [
      ['sb run attach', 'back to the latest'],
      ['sb run attach nightly --wait-timeout 30m', 'not longer than half an hour'],
      ['sb run attach nightly -o jsonl', 'events for programs'],
    ],
  );

/** `sb run logs` */
const logs = (cli: Cli): Command =>
  examples(
    withLogs(
      withCluster(withStates(withNewest(new Command('logs'), 'run'))),
      'follow until the run ends, and add each log as soon as it exists',
    )
      .description(
        'Prints the logs of a run’s Trials, each line prefixed with the Trial’s name: from the Pod while it runs, and afterwards from the store, if its files are there.',
      )
      .action(
        inCluster(
          cli,
          () => import('../runs/logs.ts'),
          async (given: OnNamed<StateOptions & LogOptions>, { printRunLogs }) => {
            const { session, options } = given;
            const { state: states = [] } = options;
            const run = meant(given);
            await printRunLogs(session, { io: cli.io, run, states, wish: logWish(options) });
          },
        ),
      ),
    [
      ['sb run logs --state failed --phase verifier --tail 20', 'why the tests failed'],
      ['sb run logs nightly --phase agent -f', 'what all agents do now'],
      ['sb run logs nightly | grep -i error', 'one word in all of them'],
    ],
  );

/** `sb run` */
export function runs(cli: Cli): Command {
  const command = new Command('run').description(
    'Manages runs. Name a run by its name, by its unique beginning, or as @latest.',
  );
  for (const child of [ls(cli), show(cli), attach(cli), logs(cli), ...changes(cli)])
    command.addCommand(child);
  return examples(command, [
    ['sb run ls', 'which runs are there?'],
    ['sb run show', 'how is the latest?'],
  ]);
}
