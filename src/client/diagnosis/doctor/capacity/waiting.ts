/** Pure: Pods that no node has room for, and whether the nodes that they wait for can come. */
import type { Pod } from '../../../../kube/kinds.ts';
import { podState } from '../../../../pods/reading/state.ts';
import { fine, problem, warning, type Found } from '../check-result.ts';
import type { Autoscaler } from './karpenter.ts';
import { poolTroubles } from './pools.ts';

/** A new node takes a minute or two; one that has not come by then does not come. */
const NODE_MS = 300_000;

/** A Pod of ours that the scheduler finds no node for. */
export interface Waiting {
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
