/** The objects of a cluster on AWS beside those of the operator, in the groups in which they are made and taken away. */
import type { Objects } from '../../installation.ts';
import { checksumOf, logShipper, shipperSettings } from './logs.ts';
import { limitRange, storageClass } from './namespaces.ts';
import { gpuPool, networkPolicies, nodeClass, nodePool } from './nodes.ts';
import type { AwsClusterValues, LogValues, NodeValues } from './values.ts';

/** Only where EKS Auto Mode makes nodes and volumes. */
export const nodeObjects = (values: NodeValues): Objects => ({
  'network-policies': networkPolicies(),
  'node-class': nodeClass(values),
  'node-pool': nodePool(),
  ...(values.gpus !== undefined && { 'gpu-node-pool': gpuPool(values.gpus) }),
  'storage-class': storageClass(values),
});

/** In the namespaces of Trials, which must be there. */
export const namespaceObjects = ({ namespaces }: Pick<AwsClusterValues, 'namespaces'>): Objects =>
  Object.fromEntries(namespaces.map((namespace) => [`limit-range-${namespace}`, limitRange(namespace)]));

/** What ships logs. */
export const logObjects = (values: LogValues): Objects =>
  logShipper(values, checksumOf(shipperSettings(values)));

/** All of them. */
export const clusterObjects = (values: AwsClusterValues): Objects => ({
  ...nodeObjects(values),
  ...namespaceObjects(values),
  ...Object.fromEntries(
    Object.entries(logObjects(values)).map(([name, object]) => [`fluent-bit-${name}`, object]),
  ),
});
