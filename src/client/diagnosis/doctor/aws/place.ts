/** Where checks of AWS look: the account with the user's own credentials, the operator's settings, and the EKS cluster that the context is of. */
import type {
  Account,
  Cluster,
  Identity,
  Inspection,
  PodIdentity,
} from '../../../../providers/account/port.ts';
import { openCloud } from '../../../../providers/profiles/cloud.ts';
import { OPERATOR, SETTINGS } from '../../../../installation/names.ts';
import { ProviderError } from '../../../../providers/errors.ts';
import { ConfigMap, StatefulSet } from '../../../../kube/kinds.ts';
import { isForbidden } from '../../../../kube/errors.ts';
import { CliError } from '../../../failures/error.ts';
import { operatorNamespace } from '../../../session/client-config.ts';
import type { Session } from '../../../session/types.ts';
import { failed, skipped, warning, type Check, type Found, type Patient } from '../check.ts';
import { explainCloud } from '../../../cloud/account/failures.ts';

/** Why something is not known. */
export interface Unknown {
  unknown: string;
}

export const isKnown = (cluster: AwsPlace['cluster']): cluster is Cluster => !('unknown' in cluster);

/** What the operator is told by its ConfigMap. */
export type OperatorSettings = Readonly<Record<string, string>>;

export interface AwsPlace {
  region: string;
  identity: Identity;
  account: Pick<Account, 'role'>;
  inspection: Inspection;
  /** Undefined where the user may not read them. */
  settings: OperatorSettings | undefined;
  /** Or why it is not known which one it is. */
  cluster: Cluster | Unknown;
  /** The operator's namespace. */
  namespace: string;
}

/** A check that looks at AWS. It finds nothing where the installation is elsewhere, and is skipped where the account cannot be asked: `aws-account` says why. */
export const awsCheck = (
  { name, subject }: Pick<Check<Patient>, 'name' | 'subject'>,
  run: (place: AwsPlace, patient: Patient) => Promise<Found[]>,
): Check<Patient> => ({
  name,
  subject,
  async run(patient) {
    const place = await patient.aws().catch(() => 'closed' as const);
    if (place === 'closed')
      return [skipped(`${subject} could not be checked`, 'the account cannot be asked')];
    if (!place) return [];
    return run(place, patient).catch((error: unknown) => [unasked({ subject }, error)]);
  },
});

/** What AWS did not say. Whoever may not ask is told so, and nothing is known to be wrong. */
export function unasked(check: { subject: string }, error: unknown): Found {
  const explained = explainCloud(error);
  const found = failed(check, explained);
  if (!(explained instanceof CliError) || explained.code !== 'SB-E122') return found;
  const { why = '', fix = '' } = found;
  return {
    ...warning(`${check.subject} could not be checked`, `${explained.what}: ${why}`, fix),
    code: explained.code,
  };
}

/** Calls of a check, of which all take ten seconds at most. */
const ATTEMPTS = 3;

/** Opens it; undefined where the installation is not on AWS, or there is none. Rejects where the account cannot be asked. */
export async function awsPlace(session: Session): Promise<AwsPlace | undefined> {
  const client = await session.client().catch((error: unknown) => {
    if (error instanceof CliError) return undefined;
    throw error;
  });
  if (client?.profile !== 'aws') return undefined;
  const { region } = client;
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());
  const ports = await openCloud({ region, env: session.env, sleep, attempts: ATTEMPTS });
  const { account } = ports;
  const [identity, inspection, settings, namespace] = await Promise.all([
    account.identity(),
    ports.inspection(),
    settingsOf(session),
    operatorNamespace(session),
  ]);
  const cluster = await clusterOf(session, account, settings);
  return { region, identity, ...askedOnce(account, inspection), settings, cluster, namespace };
}

/** Several checks, which run beside each other, want to know the same of AWS. */
function askedOnce(account: Account, inspection: Inspection): Pick<AwsPlace, 'account' | 'inspection'> {
  return {
    account: { role: remembered((name: string) => account.role(name)) },
    inspection: {
      project: remembered((name: string) => inspection.project(name)),
      podRole: remembered((one: PodIdentity) => inspection.podRole(one)),
      quota: (one) => inspection.quota(one),
      hasLogGroup: (name) => inspection.hasLogGroup(name),
      activeCostTags: (keys) => inspection.activeCostTags(keys),
      s3Way: (vpc, subnets) => inspection.s3Way(vpc, subnets),
      simulate: (principal, asked) => inspection.simulate(principal, asked),
    },
  };
}

/** Asks once for each thing; a refusal is an answer, too. */
function remembered<Asked, Answer>(ask: (asked: Asked) => Promise<Answer>): typeof ask {
  const answers = new Map<string, Promise<Answer>>();
  return (asked) => {
    const key = JSON.stringify(asked);
    const answer = answers.get(key) ?? ask(asked);
    answers.set(key, answer);
    return answer;
  };
}

/** What the operator's ConfigMap says, and over it its StatefulSet. */
async function settingsOf(session: Session): Promise<OperatorSettings | undefined> {
  const { kube } = session;
  const namespace = await operatorNamespace(session);
  try {
    const statefulSet = await kube.get(StatefulSet, { namespace, name: OPERATOR.name });
    const containers = statefulSet?.spec?.template.spec?.containers ?? [];
    // kustomize puts a hash behind its name.
    const from = containers
      .flatMap(({ envFrom = [] }) => envFrom)
      .flatMap(({ configMapRef }) => configMapRef?.name ?? [])
      .find((name) => name.startsWith(SETTINGS));
    const found = from === undefined ? undefined : await kube.get(ConfigMap, { namespace, name: from });
    const own = containers.flatMap(({ env = [] }) => env);
    const set = own.flatMap(({ name, value }) => (value ? [[name, value] as const] : []));
    return found && { ...found.data, ...Object.fromEntries(set) };
  } catch (error) {
    if (isForbidden(error)) return undefined;
    throw error;
  }
}

/** It must have the address that is talked to. */
async function clusterOf(
  session: Session,
  account: Account,
  settings: OperatorSettings | undefined,
): Promise<Cluster | Unknown> {
  const here = hostOf(session.kubeParts.kubeConfig.getCurrentCluster()?.server);
  try {
    for (const name of namesOf(session, settings)) {
      const found = await account.cluster(name);
      if (found && hostOf(found.endpoint) === here) return found;
    }
  } catch (error) {
    if (error instanceof ProviderError) return { unknown: error.message };
    throw error;
  }
  return NOT_FOUND;
}

const NOT_FOUND: Unknown = {
  unknown:
    'which EKS cluster this is cannot be seen: the context names none by its ARN, as aws eks update-kubeconfig does, and that of the installation’s name has another address',
};

/** By the ARN that `aws eks` and `sb cloud init` call a cluster by in a kubeconfig, else by the installation's name. */
function namesOf(
  { kubeParts: { kubeConfig }, context }: Session,
  settings: OperatorSettings | undefined,
): Set<string> {
  const called = [kubeConfig.getCurrentCluster()?.name ?? '', context];
  const byArn = called.flatMap((name) => CLUSTER_ARN.exec(name)?.[1] ?? []);
  const stack = settings?.['SB_STACK'];
  return new Set([...byArn, ...(stack ? [stack] : [])]);
}

const CLUSTER_ARN = /^arn:[a-z-]+:eks:[a-z0-9-]+:\d{12}:cluster\/(.+)$/;

const hostOf = (url = ''): string | undefined => (URL.canParse(url) ? new URL(url).host : undefined);
