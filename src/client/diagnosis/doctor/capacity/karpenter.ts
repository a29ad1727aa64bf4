/** Karpenter, or EKS Auto Mode, which is Karpenter run by AWS: what adds nodes. */
import { isForbidden, isNotFound } from '../../../../kube/errors.ts';
import { ConfigMap } from '../../../../kube/kinds.ts';
import type { Kind, KubeClient } from '../../../../kube/types.ts';
import type { NodeClass, NodePool } from '../kinds.ts';

const GROUP = 'karpenter.sh';

/** A pool and the class of its nodes; the class is `missing` where the pool names one that is not there. */
export interface Pool {
  pool: NodePool;
  nodeClass?: NodeClass | 'missing';
}

/** What adds nodes to a cluster. */
export type Autoscaler =
  | { kind: 'none' }
  /** Says nothing about itself that could be judged. */
  | { kind: 'cluster-autoscaler' }
  | { kind: 'karpenter'; pools: Pool[] };

/** The version of a group that the API server prefers; undefined where it does not know the group. */
async function preferred(kube: KubeClient, group: string): Promise<string | undefined> {
  try {
    const found = (await kube.raw(`/apis/${group}`)) as { preferredVersion?: { version: string } };
    return found.preferredVersion?.version;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

export const hasKarpenter = async (kube: KubeClient): Promise<boolean> =>
  (await preferred(kube, GROUP)) !== undefined;

export async function autoscalerOf(kube: KubeClient): Promise<Autoscaler> {
  const version = await preferred(kube, GROUP);
  if (version === undefined)
    return { kind: (await hasClusterAutoscaler(kube)) ? 'cluster-autoscaler' : 'none' };
  const pools = await kube.list(clusterKind<NodePool>(GROUP, version, 'NodePool'));
  return { kind: 'karpenter', pools: await Promise.all(pools.map((pool) => withClass(kube, pool))) };
}

/** It writes what it does into this ConfigMap. Whoever may not read it is told of a cluster without. */
async function hasClusterAutoscaler(kube: KubeClient): Promise<boolean> {
  const key = { namespace: 'kube-system', name: 'cluster-autoscaler-status' };
  const found = await kube.get(ConfigMap, key).catch((error: unknown) => {
    if (isForbidden(error)) return undefined;
    throw error;
  });
  return found !== undefined;
}

/** EC2NodeClass of karpenter.k8s.aws, NodeClass of eks.amazonaws.com, or another provider's. */
async function withClass(kube: KubeClient, pool: NodePool): Promise<Pool> {
  const reference = pool.spec?.template?.spec?.nodeClassRef;
  if (!reference) return { pool };
  const { group, kind, name } = reference;
  const version = await preferred(kube, group);
  if (version === undefined) return { pool, nodeClass: 'missing' };
  const nodeClass = await kube.get(clusterKind<NodeClass>(group, version, kind), { namespace: '', name });
  return { pool, nodeClass: nodeClass ?? 'missing' };
}

const clusterKind = <T extends NodePool | NodeClass>(
  group: string,
  version: string,
  kind: string,
): Kind<T> => ({
  group,
  version,
  kind,
  plural: `${kind.toLowerCase()}${kind.endsWith('s') ? 'es' : 's'}`,
  namespaced: false,
});
