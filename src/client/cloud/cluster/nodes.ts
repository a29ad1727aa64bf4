/** The steps that make nodes come, and ship what Pods on them print. */
import { logObjects, nodeObjects } from '../../../installation/aws/cluster/objects.ts';
import { EXAMPLE, type AwsClusterValues } from '../../../installation/aws/cluster/values.ts';
import { outputOf } from '../../../installation/aws/values.ts';
import { OVERLAYS } from '../../../installation/overlays.ts';
import type { KubeObject } from '../../../kube/types.ts';
import type { CloudContext, CloudStep } from '../steps.ts';
import { allThere, applyAll, deleteAll } from './apply.ts';
import { inCluster, isOurs } from './connect.ts';
import { clear } from './clear.ts';
import type { ToolImages } from './images.ts';

/** Of a cluster that the stack made: nobody else's has these outputs. */
async function valuesOf(cloud: CloudContext, images: ToolImages): Promise<AwsClusterValues> {
  const [artifacts, cluster, { fluentBit }] = await Promise.all([
    cloud.outputs('artifacts'),
    cloud.outputs('cluster'),
    images.names(cloud),
  ]);
  const { stack, account, region } = cloud;
  const of = outputOf(cluster);
  return {
    stack,
    account,
    region,
    nodeRole: of('NodeRole'),
    subnetIds: of('Subnets').split(','),
    securityGroup: of('SecurityGroup'),
    logGroup: outputOf(artifacts)('PodLogs'),
    namespaces: [OVERLAYS['aws']?.trials?.namespace.metadata.name ?? 'agents'],
    fluentBit,
  };
}

type Make = (values: AwsClusterValues) => Record<string, KubeObject>;

/** A step whose objects need nothing else to be there. `wanted`: of which clusters. */
function objectStep(
  step: Pick<CloudStep, 'name' | 'shows' | 'remove'>,
  images: ToolImages,
  { make, everywhere }: { make: Make; everywhere: boolean },
): CloudStep {
  const objects = async (cloud: CloudContext) => Object.values(make(await valuesOf(cloud, images)));
  return {
    ...step,
    isDone: (cloud) =>
      inCluster(cloud, false, async ({ client }, { autoMode }) =>
        !autoMode && !everywhere
          ? true
          : (await images.areThere(cloud)) && allThere(client, await objects(cloud)),
      ),
    make: (cloud) =>
      inCluster(cloud, undefined, async ({ client }) => applyAll(client, await objects(cloud))),
  };
}

export const nodesStep = (images: ToolImages): CloudStep =>
  objectStep(
    {
      name: 'nodes',
      shows: () => [
        'a NodePool for Trials: spot and on demand, at most 100 nodes and 1000 CPUs',
        'a StorageClass',
      ],
      remove: clear,
    },
    images,
    { make: nodeObjects, everywhere: false },
  );

export const logsStep = (images: ToolImages): CloudStep =>
  objectStep(
    {
      name: 'logs',
      shows: () => ['Fluent Bit on every node, which ships what Pods of Trials print to CloudWatch'],
      remove: async (cloud) => {
        // A DaemonSet goes with its nodes.
        if (await isOurs(cloud)) return;
        await inCluster(cloud, undefined, ({ client }) =>
          deleteAll(client, Object.values(logObjects(EXAMPLE))),
        );
      },
    },
    images,
    { make: logObjects, everywhere: true },
  );
