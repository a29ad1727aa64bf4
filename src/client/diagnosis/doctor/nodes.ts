/** Checks of the nodes: their room, the processes that a Pod may have, and their pulls of images. */
import { LABEL } from '../../../crds/names.ts';
import { Node, Pod, Event } from '../../../kube/kinds.ts';
import { fine, problem, warning, skipped, type Check, type Found, type Patient } from './check.ts';
import { hasKarpenter } from './autoscaling.ts';
import { fitting, obstacle } from './room.ts';
import { isForbidden } from '../../../kube/errors.ts';

/** Nodes, what runs on them, and whether more of them come by themselves. */
interface Seen {
  nodes: readonly Node[];
  pods: readonly Pod[];
  /** Karpenter or EKS Auto Mode. */
  grows: boolean;
}

/** Pressure that makes the kubelet evict Pods, and what takes it away for good. */
const PRESSURES: Record<string, string> = {
  DiskPressure:
    'its disk is nearly full: a larger root volume (Karpenter’s default of 20Gi holds two Trials), or fewer images',
  MemoryPressure: 'its memory is nearly used up: lower the memory limits of Trials, or use larger nodes',
  PIDPressure: 'its process IDs are nearly used up: stop the process that keeps starting others',
};

function pressuresOf({ metadata, status }: Node): Found[] {
  return (status?.conditions ?? []).flatMap(({ type, status: value }) => {
    const advice = PRESSURES[type];
    if (advice === undefined || value !== 'True') return [];
    const { name, labels = {} } = metadata;
    const isReplaceable = labels[KARPENTER_POOL] !== undefined;
    return [
      problem(
        `node ${name} has ${type}`,
        `${advice}; the kubelet evicts Pods until then`,
        type === 'DiskPressure' ? wayOut(name, isReplaceable) : `kubectl describe node ${name}`,
      ),
    ];
  });
}

/** On each node that Karpenter, or EKS Auto Mode, has made. */
const KARPENTER_POOL = 'karpenter.sh/nodepool';

/** Commands from a full disk to a usable node, to be copied. What runs there is lost at the kubelet’s next eviction in any case, and tried again elsewhere. */
const wayOut = (name: string, isReplaceable: boolean): string =>
  [
    `kubectl cordon ${name}`,
    `kubectl get pods -A -o wide --field-selector spec.nodeName=${name}    # let Trials that are nearly done end`,
    ...(isReplaceable
      ? [`kubectl delete node ${name}    # its pool ends the instance, and makes another for Pods that wait`]
      : [
          `kubectl drain ${name} --ignore-daemonsets --delete-emptydir-data --force`,
          `kubectl debug node/${name} -it --profile=sysadmin --image=busybox -- chroot /host crictl rmi --prune`,
          `kubectl uncordon ${name}`,
        ]),
  ].join('\n');

/** Room for one default Trial: 500m, 512Mi, 8Gi of disk, and the courier. */
function judgeRoom({ nodes, pods, grows }: Seen): Found {
  const usable = nodes.filter((node) => obstacle(node) === undefined);
  const rooms = usable.map((node) => fitting(node, pods));
  const now = rooms.reduce((all, room) => all + room.now, 0);
  const size = 'a default Trial (500m, 512Mi, 8Gi of disk, and its courier)';
  if (now > 0)
    return fine(
      `there is room for ${now} default ${now === 1 ? 'Trial' : 'Trials'} on ${usable.length} of ${nodes.length} nodes`,
    );
  if (grows) return fine(`no node has room for ${size} now; the next one gets a new node`);
  const look = 'kubectl describe nodes | grep -A8 "Allocated resources"';
  if (rooms.some(({ empty }) => empty > 0))
    return warning(
      `no node has room for ${size} now`,
      'the cluster is full; Trials wait until something ends',
      look,
    );
  const obstacles = nodes.flatMap((node) => obstacle(node) ?? []);
  const why =
    obstacles.length === nodes.length
      ? `every node ${[...new Set(obstacles)].join(' or ')}`
      : 'every node is too small, even when idle';
  return problem(
    `no node can hold ${size}`,
    nodes.length === 0 ? 'the cluster has no node' : why,
    `add a larger node, or run with less: sb cloud run --cpus 0.25 --memory 256Mi --storage 2Gi\n${look}`,
  );
}

const judgeNodes = (seen: Seen): Found[] => [judgeRoom(seen), ...seen.nodes.flatMap(pressuresOf)];

/** A cluster may keep thousands of Pods that ended. */
const TAKING_ROOM = { fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed' };

/** Looks at all nodes and all Pods: what others run takes room as well. */
const nodes: Check<Patient> = {
  name: 'nodes',
  subject: 'the room on the nodes',
  async run({ session: { kube } }) {
    // Nodes first: where several permissions are missing, the same one is named every time.
    const all = await kube.list(Node);
    const [pods, grows] = await Promise.all([kube.list(Pod, TAKING_ROOM), hasKarpenter(kube)]);
    return judgeNodes({ nodes: all, pods, grows });
  },
};

/** Kubelets that are asked: each is a call through the API server, and nodes of a pool are alike. */
const ASKED_MAX = 10;

/** What a kubelet says of its configuration, as far as it is looked at. */
interface Configuration {
  kubeletconfig?: { podPidsLimit?: number };
}

/** How many processes a Pod may have, by node; the kubelet’s word for no limit is -1. */
function judgeProcesses(limits: ReadonlyMap<string, number>): Found {
  const open = [...limits].filter(([, limit]) => limit <= 0).map(([name]) => name);
  if (open.length === 0)
    return fine(
      `a Pod may have ${Math.max(...limits.values())} processes at most on ${limits.size} nodes that were asked`,
    );
  return warning(
    `a Pod may have any number of processes on node ${open.join(', ')}`,
    'an agent that keeps starting processes uses up the node’s process IDs and affects everything else on the node',
    'set podPidsLimit in the configuration of the kubelets that run Trials, for example to 16384',
  );
}

/** Looks at what the kubelets limit Pods to: Kubernetes has no field for it in a Pod. */
const processes: Check<Patient> = {
  name: 'processes',
  subject: 'the limit of processes',
  async run({ session: { kube } }) {
    const asked = (await kube.list(Node)).slice(0, ASKED_MAX).map(({ metadata }) => metadata.name);
    if (asked.length === 0) return [];
    try {
      const limits = asked.map(async (name): Promise<[string, number]> => {
        const answer = await kube.raw(`/api/v1/nodes/${encodeURIComponent(name)}/proxy/configz`);
        return [name, (answer as Configuration).kubeletconfig?.podPidsLimit ?? -1];
      });
      return [judgeProcesses(new Map(await Promise.all(limits)))];
    } catch (error) {
      if (isForbidden(error))
        return [skipped('the limit of processes cannot be seen', 'it needs the right to get nodes/proxy')];
      throw error;
    }
  },
};

/** Events of longer ago are history. */
const RECENT_MS = 3_600_000;
/** As containerd, dockerd and registries word it. */
const LIMITED = /\b429\b|toomanyrequests|too many requests|pull rate limit/i;
const FULL = /no space left on device/i;

type Pull = Pick<Event, 'reason' | 'message' | 'lastTimestamp'> & { eventTime?: string | null };

/** Failed pulls of the last hour that a registry's limit or a full disk is behind. */
function judgePulls(events: readonly Pull[], now: Date): Found[] {
  const recent = events.filter(({ lastTimestamp, eventTime, reason }) => {
    const at = Date.parse(lastTimestamp || (eventTime ?? ''));
    return reason === 'Failed' && now.getTime() - at <= RECENT_MS;
  });
  const limited = recent.filter(({ message }) => LIMITED.test(message));
  const full = recent.filter(({ message }) => FULL.test(message));
  const found = [
    ...(limited[0]
      ? [
          problem(
            'a registry limits the pulls of the nodes (429)',
            limited[0].message,
            'take images from a mirror: public.ecr.aws/docker/library/<image> in task.toml, or a pull-through cache (docs/aws.md#base-images)',
          ),
        ]
      : []),
    ...(full[0]
      ? [
          problem(
            'a node has no disk left for images',
            full[0].message,
            'kubectl describe nodes | grep -B5 -A5 DiskPressure    (a larger root volume, or fewer images)',
          ),
        ]
      : []),
  ];
  return found.length > 0
    ? found
    : [fine('no pull of an image was refused by a registry’s limit or a full disk in the last hour')];
}

export const imagePulls: Check<Patient> = {
  name: 'image-pulls',
  subject: 'pulls of images',
  run: async ({ session: { kube, namespace, now } }) =>
    judgePulls(await kube.list(Event, { namespace, fieldSelector: 'reason=Failed' }), now()),
};

/** More are not named: who has that many deletes them all. */
const NAMED = 20;
const LOST = 'ContainerStatusUnknown';

const isLost = ({ status }: Pod): boolean =>
  [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].some(
    ({ state }) => state?.terminated?.reason === LOST,
  );

/** Pods that ended and whose containers the kubelet knows nothing of any more. */
function judgeLost(pods: readonly Pod[], namespace: string): Found[] {
  const lost = pods.filter(isLost).map(({ metadata }) => metadata.name);
  if (lost.length === 0) return [];
  const one = lost.length === 1;
  return [
    warning(
      `${lost.length} ${one ? 'Pod is' : 'Pods are'} left as ${LOST}`,
      'the kubelet lost their containers, most often as it evicted them from a full disk; the operator has counted these attempts as lost, and only the Pods are in the way',
      `kubectl -n ${namespace} delete pods ${lost.slice(0, NAMED).join(' ')}${lost.length > NAMED ? `    (and ${lost.length - NAMED} more)` : ''}`,
    ),
  ];
}

const lostPods: Check<Patient> = {
  name: 'lost-pods',
  subject: 'Pods that were lost',
  async run({ session: { kube, namespace } }) {
    const query = { namespace, labelSelector: LABEL.trial, fieldSelector: 'status.phase=Failed', limit: 500 };
    return judgeLost(await kube.list(Pod, query), namespace);
  },
};

export const nodeChecks: readonly Check<Patient>[] = [nodes, processes, lostPods];
