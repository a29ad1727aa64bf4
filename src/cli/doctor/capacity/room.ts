/** Pure: how many default Trials the nodes have room for. */
import type { Node, Pod } from '../../../kube/kinds.ts';
import { bytesOf, coresOf } from '../../plan/overrides.ts';

/** Cores, bytes, bytes, Pods. */
export interface Amounts {
  cpu: number;
  memory: number;
  'ephemeral-storage': number;
  pods: number;
}

type Requests = Record<string, string | number> | undefined;
type PodSpec = NonNullable<Pod['spec']>;

/** What a Trial's Pod requests by default: the task container's 500m, 512Mi and 8Gi, and the courier's own. */
export const DEFAULT_TRIAL: Amounts = {
  cpu: coresOf('500m') + coresOf('50m'),
  memory: bytesOf('512Mi') + bytesOf('80Mi'),
  'ephemeral-storage': bytesOf('8Gi') + bytesOf('256Mi'),
  pods: 1,
};

const NAMES = Object.keys(DEFAULT_TRIAL) as (keyof Amounts)[];

const combine = (of: (name: keyof Amounts) => number): Amounts =>
  Object.fromEntries(NAMES.map((name) => [name, of(name)])) as unknown as Amounts;
const plus = (a: Amounts, b: Amounts): Amounts => combine((name) => a[name] + b[name]);
const most = (a: Amounts, b: Amounts): Amounts => combine((name) => Math.max(a[name], b[name]));
const NOTHING = combine(() => 0);

const amountsOf = (requests: Requests): Amounts =>
  combine((name) => {
    const quantity = String(requests?.[name] ?? '0');
    return name === 'cpu' ? coresOf(quantity) : bytesOf(quantity);
  });

/** As the scheduler counts: containers and sidecars together, or the largest init container where that is more. */
export function requestsOf({ containers, initContainers = [], overhead }: PodSpec): Amounts {
  const requested = (container: { resources?: { requests?: Requests } }): Amounts =>
    amountsOf(container.resources?.requests);
  let sidecars = NOTHING;
  let start = NOTHING;
  for (const container of initContainers) {
    const own = requested(container);
    start = most(start, plus(sidecars, own));
    if (container.restartPolicy === 'Always') sidecars = plus(sidecars, own);
  }
  const running = containers.map(requested).reduce(plus, sidecars);
  return plus(plus(most(running, start), amountsOf(overhead)), { ...NOTHING, pods: 1 });
}

const allocatable = (node: Node): Amounts => amountsOf(node.status?.allocatable);

const isOver = ({ status }: Pod): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed';

/** How many default Trials fit into what is left. */
const trialsIn = (room: Amounts): number =>
  Math.max(0, Math.min(...NAMES.map((name) => Math.floor(room[name] / DEFAULT_TRIAL[name]))));

/** How many default Trials fit on a node, now and if nothing else were there. */
export function fitting(node: Node, pods: readonly Pod[]): { now: number; empty: number } {
  const taken = pods
    .filter((pod) => pod.spec?.nodeName === node.metadata.name && !isOver(pod))
    .map(({ spec }) => (spec ? requestsOf(spec) : NOTHING))
    .reduce(plus, NOTHING);
  const all = allocatable(node);
  return { now: trialsIn(combine((name) => all[name] - taken[name])), empty: trialsIn(all) };
}

/** Why a Trial without tolerations never goes to a node; undefined: it may. */
export function obstacle({ spec, status }: Node): string | undefined {
  const isReady = status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True');
  if (isReady !== true) return 'is not ready';
  if (spec?.unschedulable === true) return 'is cordoned';
  const taint = spec?.taints?.find(({ effect }) => effect === 'NoSchedule' || effect === 'NoExecute');
  return taint && `has the taint ${taint.key}${taint.value ? `=${taint.value}` : ''}:${taint.effect}`;
}
