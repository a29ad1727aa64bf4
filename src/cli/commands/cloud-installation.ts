/** An installation on AWS: made, looked at, taken away. */
import { Command, Option } from 'commander';
import type { DownFlags } from '../cloud/down.ts';
import type { InitFlags } from '../cloud/init.ts';
import type { TokenFlags } from '../cloud/token.ts';
import type { CloudFlags } from '../cloud/open.ts';
import { examples, several, wholeNumber, type Cli } from './command.ts';

/** Which installation, and where. */
const withPlace = (command: Command): Command =>
  command
    .addOption(new Option('--provider <name>', 'the cloud').choices(['aws']).default('aws'))
    .option('--stack <name>', 'name of the installation (default: SB_STACK, else abundant-sb)')
    .option('--region <name>', 'region (default: SB_AWS_REGION, else AWS_REGION)');

/** `sb cloud init` */
export const init = ({ io, finish }: Cli): Command =>
  examples(
    withPlace(new Command('init'))
      .description(
        'Makes an installation on AWS: shows what it consists of and what it costs, asks, and makes what is missing. Run it again after whatever stopped it: it goes on from there. It also brings an older installation to this version.',
      )
      .option('--vpc <id>', 'a VPC of yours instead of a new network')
      .option('--subnets <id>', 'private subnet of yours that nodes go into; repeatable', several)
      .option('--cluster <name>', 'an EKS cluster of yours instead of a new one (default: SB_EKS_CLUSTER)')
      .option('--admin-role <arn>', 'role or user that is admin of the cluster (default: yours)')
      .addOption(new Option('--zones <number>', 'zones that nodes are in').choices(['2', '3']).default('3'))
      .option(
        '--gpus <number>',
        'nodes with GPUs as well, for Trials that ask for some: so many GPUs together at most (default: none, or as it is)',
        wholeNumber,
      )
      .option('--yes', 'do not ask')
      .option(
        '--dry-run',
        'make nothing; show what would be made and changed, and what this machine lacks for it (exits with 3 then)',
      )
      .action(async (flags: InitFlags) => {
        const { cloudInit } = await import('../cloud/init.ts');
        finish(await cloudInit(flags, io));
      }),
    [
      ['sb cloud init --dry-run', 'what is made, and what does it cost?'],
      ['sb cloud init', 'make it, or go on with it'],
      ['sb cloud init --vpc vpc-0123456789abcdef0 --region eu-central-1', 'in a VPC of yours'],
      ['sb cloud init --gpus 4', 'with nodes for Trials that ask for GPUs'],
      ['sb cloud init --yes', 'in CI'],
    ],
  );

/** `sb cloud status` */
export const status = ({ io, finish }: Cli): Command =>
  examples(
    withPlace(new Command('status'))
      .description(
        'Shows which stacks of an installation on AWS there are, how they differ from what this version makes, and what they cost.',
      )
      .action(async (flags: CloudFlags) => {
        const { cloudStatus } = await import('../cloud/status.ts');
        finish(await cloudStatus(flags, io));
      }),
    [['sb cloud status', 'what is there, and what does it cost?']],
  );

/** `sb cloud down` */
export const down = ({ io, finish }: Cli): Command =>
  examples(
    withPlace(new Command('down'))
      .description(
        'Takes an installation on AWS away: lists what it deletes, and has its name typed. Results, images and logs stay; --purge deletes them, too. Run it again after whatever stopped it.',
      )
      .option('--cluster <name>', 'the EKS cluster of yours that init was given: it stays')
      .option('--force', 'also while Trials or Sandboxes run: they end without results')
      .option('--purge', 'delete results, images and logs as well, for good')
      .option('--confirm <name>', 'a name that would have to be typed; repeatable', several)
      .action(async (flags: DownFlags) => {
        const { cloudDown } = await import('../cloud/down.ts');
        finish(await cloudDown(flags, io));
      }),
    [
      ['sb cloud down', 'delete what costs, keep results'],
      ['sb cloud down --confirm abundant-sb', 'without a terminal'],
      ['sb cloud down --purge', 'delete everything'],
    ],
  );

/** `sb cloud token` */
export const token = ({ io, finish }: Cli): Command =>
  examples(
    new Command('token')
      .description(
        'Prints a token for the API server of an EKS cluster, good for a quarter of an hour. The context that sb cloud init writes into a kubeconfig calls it.',
      )
      .option('--cluster <name>', 'name of the cluster (default: SB_STACK, else abundant-sb)')
      .option('--region <name>', 'its region (default: SB_AWS_REGION, else AWS_REGION)')
      .action(async (flags: TokenFlags) => {
        const { cloudToken } = await import('../cloud/token.ts');
        finish(await cloudToken(flags, io));
      }),
    [['sb cloud token --cluster abundant-sb --region us-east-1', 'as kubectl calls it']],
  );
