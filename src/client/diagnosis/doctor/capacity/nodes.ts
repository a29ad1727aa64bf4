import { Node, Pod } from '../../../../kube/kinds.ts';
import { fine, problem, warning, type Check, type Found, type Patient } from '../check-result.ts';
import { hasKarpenter } from './karpenter.ts';
import { fitting, obstacle } from './room.ts';

/** Nodes, what runs on them, and whether more of them come by themselves. */
export interface Seen {
  nodes: readonly Node[];
  pods: readonly Pod[];
  /** Karpenter or EKS Auto Mode. */
  grows: boolean;
}

/** Pressure that makes the kubelet evict Pods, and what takes it away. */
const PRESSURES: Record<string, string> = {
  DiskPressure:
    'its disk is nearly full: a larger root volume (Karpenter’s default of 20Gi holds two Trials), or fewer images',
  MemoryPressure:
    'its memory is nearly used up: lower what Trials may use beyond their requests, or take larger nodes',
  PIDPressure: 'its process numbers are nearly used up: end what starts processes without end',
};

function pressuresOf({ metadata: { name }, status }: Node): Found[] {
  return (status?.conditions ?? []).flatMap(({ type, status: value }) => {
    const advice = PRESSURES[type];
    if (advice === undefined || value !== 'True') return [];
    const what = `node ${name} has ${type}`;
    return [problem(what, `${advice}; the kubelet evicts Pods until then`, `kubectl describe node ${name}`)];
  });
}

/** Room for one default Trial: 500m, 512Mi, 8Gi of disk, and the courier. */
export function judgeRoom({ nodes, pods, grows }: Seen): Found {
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
      : 'every node is too small, even when nothing else runs on it';
  return problem(
    `no node can hold ${size}`,
    nodes.length === 0 ? 'the cluster has no node' : why,
    `add a larger node, or run with less: sb cloud run --cpus 0.25 --memory 256Mi --storage 2Gi\n${look}`,
  );
}

export const judgeNodes = (seen: Seen): Found[] => [judgeRoom(seen), ...seen.nodes.flatMap(pressuresOf)];

/** A cluster may keep thousands of Pods that ended. */
const TAKING_ROOM = { fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed' };

/** Looks at all nodes and all Pods: what others run takes room as well. */
export const nodes: Check<Patient> = {
  name: 'nodes',
  subject: 'the room on the nodes',
  async run({ session: { kube } }) {
    // Nodes first: where several permissions are missing, the same one is named every time.
    const all = await kube.list(Node);
    const [pods, grows] = await Promise.all([kube.list(Pod, TAKING_ROOM), hasKarpenter(kube)]);
    return judgeNodes({ nodes: all, pods, grows });
  },
};
