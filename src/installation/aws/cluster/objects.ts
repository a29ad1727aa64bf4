/** The objects of a cluster on AWS beside those of the operator, in the groups in which they are made and taken away. */
import { createHash } from 'node:crypto';
import type { Objects } from '../../installation.ts';
import { logShipper, shipperSettings } from './logs.ts';
import { limitRange, storageClass } from './namespaces.ts';
import { networkPolicies, nodeClass, nodePool } from './nodes.ts';
import type { AwsClusterValues } from './values.ts';

/** Only where EKS Auto Mode makes nodes and volumes. */
export const nodeObjects = (values: AwsClusterValues): Objects => ({
  'network-policies': networkPolicies(),
  'node-class': nodeClass(values),
  'node-pool': nodePool(),
  'storage-class': storageClass(values),
});

/** In the namespaces of Trials, which must be there. */
export const namespaceObjects = ({ namespaces }: Pick<AwsClusterValues, 'namespaces'>): Objects =>
  Object.fromEntries(namespaces.map((namespace) => [`limit-range-${namespace}`, limitRange(namespace)]));

/** What ships logs. */
export function logObjects(values: AwsClusterValues): Objects {
  const hash = createHash('sha256').update(shipperSettings(values)).digest('hex').slice(0, 10);
  return logShipper(values, hash);
}

/** All of them. */
export const clusterObjects = (values: AwsClusterValues): Objects => ({
  ...nodeObjects(values),
  ...namespaceObjects(values),
  ...Object.fromEntries(
    Object.entries(logObjects(values)).map(([name, object]) => [`fluent-bit-${name}`, object]),
  ),
});
