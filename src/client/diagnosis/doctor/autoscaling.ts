/** Whether the nodes that Pods wait for can come: what waits, what adds nodes (Karpenter, or EKS Auto Mode, which is Karpenter run by AWS), and why it cannot. */
import { LABEL } from '../../../crds/names.ts';
import { Pod, ConfigMap } from '../../../kube/kinds.ts';
import { fine, problem, warning, type Check, type Patient, type Found } from './check.ts';
import { podState } from '../../../pods/reading/state.ts';
import { isForbidden, isNotFound } from '../../../kube/errors.ts';
import type { Kind, KubeClient, KubeObject } from '../../../kube/types.ts';
import { amountOf } from '../../../crds/refusals.ts';

/** As Karpenter's objects and those of EKS Auto Mode have them. */
interface ReadyCondition {
  type: string;
  status: string;
  reason?: string;
  message?: string;
}

interface NodePool extends KubeObject {
  spec?: {
    template?: { spec?: { nodeClassRef?: { group: string; kind: string; name: string } } };
    limits?: Record<string, string | number>;
  };
  status?: { conditions?: ReadyCondition[]; resources?: Record<string, string | number> };
}

interface NodeClass extends KubeObject {
  status?: { conditions?: ReadyCondition[] };
}

/** Pods of Trials and builds in the session's namespace. */
export const autoscaling: Check<Patient> = {
  name: 'autoscaling',
  subject: 'what adds nodes',
  async run({ session: { kube, namespace, now } }) {
    const pending = { namespace, fieldSelector: 'status.phase=Pending' };
    const [trials, builds, autoscaler] = await Promise.all([
      kube.list(Pod, { ...pending, labelSelector: LABEL.trial }),
      kube.list(Pod, { ...pending, labelSelector: LABEL.taskBuild }),
      autoscalerOf(kube),
    ]);
    return judgeAutoscaling(waitingOf([...trials, ...builds], now()), autoscaler);
  },
};

/** A new node takes a minute or two; one that has not come by then does not come. */
const NODE_MS = 300_000;

/** A Pod of ours that the scheduler finds no node for. */
interface Waiting {
  pod: string;
  namespace: string;
  /** `0/2 nodes are available: 2 Insufficient cpu.` */
  message: string;
  forMs: number;
}

export function waitingOf(pods: readonly Pod[], now: Date): Waiting[] {
  return pods.flatMap((pod) => {
    const state = podState(pod);
    if (state.kind !== 'waiting' || state.on !== 'node' || state.why !== 'Unschedulable') return [];
    const { message = '', since = now.toISOString() } = state;
    const { name, namespace = '' } = pod.metadata;
    return [{ pod: name, namespace, message, forMs: now.getTime() - Date.parse(since) }];
  });
}

/** Pods that wait, and whether the nodes that they wait for can come. */
export function judgeAutoscaling(waiting: readonly Waiting[], autoscaler: Autoscaler): Found[] {
  const troubles = autoscaler.kind === 'karpenter' ? poolTroubles(autoscaler.pools, waiting.length > 0) : [];
  const [first] = waiting;
  if (!first)
    return troubles.length > 0 ? troubles : [fine(`no Pod of ours waits for a node${wordsFor(autoscaler)}`)];
  return [...troubles, judgeWaiting(waiting, autoscaler, troubles.length > 0)].filter(
    (found) => found !== undefined,
  );
}

function wordsFor(autoscaler: Autoscaler): string {
  if (autoscaler.kind !== 'karpenter') return '';
  const { length } = autoscaler.pools;
  return `, and ${length} ${length === 1 ? 'NodePool is' : 'NodePools are'} ready`;
}

function judgeWaiting(
  waiting: readonly Waiting[],
  { kind }: Autoscaler,
  isExplained: boolean,
): Found | undefined {
  const longest = waiting.reduce((a, b) => (b.forMs > a.forMs ? b : a));
  const { message, pod, namespace } = longest;
  const what = `${waiting.length} ${waiting.length === 1 ? 'Pod waits' : 'Pods wait'} for a node`;
  const look = `kubectl -n ${namespace} describe pod ${pod}`;
  if (kind === 'none' && message.includes('Insufficient'))
    return problem(
      what,
      `${message} Nothing adds nodes: the cluster has neither Karpenter nor EKS Auto Mode (there is no NodePool resource)`,
      `${look}\nadd nodes, request less (--cpus, --memory, --storage), or install Karpenter or turn on EKS Auto Mode`,
    );
  if (isExplained) return undefined;
  if (kind !== 'none' && longest.forMs < NODE_MS)
    return warning(what, message, `${look}    (a new node takes a minute or two)`);
  const claims = kind === 'karpenter' ? '; kubectl get nodeclaims' : '';
  return (kind === 'none' ? warning : problem)(what, message, `${look}${claims}`);
}

const GROUP = 'karpenter.sh';

/** A pool and the class of its nodes; the class is `missing` where the pool names one that is not there. */
interface Pool {
  pool: NodePool;
  nodeClass?: NodeClass | 'missing';
}

/** What adds nodes to a cluster. */
type Autoscaler =
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

/** `isNeeded`: Pods wait for nodes. */
function poolTroubles(pools: readonly Pool[], isNeeded: boolean): Found[] {
  if (pools.length > 0)
    return pools.flatMap((pool) => classTrouble(pool) ?? readiness(pool.pool) ?? atLimit(pool.pool) ?? []);
  return [
    (isNeeded ? problem : warning)(
      'there is no NodePool',
      'Karpenter is installed, but no NodePool says which nodes it may add',
      'kubectl apply -f <NodePool and NodeClass>    (EKS Auto Mode: aws eks update-cluster-config with the node pool general-purpose)',
    ),
  ];
}

const notReady = (object: NodePool | NodeClass): ReadyCondition | undefined =>
  object.status?.conditions?.find(({ type, status }) => type === 'Ready' && status !== 'True');

const whyNot = ({ reason, message }: ReadyCondition): string =>
  [reason, message].filter(Boolean).join(': ') || 'it does not say why';

/** The class is the cause where it is not ready; its pool only repeats it. */
function classTrouble({ pool, nodeClass }: Pool): Found | undefined {
  const reference = pool.spec?.template?.spec?.nodeClassRef;
  if (nodeClass === undefined || reference === undefined) return undefined;
  const { name } = pool.metadata;
  const label = `${reference.kind} ${reference.name}`;
  if (nodeClass === 'missing')
    return problem(
      `NodePool ${name} adds no nodes`,
      `there is no ${label}`,
      `kubectl describe nodepool ${name}`,
    );
  const condition = notReady(nodeClass);
  const resource = `${reference.kind.toLowerCase()}.${reference.group}`;
  return (
    condition &&
    problem(`${label} is not ready`, whyNot(condition), `kubectl describe ${resource} ${reference.name}`)
  );
}

function readiness(pool: NodePool): Found | undefined {
  const { name } = pool.metadata;
  const condition = notReady(pool);
  return (
    condition &&
    problem(`NodePool ${name} is not ready`, whyNot(condition), `kubectl describe nodepool ${name}`)
  );
}

/** `cpu: 100 of 100`. */
function atLimit({ metadata: { name }, spec, status }: NodePool): Found | undefined {
  const spent = Object.entries(spec?.limits ?? {}).flatMap(([resource, limit]) => {
    const used = status?.resources?.[resource] ?? 0;
    return amountOf(used) >= amountOf(limit) ? [`${resource}: ${used} of ${limit}`] : [];
  });
  if (spent.length === 0) return undefined;
  return warning(
    `NodePool ${name} is at its limit`,
    spent.join(', '),
    `kubectl edit nodepool ${name}    (spec.limits)`,
  );
}
