/** Pure: what a Pod costs for as long as it has a node. */
import { amountOf } from '../crds/refusals.ts';
import type { Pod } from '../kube/kinds.ts';

type PodSpec = NonNullable<Pod['spec']>;
type Container = PodSpec['containers'][number];

/** US dollars an hour by resource: of one CPU, one GiB of memory or disk, one GPU. What is not listed costs nothing. */
export type Prices = Readonly<Record<string, number>>;

/**
 * About what AWS asks in us-east-1: for CPU and memory by the list price of Fargate (https://aws.amazon.com/fargate/pricing/), which is a little more
 * than that of an instance of the same size; for a GPU by that of the smallest g5.
 */
export const DEFAULT_PRICES: Prices = { cpu: 0.0405, memory: 0.0045, 'nvidia.com/gpu': 1.01 };

/** Money is counted in whole millionths of a dollar. */
export const MICROS = 1_000_000;

const GIB = 1024 ** 3;
const COUNTED_IN_GIB = ['memory', 'ephemeral-storage'];
/** An amount that nobody can read must not be free. */
const UNREADABLE = 1_000_000;

/** What a container asks for of a resource; a limit without a request is one. */
function requestOf({ resources }: Container, resource: string): number {
  const quantity = resources?.requests?.[resource] ?? resources?.limits?.[resource];
  if (quantity === undefined) return 0;
  const amount = amountOf(quantity);
  const unit = COUNTED_IN_GIB.includes(resource) ? GIB : 1;
  return Number.isFinite(amount) ? amount / unit : UNREADABLE;
}

/** What the scheduler sets aside for a Pod: main containers and sidecars together, or the largest of those that run before them, with the sidecars that run by then. */
export function requestedOf({ containers, initContainers = [] }: PodSpec, resource: string): number {
  let beside = 0;
  let before = 0;
  for (const container of initContainers) {
    const request = requestOf(container, resource);
    if (container.restartPolicy === 'Always') beside += request;
    before = Math.max(before, container.restartPolicy === 'Always' ? beside : beside + request);
  }
  const main = containers.reduce((sum, container) => sum + requestOf(container, resource), 0);
  return Math.max(before, main + beside);
}

/** Millionths of a dollar an hour, rounded up. */
export const rateOf = (pod: PodSpec, prices: Prices): number =>
  Math.ceil(
    Object.entries(prices).reduce((sum, [resource, price]) => sum + requestedOf(pod, resource) * price, 0) *
      MICROS,
  );
