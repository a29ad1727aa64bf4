import { Command, Option } from 'commander';
import type { CreateFlags } from '../sandbox/wish.ts';
import type { Printing } from '../sandbox/objects.ts';
import { copy, exec, NAME, portForward, shell } from './sandbox-use.ts';
import {
  DEED,
  duration,
  examples,
  inCluster,
  several,
  withCluster,
  withOutput,
  type Cli,
  type ClusterOptions,
  type InCluster,
  type OutputOptions,
} from './command.ts';

type Given<Options = object, Arguments extends readonly (string | string[])[] = [string]> = InCluster<
  ClusterOptions & OutputOptions & Options,
  Arguments
>;

const printing = ({ io }: Cli, { options }: { options: OutputOptions }): Printing => ({
  io,
  format: options.output,
});
const objects = () => import('../sandbox/objects.ts');

const CREATED: [string, string][] = [
  ['sb sandbox create --image debian:13', 'one with a random name'],
  ['sb sandbox create box --image python:3.14 --ttl 8h --memory 4Gi', 'one that ends after eight hours'],
  ['box=$(sb sandbox create --pool python)', 'one that is ready at once, for a script'],
  ['sb sandbox create dev --image debian:13 --volume home:/root:10Gi', 'with a disk that outlives its Pod'],
  [
    'sb sandbox create --image python:3.14 --allow-host pypi.org --allow-host files.pythonhosted.org',
    'that reaches these hosts alone',
  ],
];

/** `sb sandbox create` */
const create = (cli: Cli): Command =>
  examples(
    withCluster(withOutput(new Command('create'), { '-o json': 'sandbox' }, DEED))
      .description(
        'Creates a Sandbox, waits until commands can be run in it, and prints its name. One of --image, --build and --pool says what it is made of.',
      )
      .argument('[name]', 'name of the new Sandbox (default: a random one)')
      .option('--image <image>', 'image to run')
      .option('--build <taskbuild>', 'image of a TaskBuild in the namespace')
      .option('--pool <pool>', 'a Pod of this pool, ready as it is')
      .option(
        '-e, --env <KEY[=VALUE]>',
        'variable of every command; without a value: of this shell; repeatable',
        several,
      )
      .option(
        '--env-secret <KEY=SECRET/KEY>',
        'variable from a key of a Secret in the namespace; repeatable',
        several,
      )
      .option('--cpus <number>', 'limit of CPUs (default: 1)')
      .option('--memory <size>', 'limit of memory, such as 4Gi (default: 2Gi)')
      .option('--storage <size>', 'limit of disk, such as 20Gi (default: 8Gi)')
      .option('--user <user>', 'user of every command (default: the image’s)')
      .option('--workdir <directory>', 'directory of every command (default: the image’s)')
      .option('--volume <NAME:PATH:SIZE>', 'disk that is kept while it is suspended; repeatable', several)
      .option('--ttl <duration>', 'ends it so long after its creation, such as 8h', duration)
      .option('--idle-timeout <duration>', 'ends it once nobody has used it for so long', duration)
      .addOption(new Option('--on-expiry <action>', 'what becomes of it then').choices(['Delete', 'Suspend']))
      .addOption(new Option('--network <mode>', 'what it may reach').choices(['Public', 'None', 'Allowlist']))
      .option(
        '--allow-host <host>',
        'host, *.host, address or range that it may reach alone; repeatable',
        several,
      )
      .addOption(new Option('--recreate <policy>', 'after the loss of its node').choices(['Never', 'OnLoss']))
      .option('--owner <text>', 'who it is for, shown by ls')
      .option('--no-wait', 'return as soon as it is created')
      .action(
        inCluster(
          cli,
          () => Promise.all([objects(), import('../sandbox/wish.ts')]),
          async (given: Given<CreateFlags & { wait: boolean }>, [{ create: made }, { wishOf }]) => {
            const {
              session,
              options,
              arguments: [name],
            } = given;
            const wish = wishOf({ ...options, name }, cli.io.env);
            await made(session, { ...printing(cli, given), options: wish, wait: options.wait });
          },
        ),
      ),
    CREATED,
  );

/** `sb sandbox ls` */
const list = (cli: Cli): Command =>
  examples(
    withCluster(withOutput(new Command('ls'), { '-o json': 'sandbox-list' }))
      .description('Lists the Sandboxes of a namespace, and why those are not ready that are not.')
      .action(
        inCluster(cli, objects, async (given: Given<object, []>, { list: listed }) =>
          listed(given.session, printing(cli, given)),
        ),
      ),
    [
      ['sb sandbox ls', 'which are there?'],
      ['sb sandbox ls -o wide', 'with nodes and messages'],
    ],
  );

/** `sb sandbox explain` */
const explain = (cli: Cli): Command =>
  examples(
    withCluster(
      withOutput(new Command('explain'), { '-o json': 'sandbox-explain' }, [
        'table',
        'json',
        'yaml',
        'jsonl',
        'name',
      ]),
    )
      .description('Explains in a few lines why a Sandbox is ready or not, and what to do next.')
      .argument('<sandbox>', NAME)
      .action(
        inCluster(cli, objects, async (given: Given, { explain: explained }) =>
          explained(given.session, { ...printing(cli, given), name: given.arguments[0] }),
        ),
      ),
    [['sb sandbox explain box', 'why can it not be used?']],
  );

/** `sb sandbox suspend` and `resume` */
const suspend = (cli: Cli): Command =>
  examples(
    withCluster(withOutput(new Command('suspend'), { '-o json': 'sandbox' }, DEED))
      .description('Ends the Pod of a Sandbox and keeps its volumes. What runs in it ends.')
      .argument('<sandbox>', NAME)
      .action(
        inCluster(cli, objects, async (given: Given, { suspend: suspended }) =>
          suspended(given.session, { ...printing(cli, given), name: given.arguments[0] }),
        ),
      ),
    [['sb sandbox suspend dev', 'it costs a disk only']],
  );

const resume = (cli: Cli): Command =>
  examples(
    withCluster(withOutput(new Command('resume'), { '-o json': 'sandbox' }, DEED))
      .description('Makes a new Pod for a suspended Sandbox, with its volumes, and waits until it is ready.')
      .argument('<sandbox>', NAME)
      .action(
        inCluster(cli, objects, async (given: Given, { resume: resumed }) =>
          resumed(given.session, { ...printing(cli, given), name: given.arguments[0] }),
        ),
      ),
    [['sb sandbox resume dev', 'go on']],
  );

/** `sb sandbox extend` */
const extend = (cli: Cli): Command =>
  examples(
    withCluster(withOutput(new Command('extend'), { '-o json': 'sandbox' }, DEED))
      .description('Lets a Sandbox live longer: for a time from now, or until a point in time.')
      .argument('<sandbox>', NAME)
      .argument('[duration]', 'from now on, such as 90m or 8h', duration)
      .option('--until <time>', 'instead, such as 2026-12-24T18:00:00Z')
      .option('--idle-timeout <duration>', 'how long it may be unused', duration)
      .action(
        inCluster(
          cli,
          () => Promise.all([objects(), import('../sandbox/wish.ts')]),
          async (
            given: Given<{ until?: string; idleTimeout?: string }, [string, string]>,
            [{ extend: extended }, { extensionsOf }],
          ) => {
            const {
              session,
              options,
              arguments: [name, forTime],
            } = given;
            const extensions = extensionsOf({ ...options, forTime });
            await extended(session, { ...printing(cli, given), name, extensions });
          },
        ),
      ),
    [
      ['sb sandbox extend box 2h', 'two hours from now'],
      ['sb sandbox extend box --idle-timeout 30m', 'while it is used at least every 30 minutes'],
    ],
  );

/** `sb sandbox rm` */
const remove = (cli: Cli): Command =>
  examples(
    withCluster(withOutput(new Command('rm'), { '-o json': 'sandbox-removed' }, DEED))
      .description('Deletes Sandboxes with their volumes, whatever state they are in. Asks for confirmation.')
      .argument('<sandbox...>', 'names of Sandboxes')
      .option('-y, --yes', 'do not ask', false)
      .action(
        inCluster(cli, objects, async (given: Given<{ yes: boolean }, [string[]]>, { remove: removed }) => {
          const {
            session,
            options,
            arguments: [names],
          } = given;
          await removed(session, { ...printing(cli, given), names, yes: options.yes });
        }),
      ),
    [['sb sandbox rm box --yes', 'without being asked']],
  );

/** `sb sandbox` */
export const sandbox = (cli: Cli): Command =>
  examples(
    [create, list, explain, exec, shell, copy, portForward, suspend, resume, extend, remove].reduce(
      (command, part) => command.addCommand(part(cli)),
      new Command('sandbox').description(
        'Manages Sandboxes: containers that are there to run commands in, for minutes or days.',
      ),
    ),
    [
      ['sb sandbox create box --image debian:13', 'make one'],
      ['sb sandbox exec box -- uname -a', 'run something in it'],
      ['sb sandbox rm box', 'and delete it'],
    ],
  );
