/** What EKS's API shows of what it keeps. */
import type { AccessEntry, Cluster, PodIdentity } from './clusters.ts';

const without = (value: object, ...names: string[]): object =>
  Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)));

export const shownCluster = (cluster: Cluster): object => ({
  ...cluster.declared,
  ...without(cluster, 'declared', 'endpoint', 'authority', 'entries', 'identities'),
  platformVersion: 'eks.1',
  health: { issues: [] },
  // Neither is known before the API server answers.
  ...(cluster.status !== 'CREATING' && {
    endpoint: cluster.endpoint,
    certificateAuthority: { data: Buffer.from(cluster.authority).toString('base64') },
  }),
});

export const shownEntry = (entry: AccessEntry): object => without(entry, 'policies');

export const shownIdentity = (identity: PodIdentity): object => without(identity, 'tags', 'roleArn');
