/** Researchers of a cluster: a namespace each, and a budget. */
import { Command } from 'commander';
import type { AddFlags, RemoveFlags } from '../cloud/researcher.ts';
import {
  DEED,
  examples,
  inCluster,
  withContext,
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

const work = () => import('../cloud/researcher.ts');
const printing = ({ io }: Cli, { options }: { options: OutputOptions }) => ({ io, format: options.output });
const NAME = 'their name, which is that of their namespace';

/** Which cluster of EKS an IAM role is let into. */
const withEks = (command: Command): Command =>
  command
    .option(
      '--cluster <name>',
      'EKS cluster that the role is let into (default: SB_EKS_CLUSTER, else that of --stack)',
    )
    .option('--stack <name>', 'name of the installation (default: SB_STACK, else abundant-sb)')
    .option('--region <name>', 'its region (default: SB_AWS_REGION, else AWS_REGION)');

const add = (cli: Cli): Command =>
  examples(
    withEks(withContext(withOutput(new Command('add'), { '-o json': 'researcher' }, DEED)))
      .description(
        'Makes a namespace for a researcher: budget, quota, closed network, and rights to Trials and Sandboxes for their group. With --role an IAM role is let into the cluster as a member of it. Run it again to change something.',
      )
      .argument('<name>', NAME)
      .requiredOption('--monthly <dollars>', 'what a month may cost, in US dollars')
      .option('--role <arn>', 'IAM role whose sessions are theirs')
      .option('--cpu <amount>', 'CPUs that their Pods may ask for at a time', '64')
      .option('--memory <amount>', 'the same of memory', '256Gi')
      .option('--gpus <number>', 'the same of GPUs (nvidia.com/gpu)', '0')
      .option('--storage <amount>', 'the same of disks', '500Gi')
      .action(
        inCluster(cli, work, async (given: Given<AddFlags>, { add: added }) =>
          added(given.session, given.arguments[0], { ...printing(cli, given), flags: given.options }),
        ),
      ),
    [
      ['sb cloud researcher add ada --monthly 200', 'a namespace for members of the group sb:researcher:ada'],
      [
        'sb cloud researcher add ada --monthly 200 --role arn:aws:iam::123456789012:role/ada',
        'and let this role into the cluster as one',
      ],
      ['sb cloud researcher add ada --monthly 800 --gpus 4 --memory 512Gi', 'with GPUs'],
    ],
  );

const list = (cli: Cli): Command =>
  examples(
    withContext(withOutput(new Command('ls'), { '-o json': 'researcher-list' }))
      .description('Lists researchers with what they have spent of their budgets.')
      .action(
        inCluster(cli, work, async (given: Given<object, []>, { list: listed }) =>
          listed(given.session, printing(cli, given)),
        ),
      ),
    [
      ['sb cloud researcher ls', 'who has spent how much?'],
      ['sb cloud researcher ls -o json', 'for a script'],
    ],
  );

const budget = (cli: Cli): Command =>
  examples(
    withContext(withOutput(new Command('budget'), { '-o json': 'researcher' }, DEED))
      .description(
        'Shows what a researcher has spent, or changes the budget: what waits for it goes on with a higher one.',
      )
      .argument('<name>', NAME)
      .option('--monthly <dollars>', 'what a month may cost from now on, in US dollars')
      .action(
        inCluster(cli, work, async (given: Given<{ monthly?: string }>, { budget: budgeted }) =>
          budgeted(given.session, given.arguments[0], {
            ...printing(cli, given),
            monthly: given.options.monthly,
          }),
        ),
      ),
    [
      ['sb cloud researcher budget ada', 'what is spent?'],
      ['sb cloud researcher budget ada --monthly 400', 'raise it'],
    ],
  );

const remove = (cli: Cli): Command =>
  examples(
    withEks(withContext(withOutput(new Command('rm'), { '-o json': 'researcher-removed' }, DEED)))
      .description(
        'Takes a researcher’s access away and deletes the namespace with everything in it. Has the name typed. Results in the bucket stay.',
      )
      .argument('<name>', NAME)
      .option('--confirm <name>', 'the name that would have to be typed')
      .action(
        inCluster(cli, work, async (given: Given<RemoveFlags>, { remove: removed }) =>
          removed(given.session, given.arguments[0], { ...printing(cli, given), flags: given.options }),
        ),
      ),
    [['sb cloud researcher rm ada --confirm ada', 'without a terminal']],
  );

/** `sb cloud researcher` */
export const researcher = (cli: Cli): Command =>
  examples(
    [add, list, budget, remove].reduce(
      (command, part) => command.addCommand(part(cli)),
      new Command('researcher').description('Manages researchers: a namespace each, with a monthly budget.'),
    ),
    [
      ['sb cloud researcher add ada --monthly 200', 'make one'],
      ['sb cloud researcher ls', 'and see what they spend'],
    ],
  );
