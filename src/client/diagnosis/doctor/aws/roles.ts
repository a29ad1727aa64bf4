/** What acts for an installation on AWS: the CodeBuild project with its role, and the role that EKS gives the operator's Pods. */
import { OPERATOR } from '../../../../installation/names.ts';
import type { Kind, KubeClient, KubeObject } from '../../../../kube/types.ts';
import type { Cluster } from '../../../../providers/account/port.ts';
import { ProviderError } from '../../../../providers/errors.ts';
import { quoted } from '../../../../text/safe.ts';
import { fine, problem, skipped, type Found } from '../check.ts';
import { awsCheck, isKnown, type AwsPlace } from './place.ts';

export const awsBuilds = awsCheck(
  { name: 'aws-builds', subject: 'the CodeBuild project' },
  async ({ region, account, inspection, settings }) => {
    const name = settings?.['SB_CODEBUILD_PROJECT'];
    if (!name)
      return [
        skipped(
          'the CodeBuild project could not be checked',
          'the operator’s settings cannot be read, or name none',
        ),
      ];
    const project = await inspection.project(name);
    if (!project)
      return [
        problem(
          `there is no CodeBuild project ${name} in ${region}`,
          'SB_CODEBUILD_PROJECT names it; no image can be built',
          'sb cloud init    (makes it; docs/aws.md#4-codebuild by hand)',
        ),
      ];
    const missing = await lacksRole(account, project.role);
    if (!missing) return [fine(`CodeBuild project ${name} is there, and its role`)];
    return [
      problem(
        `CodeBuild project ${name} has no role that it could take`,
        `there is no ${project.role}`,
        'sb cloud init    (makes it again; docs/aws.md#4-codebuild by hand)',
      ),
    ];
  },
);

/** Who may not look is told by `failed` which permission it takes. */
async function lacksRole(account: AwsPlace['account'], arn: string): Promise<boolean> {
  try {
    await account.role(arn.split('/').at(-1) ?? '');
    return false;
  } catch (error) {
    if (error instanceof ProviderError && error.reason === 'NotFound') return true;
    throw error;
  }
}

interface ServiceAccount extends KubeObject {}
const ServiceAccount: Kind<ServiceAccount> = {
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  namespaced: true,
};

interface DaemonSet extends KubeObject {
  status?: { desiredNumberScheduled?: number; numberReady?: number };
}
const DaemonSet: Kind<DaemonSet> = {
  group: 'apps',
  version: 'v1',
  kind: 'DaemonSet',
  plural: 'daemonsets',
  namespaced: true,
};

/** IRSA: a role that the ServiceAccount itself names. */
const IRSA = 'eks.amazonaws.com/role-arn';
const AGENT = { namespace: 'kube-system', name: 'eks-pod-identity-agent' } as const;

const namedRole = async ({ namespace }: AwsPlace, kube: KubeClient): Promise<string | undefined> =>
  (await kube.get(ServiceAccount, { namespace, name: OPERATOR.name }))?.metadata.annotations?.[IRSA];

/** ARN of the role that the operator's Pods have, one way or the other. */
export async function operatorRole(place: AwsPlace, kube: KubeClient): Promise<string | undefined> {
  const byName = await namedRole(place, kube);
  const { cluster, namespace, inspection } = place;
  if (byName !== undefined || !isKnown(cluster)) return byName;
  return inspection.podRole({ cluster: cluster.name, namespace, name: OPERATOR.name });
}

export const awsIdentity = awsCheck(
  { name: 'aws-identity', subject: 'the operator’s role' },
  async (place, { session: { kube } }) => {
    const { cluster, account } = place;
    const byName = await namedRole(place, kube);
    if (byName !== undefined) return [await judgeRole(account, byName, 'by its ServiceAccount (IRSA)')];
    if (!isKnown(cluster)) return [skipped('the operator’s role could not be checked', cluster.unknown)];
    return byAgent(place, cluster, kube);
  },
);

async function judgeRole(account: AwsPlace['account'], arn: string, how: string): Promise<Found> {
  if (!(await lacksRole(account, arn))) return fine(`the operator has role ${arn} ${how}`);
  return problem(
    'the operator has a role that is not there',
    `there is no ${arn}, which it has ${how}`,
    'sb cloud init    (makes it again; docs/aws.md#5-roles-in-the-cluster by hand)',
  );
}

async function byAgent(
  { namespace, region, account, inspection }: AwsPlace,
  { name: cluster, autoMode }: Cluster,
  kube: KubeClient,
): Promise<Found[]> {
  const arn = await inspection.podRole({ cluster, namespace, name: OPERATOR.name });
  if (arn === undefined)
    return [
      problem(
        'the operator has no role at AWS',
        `EKS Pod Identity gives ServiceAccount ${OPERATOR.name} of namespace ${namespace} none, and the ServiceAccount names none (IRSA)`,
        `aws eks create-pod-identity-association --region ${region} --cluster-name ${quoted(cluster)} --namespace ${namespace} --service-account ${OPERATOR.name} --role-arn <role>    (sb cloud init makes role and association)`,
      ),
    ];
  const role = await judgeRole(account, arn, 'by EKS Pod Identity');
  // Auto Mode has the agent in its nodes.
  return autoMode ? [role] : [role, judgeAgent(await kube.get(DaemonSet, AGENT), cluster, region)];
}

function judgeAgent(agent: DaemonSet | undefined, cluster: string, region: string): Found {
  if (!agent)
    return problem(
      'the EKS Pod Identity Agent is not installed',
      `there is no DaemonSet ${AGENT.name} in namespace ${AGENT.namespace}; without it no Pod gets the role that EKS has for it`,
      `aws eks create-addon --region ${region} --cluster-name ${quoted(cluster)} --addon-name ${AGENT.name}`,
    );
  const { desiredNumberScheduled: wanted = 0, numberReady: ready = 0 } = agent.status ?? {};
  if (ready >= wanted) return fine(`the EKS Pod Identity Agent is ready on ${ready} nodes`);
  return problem(
    `the EKS Pod Identity Agent is ready on ${ready} of ${wanted} nodes`,
    'a Pod on one of the others gets no role',
    `kubectl -n ${AGENT.namespace} describe daemonset ${AGENT.name}`,
  );
}
