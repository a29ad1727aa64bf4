/** An installation on AWS, opened with the user's credentials: who they are, its steps, and what the steps work with. */
import { sleep as pause, systemClock } from '../../async/clock.ts';
import { awsNames } from '../../installation/aws/names.ts';
import type { Account, Identity } from '../../providers/account/port.ts';
import { ProviderError } from '../../providers/errors.ts';
import { openCloud, type CloudPorts } from '../../providers/profiles/cloud.ts';
import { explainCloud } from './account/failures.ts';
import { checkChoice, guestOf, stacksOf, type Choice, type InstallationStacks } from './stacks/parameters.ts';
import { phaseOf } from './stacks/phase.ts';
import type { StackStep } from './stacks/step.ts';
import type { ClusterAddress, ClusterPart, CloudContext, CloudStep } from './steps.ts';
import { cloudStacks } from './costs/things.ts';

/** What the command line says. */
export interface CloudWish extends Choice {
  stack: string;
  region: string;
}

export interface CloudSurroundings {
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  signal: AbortSignal;
  now: () => Date;
  say: (line: string) => void;
}

export interface Installation {
  wish: CloudWish;
  identity: Identity;
  context: CloudContext;
  ports: CloudPorts;
  stacks: InstallationStacks;
  /** Those that this installation has, in the order in which they are made. */
  stackSteps(): Promise<readonly StackStep[]>;
  inside: ClusterPart;
}

/** All steps in the order in which they are made. */
export const stepsOf = async (installation: Installation): Promise<readonly CloudStep[]> => [
  ...(await installation.stackSteps()),
  ...installation.inside.steps,
];

/** For tests: how ports are opened, and how long waiting takes. */
export interface Opening {
  open?: typeof openCloud;
  sleep?: (ms: number) => Promise<void>;
}

/** Opens it and does something with it; failures of AWS are `CliError`s. Changes nothing by itself. */
export async function withInstallation<T>(
  wish: CloudWish,
  { around, inside, open = openCloud, sleep }: Opening & { around: CloudSurroundings; inside: ClusterPart },
  work: (installation: Installation) => Promise<T>,
): Promise<T> {
  checkChoice(wish);
  const { env, signal } = around;
  const wait = async (ms: number): Promise<void> => {
    await (sleep?.(ms) ?? pause(systemClock, ms, signal));
    signal.throwIfAborted();
  };
  try {
    const ports = await open({ region: wish.region, env, sleep: wait });
    return await work(await opened(wish, { ports, around, inside, sleep: wait }));
  } catch (error) {
    throw explainCloud(error);
  }
}

interface Parts {
  ports: CloudPorts;
  around: CloudSurroundings;
  inside: ClusterPart;
  sleep: (ms: number) => Promise<void>;
}

async function opened(wish: CloudWish, { ports, around, inside, sleep }: Parts): Promise<Installation> {
  const { stack, region, zones } = wish;
  const { account, stacks: port } = ports;
  const identity = await account.identity();
  const stacks = stacksOf({ account, stacks: port, choice: wish }, (part, guest) => {
    const all = cloudStacks({ stack, network: true, zones, guest });
    return (all.find(({ name }) => name === `${stack}-${part}`)?.things ?? []).map(({ what }) => what);
  });
  const context: CloudContext = {
    stack,
    region,
    account: identity.account,
    outputs: (part) => outputsOf(stacks[part], context),
    cluster: () => clusterOf(context, { account, stacks, wish }),
    credentials: () => account.credentials(),
    say: around.say,
    signal: around.signal,
    now: around.now,
    sleep,
    env: around.env,
    cwd: around.cwd,
  };
  const stackSteps = async (): Promise<StackStep[]> => [
    stacks.artifacts,
    ...((await hasOwnNetwork(context, { stacks, wish })) ? [stacks.network] : []),
    stacks.cluster,
  ];
  return { wish, identity, context, ports, stacks, inside, stackSteps };
}

/** A network is ours unless the user has named one, now or when the cluster was made. */
async function hasOwnNetwork(
  context: CloudContext,
  { stacks, wish }: { stacks: InstallationStacks; wish: CloudWish },
): Promise<boolean> {
  if (wish.cluster !== undefined || wish.vpc !== undefined || wish.subnets !== undefined) return false;
  const [network, cluster] = await Promise.all([stacks.network.find(context), stacks.cluster.find(context)]);
  if (network !== undefined) return true;
  return cluster?.parameters['SubnetIds'] === undefined && guestOf(wish, cluster) === undefined;
}

async function outputsOf(step: StackStep, context: CloudContext): Promise<Readonly<Record<string, string>>> {
  const stack = await step.find(context);
  const phase = phaseOf(stack);
  if (stack && phase === 'ready') return stack.outputs;
  throw new ProviderError(
    'PreconditionFailed',
    `stack ${context.stack}-${step.part} is not ready (${stack?.status ?? 'there is none'})`,
  );
}

/** The cluster's own stack says that it is ours; EKS alone knows how it is reached. */
async function clusterOf(
  context: CloudContext,
  { account, stacks, wish }: { account: Account; stacks: InstallationStacks; wish: CloudWish },
): Promise<ClusterAddress | undefined> {
  const stack = await stacks.cluster.find(context);
  const guest = guestOf(wish, stack);
  if (guest === undefined && !stack) return undefined;
  const found = await account.cluster(guest ?? awsNames(context).cluster);
  // While it is made it has no address, and while it goes nobody should talk to it.
  if (!found || found.endpoint === '' || found.status === 'DELETING') return undefined;
  const { name, arn, endpoint, authority, version, autoMode } = found;
  return { name, arn, endpoint, authority, version, autoMode, ours: guest === undefined };
}
