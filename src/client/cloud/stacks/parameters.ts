/** What the stacks of an installation are told: by options, else as they are, else as the account has it. */
import { TEMPLATES } from '../../../installation/aws/stacks/stacks.ts';
import type { Template } from '../../../installation/aws/stacks/template.ts';
import type { Account, Subnet } from '../../../providers/account/port.ts';
import { ProviderError } from '../../../providers/errors.ts';
import type { Stack, Stacks } from '../../../providers/stacks/port.ts';
import type { CliError } from '../../failures/error.ts';
import { noNodesOfOurs, wrongOption } from '../account/failures.ts';
import { PRINCIPAL, principalOf } from '../account/principal.ts';
import { phaseOf } from './phase.ts';
import { StackOfInstallation, type Parameters, type StackStep } from './step.ts';
import type { CloudContext } from '../steps.ts';

/** What can be chosen of an installation. */
export interface Choice {
  /** A VPC of the user's. */
  vpc?: string;
  /** Private subnets of the user's, of two zones or more. */
  subnets?: readonly string[];
  /** A cluster of the user's. */
  cluster?: string;
  /** Who is admin of the cluster; default: the caller. */
  adminRole?: string;
  zones: 2 | 3;
  /** Nodes with GPUs as well: so many GPUs together at most. */
  gpus?: number;
}

interface Needs {
  account: Account;
  stacks: Stacks;
  choice: Choice;
}

/** By parameter: variables that the operator has as well. */
const VARIABLES = {
  LogGroup: 'SB_LOG_GROUP',
  KeyId: 'SB_KMS_KEY_ID',
  BudgetCorrection: 'SB_BUDGET_CORRECTION',
} as const;

const ofVariables: Parameters = async ({ env }) =>
  Object.fromEntries(
    Object.entries(VARIABLES).flatMap(([parameter, variable]) => {
      const value = env[variable];
      return value ? [[parameter, value]] : [];
    }),
  );

const zones =
  ({ account, choice }: Needs): Parameters =>
  async ({ region }, now) => {
    // Those that subnets are in: another answer of AWS must not move them.
    if (now?.parameters['ZoneA']) return {};
    const [ZoneA, ZoneB, ZoneC] = await account.zones();
    if (!ZoneA || !ZoneB)
      throw new ProviderError('Invalid', `region ${region} has fewer than two zones that EKS takes`);
    return { ZoneA, ZoneB, ZoneC: choice.zones === 3 ? (ZoneC ?? '') : '' };
  };

/** Of the user's VPC: those that are meant for nodes, else those without public addresses. */
async function subnetsOf(account: Account, vpc: string): Promise<readonly string[]> {
  const all = await account.subnets(vpc);
  const internal = all.filter((subnet) => subnet.internal);
  const chosen = internal.length > 0 ? internal : all.filter((subnet) => !subnet.public);
  if (new Set(chosen.map(({ zone }) => zone)).size < 2) throw tooFew(vpc, all);
  return chosen.map(({ id }) => id);
}

const tooFew = (vpc: string, all: readonly Subnet[]): CliError =>
  wrongOption('--vpc', {
    why:
      all.length === 0
        ? `there is no VPC ${vpc} with subnets in this region and account`
        : `${vpc} has no private subnets in two zones, but only ${all.map(({ id, zone }) => `${id} (${zone})`).join(', ')}`,
    fix: 'name the subnets that nodes go into: --subnets <id> --subnets <id>',
  });

/** The outputs of a stack that is ready; empty where it is not. */
const outputsNow = async (step: StackStep, cloud: CloudContext): Promise<Stack['outputs']> => {
  const stack = await step.find(cloud);
  return stack && phaseOf(stack) === 'ready' ? stack.outputs : {};
};

/** The caller as IAM knows it: admins of clusters are roles and users. */
async function callersArn(account: Account): Promise<string> {
  const { arn } = await account.identity();
  const found = await principalOf(account, arn).catch((cause: unknown) => {
    throw wrongOption('--admin-role', {
      why: `the ARN of your role cannot be found out: ${(cause as Error).message}`,
      fix: '--admin-role arn:aws:iam::<account>:role/<name>    (with its path, where it has one)',
    });
  });
  if (found !== undefined) return found;
  throw wrongOption('--admin-role', {
    why: `${arn} cannot be admin of a cluster: it is neither role nor user`,
    fix: '--admin-role arn:aws:iam::<account>:role/<name>',
  });
}

/** The cluster of the user's that an installation is in: as an option says, or as it was when it was made. */
export const guestOf = ({ cluster }: Pick<Choice, 'cluster'>, now: Stack | undefined): string | undefined =>
  cluster ?? now?.parameters['ClusterName'];

const clusterParameters =
  (needs: Needs, network: StackStep): Parameters =>
  async (cloud, now) => {
    const { account, choice } = needs;
    const guest = guestOf(choice, now);
    if (guest !== undefined) return { ClusterName: guest, ...(await ofVariables(cloud, now)) };
    const own = await ownSubnets(needs);
    const made = own ?? (await outputsNow(network, cloud))['SubnetIds'] ?? now?.parameters['SubnetIds'];
    if (made === undefined)
      throw new ProviderError('PreconditionFailed', `stack ${cloud.stack}-network has to be there first`);
    const admin = choice.adminRole ?? now?.parameters['AdminArn'] ?? (await callersArn(account));
    return { SubnetIds: made, AdminArn: admin, ...(await ofVariables(cloud, now)) };
  };

/** Those that the user names, or has in the VPC that is named. */
async function ownSubnets({ account, choice: { vpc, subnets } }: Needs): Promise<string | undefined> {
  if (subnets) return subnets.join(',');
  return vpc === undefined ? undefined : (await subnetsOf(account, vpc)).join(',');
}

/** Throws SB-E036 for what AWS would refuse after minutes. */
export function checkChoice(choice: Choice): void {
  checkGpus(choice);
  const { adminRole, vpc, subnets } = choice;
  if (adminRole !== undefined && !PRINCIPAL.test(adminRole))
    throw wrongOption('--admin-role', {
      why: `${JSON.stringify(adminRole)} is no ARN of a role or user`,
      fix: '--admin-role arn:aws:iam::<account>:role/<name>',
    });
  if (vpc !== undefined && !/^vpc-[0-9a-f]{8,17}$/.test(vpc))
    throw wrongOption('--vpc', {
      why: `${JSON.stringify(vpc)} is no id of a VPC`,
      fix: '--vpc vpc-0123456789abcdef0',
    });
  const wrong = subnets?.find((id) => !/^subnet-[0-9a-f]{8,17}$/.test(id));
  if (wrong !== undefined || subnets?.length === 1)
    throw wrongOption('--subnets', {
      why:
        wrong === undefined
          ? 'EKS takes subnets of at least two zones'
          : `${JSON.stringify(wrong)} is no id of a subnet`,
      fix: '--subnets subnet-0123456789abcdef0 --subnets subnet-0fedcba9876543210',
    });
}

/** A mistake in it is dear. */
const MOST_GPUS = 1000;

function checkGpus({ gpus, cluster }: Choice): void {
  if (gpus === undefined) return;
  if (cluster !== undefined) throw noNodesOfOurs();
  if (gpus < 1 || gpus > MOST_GPUS)
    throw wrongOption('--gpus', {
      why: `${gpus} is not between 1 and ${MOST_GPUS}`,
      fix: '--gpus 4; without the option there are none, or those stay that there are',
    });
}

/** The stacks in the order in which they are made. */
export interface InstallationStacks {
  artifacts: StackStep;
  network: StackStep;
  cluster: StackStep;
}

export function stacksOf(
  needs: Needs,
  shows: (part: StackStep['part'], guest: boolean) => readonly string[],
): InstallationStacks {
  const { stacks } = needs;
  const step = (part: StackStep['part'], parameters: Parameters): StackStep =>
    new StackOfInstallation({
      stacks,
      part,
      parameters,
      template: (now) => templateOf(part, guestOf(needs.choice, now)),
      shows: (guest) => shows(part, guest),
      kept: part === 'artifacts',
    });
  const network = step('network', zones(needs));
  return {
    artifacts: step('artifacts', ofVariables),
    network,
    cluster: step('cluster', clusterParameters(needs, network)),
  };
}

/** The template of a part. `guest`: the cluster is the user's. */
export const templateOf = (part: StackStep['part'], guest: string | undefined): Template =>
  part === 'cluster' && guest !== undefined ? TEMPLATES['cluster-roles'] : TEMPLATES[part];
