/** The steps that make nodes come, and ship what Pods on them print; and which nodes there are. */
import { logObjects, nodeObjects } from '../../../installation/aws/cluster/objects.ts';
import { EXAMPLE, type LogValues, type NodeValues } from '../../../installation/aws/cluster/values.ts';
import { outputOf } from '../../../installation/aws/values.ts';
import { OVERLAYS } from '../../../installation/overlays.ts';
import { isNotFound } from '../../../kube/errors.ts';
import { Node } from '../../../kube/kinds.ts';
import type { Kind, KubeObject } from '../../../kube/types.ts';
import { noNodesOfOurs } from '../account/failures.ts';
import type { PoolLimit } from '../account/quotas.ts';
import type { NodeLabels } from '../costs/nodes.ts';
import type { CloudContext, CloudStep } from '../steps.ts';
import { allThere, applyAll, deleteAll, kindOf } from './apply.ts';
import { inCluster } from './connect.ts';
import { clear } from './clear.ts';
import type { ToolImages } from './images.ts';

/** Of any cluster. */
async function logValues(cloud: CloudContext, images: ToolImages): Promise<LogValues> {
  const [artifacts, { fluentBit }] = await Promise.all([cloud.outputs('artifacts'), images.names(cloud)]);
  return {
    region: cloud.region,
    logGroup: outputOf(artifacts)('PodLogs'),
    namespaces: [OVERLAYS['aws']?.trials?.namespace.metadata.name ?? 'agents'],
    fluentBit,
  };
}

/** Of a cluster that the stack made: nobody else's has these outputs. */
async function nodeValues(cloud: CloudContext, gpus: number | undefined): Promise<NodeValues> {
  const of = outputOf(await cloud.outputs('cluster'));
  return {
    gpus,
    stack: cloud.stack,
    nodeRole: of('NodeRole'),
    subnetIds: of('Subnets').split(','),
    securityGroup: of('SecurityGroup'),
  };
}

type Make = (cloud: CloudContext) => Promise<Record<string, KubeObject>>;

/** A step whose objects need nothing else to be there. `wanted`: of which clusters. */
function objectStep(
  step: Pick<CloudStep, 'name' | 'shows' | 'remove'>,
  images: ToolImages,
  { make, everywhere }: { make: Make; everywhere: boolean },
): CloudStep {
  const objects = async (cloud: CloudContext) => Object.values(await make(cloud));
  return {
    ...step,
    isDone: (cloud) =>
      inCluster(cloud, false, async ({ client }, { ours, autoMode }) =>
        !(ours && autoMode) && !everywhere
          ? true
          : (await images.areThere(cloud)) && allThere(client, await objects(cloud)),
      ),
    make: (cloud) =>
      inCluster(cloud, undefined, async ({ client }) => applyAll(client, await objects(cloud))),
  };
}

/** `gpus`: how many GPUs nodes may have together. Undefined: a pool of them is left as it is. */
export function nodesStep(images: ToolImages, gpus?: number): CloudStep {
  const step = objectStep(
    {
      name: 'nodes',
      shows: (_, cluster) =>
        cluster?.ours === false
          ? ['none: those of your cluster stay; only Trials and Sandboxes that are left on them go']
          : [
              'a NodePool for Trials: spot and on demand, at most 100 nodes and 1000 CPUs',
              'a NodePool for Trials with GPUs, where one was asked for',
              'a StorageClass',
            ],
      remove: clear,
    },
    images,
    { make: async (cloud) => nodeObjects(await nodeValues(cloud, gpus)), everywhere: false },
  );
  if (gpus === undefined) return step;
  return {
    ...step,
    isDone: async (cloud) => {
      await inCluster(cloud, undefined, async (_, { ours, autoMode }) => {
        if (!(ours && autoMode)) throw noNodesOfOurs();
      });
      return step.isDone(cloud);
    },
  };
}

export const logsStep = (images: ToolImages): CloudStep =>
  objectStep(
    {
      name: 'logs',
      shows: () => ['Fluent Bit on every node, which ships what Pods of Trials print to CloudWatch'],
      remove: (cloud) =>
        inCluster(cloud, undefined, async ({ client }, { ours }) => {
          // A DaemonSet goes with its nodes.
          if (!ours) await deleteAll(client, Object.values(logObjects(EXAMPLE)));
        }),
    },
    images,
    { make: async (cloud) => logObjects(await logValues(cloud, images)), everywhere: true },
  );

/** Those of a cluster of the user's are none of ours. */
export const labelsOfNodes = (cloud: CloudContext): Promise<NodeLabels[]> =>
  inCluster(cloud, [], async ({ client }, { ours }) =>
    ours ? (await client.list(Node)).map(({ metadata }) => metadata.labels ?? {}) : [],
  );

/** Whoever made it: what its author leaves out is undefined. */
interface AnyPool extends KubeObject {
  spec?: { limits?: Record<string, string | number> };
}
const AnyPool = kindOf({ apiVersion: 'karpenter.sh/v1', kind: 'NodePool' }) as Kind<AnyPool>;

export const limitsOfPools = (cloud: CloudContext): Promise<PoolLimit[]> =>
  inCluster(cloud, [], async ({ client }) => {
    const pools = await client.list(AnyPool).catch((error: unknown): AnyPool[] => {
      if (isNotFound(error)) return [];
      throw error;
    });
    return pools.map(({ metadata: { name }, spec }) => ({ name, cpu: spec?.limits?.['cpu'] }));
  });
