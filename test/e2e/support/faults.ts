/** What can go wrong with a cluster, done on purpose. */
import { CONTAINER, holderOf, OPERATOR, OPERATOR_SELECTOR } from '../../../src/installation/names.ts';
import { Lease, Pod } from '../../../src/kube/kinds.ts';
import { kubectlOk } from '../../support/cluster.ts';
import { docker, nodes } from '../cluster/index.ts';
import { eventually, eventuallyTrue } from '../../support/eventually.ts';
import { world } from './world.ts';

/** The node that runs the control plane, and the other one. */
export const [CONTROL_PLANE, WORKER] = nodes;

export const operatorPods = async (): Promise<Pod[]> =>
  world().kube.list(Pod, {
    namespace: OPERATOR.namespace,
    labelSelector: OPERATOR_SELECTOR,
  });

/** The node of a container, and its name there. */
function placeOf(pod: Pod, container: string): { node: string; id: string } {
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  const found = [...initContainerStatuses, ...containerStatuses].find(({ name }) => name === container);
  const id = found?.containerID?.replace('containerd://', '');
  if (id === undefined) throw new Error(`Pod ${pod.metadata.name} has no running container ${container}`);
  return { node: pod.spec?.nodeName ?? '', id };
}

/** Does something to a container from its node: a subcommand of `ctr tasks`. */
async function toContainer(pod: Pod, container: string, ...doing: string[]): Promise<void> {
  const { node, id } = placeOf(pod, container);
  await docker(['exec', node, 'ctr', '-n', 'k8s.io', 'tasks', ...doing, id]);
}

/** Ends a container's first process with SIGKILL, as the kernel would. */
export const killContainer = (pod: Pod, container: string): Promise<void> =>
  toContainer(pod, container, 'kill', '-s', 'SIGKILL');

/** The first number of each line. */
const pidsIn = (lines: string): string[] => lines.match(/^\d+/gm) ?? [];

/** Ends all processes of a container but its first with SIGKILL, from its node. Rejects where there is none. */
export async function killAllButFirst(pod: Pod, container: string): Promise<void> {
  const { node, id } = placeOf(pod, container);
  const tasks = (...doing: string[]): Promise<string> =>
    docker(['exec', node, 'ctr', '-n', 'k8s.io', 'tasks', ...doing]);
  const [, first] = new RegExp(`^${id}\\s+(\\d+)`, 'm').exec(await tasks('ls')) ?? [];
  const others = pidsIn(await tasks('ps', id)).filter((pid) => pid !== first);
  if (first === undefined || others.length === 0)
    throw new Error(`nothing but its first process runs in ${container} of Pod ${pod.metadata.name}`);
  // One that was in the list may have ended by itself.
  await docker(['exec', node, 'sh', '-c', 'kill -9 "$@" || true', 'sh', ...others]);
}

/** Who holds the lease. */
export async function leader(): Promise<string | undefined> {
  const lease = await world().kube.get(Lease, OPERATOR);
  return lease?.spec?.holderIdentity || undefined;
}

/** The Pod that leads. One that was killed is still named in the lease for a while: waits for its successor. */
const leadingPod = (): Promise<Pod> =>
  eventually('a living leader', async () => {
    const holder = await leader();
    // A replica may lead before its kubelet has told that it runs.
    return (await operatorPods()).find(
      ({ metadata, status }) =>
        holderOf(metadata) === holder && status?.containerStatuses?.some(({ state }) => state?.running),
    );
  });

/** SIGKILL for the operator: every replica, or the leader alone. The Pods go too, so that no backoff delays their successors. */
export const killOperator = async (which: 'every replica' | 'the leader'): Promise<void> =>
  killReplicas(which === 'the leader' ? [await leadingPod()] : await operatorPods());

/** The same for some of its Pods. */
export async function killReplicas(pods: readonly Pod[]): Promise<void> {
  const killed = await Promise.allSettled(pods.map((pod) => killContainer(pod, CONTAINER)));
  if (!killed.some(({ status }) => status === 'fulfilled')) throw new Error('no operator was there to kill');
  const remove = ['delete', '-n', OPERATOR.namespace, '--grace-period=0', '--force', '--wait=false', 'pod'];
  await kubectlOk([...remove, ...pods.map(({ metadata }) => metadata.name)]);
}

/** Freezes the leader while `work` runs, which is told who that is; thawed, it goes on in the middle of what it was doing. */
export async function withFrozenLeader(work: (frozen: string) => Promise<void>): Promise<void> {
  const pod = await leadingPod();
  await toContainer(pod, CONTAINER, 'pause');
  try {
    await work(holderOf(pod.metadata));
  } finally {
    await toContainer(pod, CONTAINER, 'resume');
  }
}

export const scaleOperator = (replicas: number): Promise<string> =>
  kubectlOk(['scale', '-n', OPERATOR.namespace, `statefulset/${OPERATOR.name}`, `--replicas=${replicas}`]);

/** Waits until two replicas are ready and one of them leads. */
export async function operatorIsWell(seconds = 120): Promise<void> {
  const isReady = ({ metadata, status }: Pod): boolean =>
    metadata.deletionTimestamp === undefined &&
    (status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false);
  const well = async (): Promise<boolean> => {
    const ready = (await operatorPods()).filter(isReady).map(({ metadata }) => holderOf(metadata));
    const holder = await leader();
    return ready.length === 2 && holder !== undefined && ready.includes(holder);
  };
  await eventuallyTrue('two replicas ready, one of them leading', well, seconds);
}

/** Stops the S3 server while `work` runs: connections are refused. */
export async function withoutS3(work: () => Promise<void>): Promise<void> {
  await docker(['stop', '-t', '0', 'sb-s3']);
  try {
    await work();
  } finally {
    await docker(['start', 'sb-s3']);
  }
}

/** Kills the API server; the kubelet starts another. */
export async function killApiServer(): Promise<void> {
  const key = { namespace: 'kube-system', name: `kube-apiserver-${CONTROL_PLANE}` };
  const pod = await world().kube.get(Pod, key);
  if (!pod) throw new Error(`there is no Pod ${key.name}`);
  await killContainer(pod, 'kube-apiserver');
}

export async function apiServerAnswers(): Promise<void> {
  const answers = (): Promise<boolean> =>
    kubectlOk(['get', '--raw', '/readyz', '--request-timeout=2s']).then(
      () => true,
      () => false,
    );
  await eventuallyTrue('the API server answers', answers, 120);
}

/** Freezes a node while `work` runs: it neither answers nor ends anything. */
export async function withFrozenNode(node: string, work: () => Promise<void>): Promise<void> {
  await docker(['pause', node]);
  try {
    await work();
  } finally {
    await docker(['unpause', node]);
    await kubectlOk(['wait', `node/${node}`, '--for=condition=Ready', '--timeout=120s']);
  }
}

/** Lets new Pods go to no node but this one while `work` runs. */
export async function withOnlyNode(node: string, work: () => Promise<void>): Promise<void> {
  const others = nodes.filter((name) => name !== node);
  for (const name of others) await kubectlOk(['cordon', name]);
  try {
    await work();
  } finally {
    for (const name of others) await kubectlOk(['uncordon', name]);
  }
}

/** Moves the cluster's DNS to a node, so that freezing the other one takes no more than that one away. */
export const moveDnsTo = (node: string): Promise<void> =>
  withOnlyNode(node, async () => {
    const deployment = ['-n', 'kube-system', 'deployment/coredns'];
    await kubectlOk(['rollout', 'restart', ...deployment]);
    await kubectlOk(['rollout', 'status', ...deployment, '--timeout=120s']);
  });

/** Has the API server evict a Pod, as a drain does. */
export const evict = ({ metadata: { namespace = '', name } }: Pod): Promise<string> =>
  kubectlOk(['create', '-f', '-', '--raw', `/api/v1/namespaces/${namespace}/pods/${name}/eviction`], {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name, namespace },
  });
