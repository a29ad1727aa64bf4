import { Command, Option } from 'commander';
import type { RunFlags } from '../launch/wish.ts';
import { withAgents, withAgentVariables, withModels } from './agent-options.ts';
import { down, init, status, token } from './cloud-installation.ts';
import { researcher } from './researcher.ts';
import { duration, examples, number, several, withCluster, withOutput, type Cli } from './command.ts';

/** Which tasks, with whom, how often. */
const withSelection = (command: Command): Command =>
  withAgents(
    command.option(
      '-t, --tasks <path>',
      'a task folder, or a folder of tasks at any depth; repeatable',
      several,
    ),
  )
    .option('-k, --attempts <number>', 'Trials of each task, agent and model (default: 1)', number)
    .option('-i, --include <pattern>', 'only tasks whose name matches, such as "git-*"; repeatable', several)
    .option('-x, --exclude <pattern>', 'no task whose name matches; repeatable', several)
    .option('-l, --limit <number>', 'run at most this many tasks', number)
    .option('--skip-invalid', 'skip invalid tasks and report them')
    .option('-c, --config <file>', 'YAML file with any of these options; flags override it');

/** What their containers get. */
const withEnvironment = (command: Command): Command =>
  withAgentVariables(withModels(command))
    .option('--ve <KEY[=VALUE]>', 'the same for the verifier', several)
    .option(
      '--allow-env <name>',
      'variable of this shell that agents may have as their key, and tasks and the run file as ${NAME}; repeatable (default: ask)',
      several,
    )
    .option('--timeout-multiplier <number>', 'multiplies all timeouts', number)
    .option('--agent-timeout-multiplier <number>', 'multiplies the agent’s timeout', number)
    .option('--verifier-timeout-multiplier <number>', 'multiplies the verifier’s timeout', number)
    .option(
      '--agent-setup-timeout-multiplier <number>',
      'multiplies the timeout of the agent’s installation',
      number,
    )
    .option(
      '--environment-build-timeout-multiplier <number>',
      'multiplies the timeout of the image’s build',
      number,
    )
    .option('--cpus <number|policy>', 'CPUs, instead of the value in task.toml; or a policy for it')
    .option('--memory <size|policy>', 'memory, such as 4Gi; or a policy for it')
    .option(
      '--cpu-enforcement-policy <policy>',
      'what the CPUs become: auto, limit, request, guarantee, ignore',
    )
    .option('--memory-enforcement-policy <policy>', 'the same for memory')
    .option('--storage <size>', 'disk, such as 20Gi')
    .option('--force-build', 'build the images again')
    .option('--no-force-build', 'use existing images (default)')
    .option(
      '--stop-background-processes',
      'end the agent’s background processes before the tests appear (default: keep them)',
    )
    .option('--separate-verifier', 'run the tests in a container of their own, whatever the tasks say')
    .option('--upload-results', 'store the results (default)')
    .option('--no-upload-results', 'keep only the reward');

/** How the run is called, waited for and shown. */
const withAttendance = (command: Command): Command =>
  command
    .option(
      '--run-name <name>',
      'name of the run; use the same name to continue it (default: folder and time)',
    )
    .option('--jobs-dir <folder>', 'where results are copied to (default: jobs)')
    .option('--detach', 'return as soon as the Trials are created')
    .option('--follow', 'print what the agents print')
    .option('--fail-under <reward>', 'exit with 4 where the mean reward is below', number)
    .option('--wait-timeout <duration>', 'exit with 124 after, such as 30m; the run goes on', duration)
    .option('-q, --quiet', 'no progress')
    .option(
      '--no-provision',
      'use what is there: do not offer to make an installation on AWS where there is none',
    )
    .option('--no-new-nodes', 'do not wait for new nodes: refuse tasks that no existing node can hold')
    .addOption(
      new Option(
        '--dry-run [where]',
        'create nothing; client: check locally; server: let the API server validate each object',
      )
        .choices(['client', 'server'])
        .preset('client'),
    );

const DOCUMENTS = {
  '-o json': 'run',
  '-o jsonl': 'run-event',
  '--detach -o json': 'run-detached',
  '--dry-run -o json': 'manifests',
  '-c <file>': 'run-file',
} as const;

/** `sb cloud run` */
const run = ({ io, finish }: Cli): Command =>
  examples(
    withCluster(withOutput(withAttendance(withEnvironment(withSelection(new Command('run')))), DOCUMENTS))
      .description(
        'Packs and uploads tasks, creates their Trials, shows their progress and copies the results. The run continues in the cluster if you stop this command; the same command with the same --run-name returns to it.',
      )
      .action(async (flags: RunFlags) => {
        const { cloudRun } = await import('../launch/cloud-run.ts');
        finish(await cloudRun(flags, io));
      }),
    [
      ['sb cloud run -t examples/tasks/hello', 'one task with the agent oracle, which knows the solution'],
      [
        'sb cloud run -t tasks -a oracle -a nop -k 5 --env-file .env',
        'every task five times with each agent',
      ],
      [
        'sb cloud run -t tasks -a custom -c run.yaml -m anthropic/claude-opus-4-1',
        'an agent of the run file’s, with a model',
      ],
      [
        'sb cloud run -t tasks -a ./my-agent.yaml --ae ANTHROPIC_API_KEY',
        'your own agent, with a key of this shell',
      ],
      [
        'sb cloud run -t tasks --separate-verifier',
        'tests that no process of the agent can reach; tasks need artifacts for that',
      ],
      ['sb cloud run -t tasks --detach', 'do not wait'],
      ['sb cloud run -t tasks --fail-under 0.8 -o json', 'for CI'],
      ['sb cloud run -t tasks --run-name nightly --dry-run -o yaml', 'manifests for Git'],
      ['sb cloud run -c run.yaml --run-name nightly', 'from a file; run it again to continue'],
    ],
  );

/** `sb cloud` */
export const cloud = (cli: Cli): Command =>
  examples(
    [run, init, status, down, researcher, token].reduce(
      (command, part) => command.addCommand(part(cli)),
      new Command('cloud').description(
        'Runs tasks in a cluster; makes an installation on AWS, and takes it away.',
      ),
    ),
    [
      ['sb cloud run -t examples/tasks', 'run these tasks'],
      ['sb cloud init', 'make an installation on AWS to run them in'],
    ],
  );
