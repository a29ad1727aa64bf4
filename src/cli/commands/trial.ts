import { Command } from 'commander';
import {
  DEED,
  examples,
  inCluster,
  logWish,
  meant,
  wholeNumber,
  withCluster,
  withLogs,
  withNewest,
  withOutput,
  type Cli,
  type ClusterOptions,
  type InCluster,
  type LogOptions,
  type OnNamed,
} from './command.ts';
import { regradeTrial } from './regrade.ts';

interface StepsOptions {
  steps: boolean;
  full: boolean;
  jobsDir: string;
}

/** `sb trial show` */
const show = (cli: Cli): Command =>
  examples(
    withCluster(
      withOutput(withNewest(new Command('show'), 'trial'), {
        '-o json': 'trial-show',
        '--steps -o json': 'trial-steps',
      }),
    )
      .description(
        'Shows a Trial: state, reward, usage, phases, attempts, image, and where its files and log are. With --steps, what its agent did, from the copy in <jobs-dir> or from the store.',
      )
      .option('--steps', 'what the agent said and did, step by step', false)
      .option('--full', 'with --steps: cut nothing', false)
      .option('--jobs-dir <folder>', 'with --steps: where results were copied to', 'jobs')
      .action(
        inCluster(
          cli,
          () =>
            Promise.all([
              import('node:path'),
              import('../../client/runs/find/trial.ts'),
              import('../runs/trial.ts'),
            ]),
          async (given: OnNamed<StepsOptions>, [{ resolve }, { resolveTrial }, { showSteps, showTrial }]) => {
            const { session, options } = given;
            const { steps, full, jobsDir, output: format } = options;
            const trial = await resolveTrial(session, meant(given));
            if (steps)
              return showSteps(session, {
                trial,
                format,
                full,
                io: cli.io,
                jobsDir: resolve(cli.io.cwd, jobsDir),
              });
            await showTrial(cli.io.terminal, { trial, format: options.output, now: cli.io.now() });
          },
        ),
      ),
    [
      ['sb trial show', 'the latest'],
      ['sb trial show hello-oracle-1a2b -o wide', 'with its conditions'],
      ['sb trial show hello-claude-c-1a2b --steps', 'what its agent said and did'],
      ['sb trial show --steps --full | less', 'all of it'],
    ],
  );

/** `sb trial logs` */
const logs = (cli: Cli): Command =>
  examples(
    withLogs(
      withCluster(
        withOutput(
          withNewest(new Command('logs'), 'trial'),
          { '-o json': 'trial-logs', '-o jsonl': 'trial-log-line' },
          ['table', 'json', 'jsonl'],
        ),
      ),
      'wait for its container and follow until it ends',
    )
      .description(
        'Prints the log of a Trial, without control sequences: from its Pod while it runs, and afterwards from the store, if its files are there.',
      )
      .action(
        inCluster(
          cli,
          () => import('../runs/logs.ts'),
          async (given: OnNamed<LogOptions>, { printTrialLog }) => {
            const { session, options } = given;
            await printTrialLog(session, {
              io: cli.io,
              trial: meant(given),
              wish: logWish(options),
              output: options.output,
            });
          },
        ),
      ),
    [
      ['sb trial logs hello-oracle-1a2b', 'everything but the build'],
      ['sb trial logs hello-oracle-1a2b --phase agent -f', 'what the agent does now'],
      ['sb trial logs hello-oracle-1a2b --phase build', 'how its image was built'],
      ['sb trial logs hello-oracle-1a2b -f -o jsonl', 'line by line, for a program'],
    ],
  );

/** `sb trial explain` */
const explain = (cli: Cli): Command =>
  examples(
    withCluster(
      withOutput(withNewest(new Command('explain'), 'trial'), { '-o json': 'trial-explain' }, [
        'table',
        'json',
        'yaml',
        'jsonl',
        'name',
      ]),
    )
      .description(
        'Explains in a few lines the state of a Trial, from its conditions, build, Job, Pod, node, events and log, and what to do next.',
      )
      .action(
        inCluster(
          cli,
          () =>
            Promise.all([
              import('../../client/runs/find/trial.ts'),
              import('../../client/diagnosis/explain/explain.ts'),
              import('../render/explanation.ts'),
            ]),
          async (given: OnNamed, [{ resolveTrial }, { explain: explained }, { printExplanation }]) => {
            const { session, options } = given;
            const trial = await resolveTrial(session, meant(given));
            const explanation = await explained(session, trial, cli.io.signal);
            await printExplanation(cli.io.terminal, explanation, options.output);
          },
        ),
      ),
    [
      ['sb trial explain', 'the latest'],
      ['sb trial explain hello-oracle-1a2b', 'why does it wait, or why did it fail?'],
    ],
  );

/** `sb trial cancel` */
const cancel = (cli: Cli): Command =>
  examples(
    withCluster(withOutput(new Command('cancel'), { '-o json': 'trial-cancel' }, DEED))
      .description('Ends a Trial and stores its files so far. Asks for confirmation.')
      .argument('<trial>', 'name of the Trial, its unique beginning, or @latest')
      .option('-y, --yes', 'do not ask', false)
      .action(
        inCluster(
          cli,
          () => Promise.all([import('../runs/end.ts'), import('../render/output.ts')]),
          async (given: OnNamed<{ yes: boolean }>, [{ cancelTrial }, { printDeed }]) => {
            const { session, options } = given;
            const done = await cancelTrial(session, meant(given), { io: cli.io, yes: options.yes });
            await printDeed(cli.io.terminal, options.output, { document: done, name: done.trial });
          },
        ),
      ),
    [['sb trial cancel hello-oracle-1a2b --yes', 'without being asked']],
  );

interface DebugOptions extends ClusterOptions {
  user?: string;
  copy: boolean;
  seconds: number;
  rm: boolean;
}

/** `sb trial debug` */
const debug = (cli: Cli): Command =>
  examples(
    withCluster(new Command('debug'))
      .description(
        'Opens a shell in the task container of a Trial. If the Trial is not running, the shell opens in <trial>-debug: a copy with the same image and resources whose agent only waits. The copy stays until its time is over, counts in no run and stores nothing. Neither solution nor tests are in a copy. After -- stands a command to run instead of a shell; its exit code is that of sb. You need the permission create on trials/exec, and none on Pods.',
      )
      .argument('<trial>', 'name of the Trial, its unique beginning, or @latest')
      .argument('[command...]', 'command to run, after --')
      .option('--user <user>', 'as this user, name or number (default: the agent’s)')
      .option('--copy', 'use a copy even if the Trial is running, so that nothing changes its result', false)
      .option('--seconds <number>', 'how long a copy lives', wholeNumber, 3600)
      .option('--rm', 'delete the copy when the shell ends', false)
      .action(
        inCluster(
          cli,
          () => import('../runs/debug.ts'),
          async (
            {
              session,
              options: { user, copy, seconds, rm: remove },
              arguments: [trial, command],
            }: InCluster<DebugOptions, [trial: string, command: string[]]>,
            { debugTrial },
          ) => {
            const wish = { io: cli.io, trial, command, copy, seconds, remove };
            return debugTrial(session, { ...wish, ...(user !== undefined && { user }) });
          },
        ),
      ),
    [
      ['sb trial debug hello-oracle-1a2b', 'look around where it runs, or ran'],
      ['sb trial debug hello-oracle-1a2b --copy --rm', 'in a copy that is deleted afterwards'],
      ['sb trial debug hello-oracle-1a2b --user 0', 'as root'],
      ['sb trial debug hello-oracle-1a2b -- ls -l /app', 'one command, without a terminal'],
    ],
  );

/** `sb trial` */
export const trial = (cli: Cli): Command =>
  examples(
    new Command('trial')
      .description('Manages single Trials. Name a Trial by its name, by its unique beginning, or as @latest.')
      .addCommand(show(cli))
      .addCommand(logs(cli))
      .addCommand(explain(cli))
      .addCommand(regradeTrial(cli))
      .addCommand(cancel(cli))
      .addCommand(debug(cli)),
    [['sb trial explain hello-oracle-1a2b', 'why is it in this state?']],
  );
