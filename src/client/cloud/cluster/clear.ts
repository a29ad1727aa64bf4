/**
 * What must go before a cluster can: while an instance, a load balancer or a volume of it is there, its network interfaces keep the VPC, and it goes on
 * costing. Nobody but the cluster's own controllers takes them away, so each is deleted as its object, and waited for.
 */
import { isFinished } from '../../../crds/conditions.ts';
import { Sandbox, Trial } from '../../../crds/kinds.ts';
import { GPU_NODES, POOL_LABEL, TRIAL_NODES } from '../../../installation/aws/cluster/nodes.ts';
import { isNotFound } from '../../../kube/errors.ts';
import { PersistentVolumeClaim } from '../../../kube/kinds.ts';
import type { Service as ServiceObject } from '../../../kube/kinds.ts';
import type { Kind, KubeClient, KubeObject } from '../../../kube/types.ts';
import { CliError } from '../../failures/error.ts';
import type { CloudContext } from '../steps.ts';
import { kindOf } from './apply.ts';
import { inCluster } from './connect.ts';
import { waitFor } from './wait.ts';

const Service = kindOf({ apiVersion: 'v1', kind: 'Service' }) as Kind<ServiceObject>;
const NodePool = kindOf({ apiVersion: 'karpenter.sh/v1', kind: 'NodePool' });
const NodeClaim: Kind<KubeObject> = { ...NodePool, kind: 'NodeClaim', plural: 'nodeclaims' };

interface Volume extends KubeObject {
  spec?: { persistentVolumeReclaimPolicy?: string; claimRef?: { namespace?: string; name?: string } };
}
const PersistentVolume: Kind<Volume> = {
  group: '',
  version: 'v1',
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  namespaced: false,
};

/** Karpenter gives a Pod that asks not to be disturbed its time; there is none left by then. */
const LIMIT_MS = 20 * 60_000;

/** One kind of thing that goes. */
interface Goes {
  /** `2 load balancers`: what waiting is for. */
  words: readonly [one: string, many: string];
  /** Those that are there. */
  find: (kube: KubeClient) => Promise<KubeObject[]>;
  kind: Kind<KubeObject>;
  /** Only of a cluster that is ours: in another one they are somebody else's. */
  whole?: true;
  /** What goes with them, and is waited for in their place. */
  until?: (kube: KubeClient) => Promise<KubeObject[]>;
}

/** Objects of a kind; none where the API server does not know it. */
const listed = <T extends KubeObject>(kube: KubeClient, kind: Kind<T>): Promise<T[]> =>
  kube.list(kind).catch((error: unknown) => {
    if (isNotFound(error)) return [];
    throw error;
  });

const openTrials = async (kube: KubeClient): Promise<KubeObject[]> =>
  (await listed(kube, Trial)).filter((trial) => !isFinished(trial));

/** Trials and Sandboxes that somebody would miss. */
async function alive(kube: KubeClient): Promise<KubeObject[]> {
  const [trials, sandboxes] = await Promise.all([openTrials(kube), listed(kube, Sandbox)]);
  return [
    ...trials,
    ...sandboxes.filter(({ spec }) => spec.operatingMode !== 'Suspended' && spec.pool === undefined),
  ];
}

const SHOWN = 300;

/** Names of those, as `namespace/name`. */
export const running = (cloud: CloudContext): Promise<readonly string[]> =>
  inCluster(cloud, [], async ({ client }) =>
    (await alive(client))
      .slice(0, SHOWN)
      .map(({ metadata: { namespace = '', name } }) => `${namespace}/${name}`),
  );

const isOurs = (pool: string | undefined): boolean => pool === TRIAL_NODES || pool === GPU_NODES;

/** In this order: Pods keep volumes, and nodes keep Pods. */
const GOES: readonly Goes[] = [
  {
    words: ['Trial that has not ended', 'Trials that have not ended'],
    kind: Trial,
    find: openTrials,
  },
  { words: ['Sandbox', 'Sandboxes'], kind: Sandbox, find: (kube) => listed(kube, Sandbox) },
  {
    words: ['load balancer', 'load balancers'],
    kind: Service,
    whole: true,
    find: async (kube) => (await listed(kube, Service)).filter(({ spec }) => spec?.type === 'LoadBalancer'),
  },
  {
    words: ['volume', 'volumes'],
    kind: PersistentVolumeClaim,
    whole: true,
    find: (kube) => listed(kube, PersistentVolumeClaim),
    // A volume that its class retains is somebody's wish.
    until: async (kube) =>
      (await listed(kube, PersistentVolume)).filter(
        ({ spec }) => spec?.persistentVolumeReclaimPolicy === 'Delete' && spec.claimRef,
      ),
  },
  {
    words: ['node of Trials', 'nodes of Trials'],
    kind: NodePool,
    whole: true,
    find: async (kube) => (await listed(kube, NodePool)).filter(({ metadata }) => isOurs(metadata.name)),
    until: async (kube) =>
      (await listed(kube, NodeClaim)).filter(({ metadata }) => isOurs(metadata.labels?.[POOL_LABEL])),
  },
];

/** Takes all of it away, and resolves when it is gone. Rejects with SB-E131 where something stays. */
export async function clear(cloud: CloudContext): Promise<void> {
  await inCluster(cloud, undefined, async ({ client }, { ours }) => {
    for (const goes of GOES.filter(({ whole }) => ours || !whole)) {
      cloud.signal.throwIfAborted();
      await take(client, cloud, goes);
    }
  });
}

const nameOf = ({ metadata: { namespace, name } }: KubeObject): string =>
  namespace === undefined ? name : `${namespace}/${name}`;

async function take(
  kube: KubeClient,
  cloud: CloudContext,
  { words, find, kind, until }: Goes,
): Promise<void> {
  const [one, many] = words;
  await waitFor(cloud, {
    limitMs: LIMIT_MS,
    look: async () => {
      const found = await find(kube);
      for (const object of found) await remove(kube, kind, object);
      const left = [...(found.length > 0 ? await find(kube) : []), ...((await until?.(kube)) ?? [])];
      return left.length === 0
        ? { done: undefined }
        : { still: `${left.length} ${left.length === 1 ? one : many} to go: ${shown(left)}` };
    },
    late: (still) =>
      new CliError('SB-E131', {
        what: `cannot take away the ${many} of the cluster`,
        why: `${still}; ${LIMIT_MS / 60_000} minutes after they were deleted`,
        fix: `kubectl describe ${kind.plural} -A    (what keeps them is among their events or finalizers; then run the same command again)`,
      }),
  });
}

/** Once: what is going already only takes its time. */
const remove = async (kube: KubeClient, kind: Kind<KubeObject>, object: KubeObject): Promise<void> => {
  const { namespace = '', name, uid, deletionTimestamp } = object.metadata;
  if (deletionTimestamp === undefined)
    await kube.delete(kind, { namespace, name }, uid === undefined ? {} : { uid });
};

const NAMED = 3;
const shown = (objects: readonly KubeObject[]): string =>
  objects.slice(0, NAMED).map(nameOf).join(', ') + (objects.length > NAMED ? ', …' : '');
