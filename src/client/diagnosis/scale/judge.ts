/** Pure: what a scale test has seen, and what is said of it. */
import type { Node, Pod } from '../../../kube/kinds.ts';
import { podState } from '../../../pods/reading/state.ts';
import { counted, duration } from '../../../text/figures.ts';
import { fine, problem, warning, type Found } from '../doctor/check.ts';

/** What adds nodes, as the check `autoscaling` finds it. */
export type Adds = 'none' | 'cluster-autoscaler' | 'karpenter';

export interface Moment {
  pods: readonly Pod[];
  nodes: readonly Node[];
}

/** Pods that have a node. */
export const placed = ({ pods }: Pick<Moment, 'pods'>): readonly Pod[] =>
  pods.filter(({ spec }) => spec?.nodeName !== undefined);

/** What the scheduler says of Pods that it has no node for. */
export const refusals = ({ pods }: Pick<Moment, 'pods'>): string[] =>
  pods.flatMap((pod) => {
    const state = podState(pod);
    return state.kind === 'waiting' && state.on === 'node' && state.why === 'Unschedulable'
      ? [state.message ?? 'the scheduler does not say why']
      : [];
  });

const readyAt = ({ status }: Node): number | undefined => {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return ready?.status === 'True' ? Date.parse(ready.lastTransitionTime ?? '') : undefined;
};

/** Whether there is nothing more to wait for: every Pod is on a node that is ready, or no node will come for those that are not. */
export function isSettled(moment: Moment, { pods, adds }: { pods: number; adds: Adds }): boolean {
  const on = placed(moment);
  if (adds === 'none') return on.length + refusals(moment).length >= pods;
  const ready = new Set(
    moment.nodes.flatMap((node) => (readyAt(node) === undefined ? [] : [node.metadata.name])),
  );
  return on.length >= pods && on.every(({ spec }) => ready.has(spec?.nodeName ?? ''));
}

export interface Outcome {
  /** How many Pods were asked for. */
  pods: number;
  adds: Adds;
  last: Moment;
  /** Names of the nodes that were there before. */
  before: ReadonlySet<string>;
  /** Milliseconds until the last look at the Pods. */
  tookMs: number;
  /** Epoch milliseconds, by the cluster's clock: when the Pods were asked for. */
  askedAt: number;
}

export const newNodes = ({ last, before }: Pick<Outcome, 'last' | 'before'>): readonly Node[] =>
  last.nodes.filter(({ metadata }) => !before.has(metadata.name));

/** What became of the Pods, and which nodes came. */
export const judgeScaling = (outcome: Outcome): Found[] => [judgePods(outcome), ...judgeNew(outcome)];

function judgePods({ pods, adds, last, tookMs }: Outcome): Found {
  const on = placed(last).length;
  if (on >= pods)
    return fine(`${counted(pods, 'Pod')} of a default Trial’s size got a node in ${duration(tookMs)}`);
  const some = `${on} of ${counted(pods, 'Pod')} of a default Trial’s size`;
  const [said] = refusals(last);
  if (last.pods.length < pods)
    return problem(
      `the cluster made ${last.pods.length} of ${counted(pods, 'Pod')} within ${duration(tookMs)}`,
      'a quota of the namespace, or what admits Pods there, keeps the others back',
      'kubectl get resourcequota,events    (in that namespace)',
    );
  if (adds === 'none')
    return warning(
      `${some} fit on the nodes that are there, and nothing adds nodes`,
      `${said}; the cluster has neither Karpenter nor EKS Auto Mode`,
      'add nodes, run fewer Trials at once, or install Karpenter or turn on EKS Auto Mode',
    );
  return problem(
    `${some} got a node within ${duration(tookMs)}`,
    said ?? 'their nodes are not ready',
    adds === 'karpenter'
      ? 'kubectl get nodeclaims; kubectl describe nodepools; sb doctor'
      : 'kubectl -n kube-system get configmap cluster-autoscaler-status -o yaml',
  );
}

function judgeNew(outcome: Outcome): Found[] {
  const came = newNodes(outcome);
  if (came.length === 0) return [];
  const times = came.flatMap((node) => readyAt(node) ?? []).map((at) => Math.max(0, at - outcome.askedAt));
  if (times.length === 0)
    return [
      warning(
        `${counted(came.length, 'node')} came and did not become ready`,
        'the kubelet of a new node does not answer',
        `kubectl describe node ${came[0]?.metadata.name}`,
      ),
    ];
  const [first, last] = [Math.min(...times), Math.max(...times)];
  return [
    fine(
      `${counted(came.length, 'node')} came: the first was ready after ${duration(first)}, the last after ${duration(last)}`,
    ),
  ];
}

/** Whether the nodes that came went again. `left`: those that did not. */
export function judgeGoing(came: number, left: readonly string[], tookMs: number): Found[] {
  if (came === 0) return [];
  if (left.length === 0) return [fine(`they were gone ${duration(tookMs)} after the Pods`)];
  return [
    warning(
      `${left.length} of them are still there ${duration(tookMs)} after the Pods`,
      'other Pods may have gone there, or consolidation takes longer; each of them costs meanwhile',
      `kubectl get pods -A -o wide --field-selector spec.nodeName=${left[0]}; kubectl describe nodepools`,
    ),
  ];
}
