/** The nodes that there are now, and what they cost: by their labels, pure. */
import { instancePrice } from './instance-prices.ts';
import { AUTO_MODE_SHARE } from './prices.ts';

export type NodeLabels = Readonly<Record<string, string>>;

/** Nodes that cost the same. */
export interface NodeGroup {
  count: number;
  /** `m7i.large`; empty where the node does not say. */
  type: string;
  /** `on-demand`, `spot`, `reserved`; empty where the node does not say. */
  capacity: string;
  zone: string;
  /** US dollars an hour of one, with the fee of Auto Mode. Undefined where it is not known. */
  each?: number;
  /** The price of spot instances changes and is in no list: it is at most that on demand, unless somebody has offered more. */
  atMost: boolean;
}

export interface NodeCost {
  /** The dearest first; those whose price is not known last. */
  groups: readonly NodeGroup[];
  /** US dollars an hour of all whose price is known. */
  hourly: number;
  /** Some of them may cost less. */
  atMost: boolean;
  /** How many there are whose price is not known. */
  unknown: number;
  /** Some of them are made by EKS Auto Mode. */
  autoMode: boolean;
}

/** Labels of Karpenter, of EKS and of Kubernetes itself. */
const LABELS = {
  type: 'node.kubernetes.io/instance-type',
  capacity: 'karpenter.sh/capacity-type',
  managedCapacity: 'eks.amazonaws.com/capacityType',
  zone: 'topology.kubernetes.io/zone',
  compute: 'eks.amazonaws.com/compute-type',
} as const;

/** Managed node groups of EKS write it in capitals. */
const capacityOf = (labels: NodeLabels): string =>
  (labels[LABELS.capacity] ?? labels[LABELS.managedCapacity] ?? '').toLowerCase().replace('_', '-');

const isAuto = (labels: NodeLabels): boolean => labels[LABELS.compute] === 'auto';

export function nodeCost(nodes: readonly NodeLabels[]): NodeCost {
  const alike = Map.groupBy(nodes, (labels) =>
    JSON.stringify([labels[LABELS.type], capacityOf(labels), labels[LABELS.zone], isAuto(labels)]),
  );
  const groups = [...alike.values()].map(groupOf).sort((a, b) => total(b) - total(a));
  const priced = groups.filter(({ each }) => each !== undefined);
  return {
    groups,
    hourly: priced.reduce((sum, group) => sum + total(group), 0),
    atMost: priced.some(({ atMost }) => atMost),
    unknown: groups.reduce((sum, { count, each }) => sum + (each === undefined ? count : 0), 0),
    autoMode: nodes.some(isAuto),
  };
}

const total = ({ each = -1, count }: NodeGroup): number => each * count;

function groupOf(alike: readonly NodeLabels[]): NodeGroup {
  const [labels = {}] = alike;
  const capacity = capacityOf(labels);
  const type = labels[LABELS.type] ?? '';
  const price = ['on-demand', 'spot'].includes(capacity) ? instancePrice(type)?.usd : undefined;
  return {
    count: alike.length,
    type,
    capacity,
    zone: labels[LABELS.zone] ?? '',
    // The fee is a share of the price on demand, however the instance is bought.
    ...(price !== undefined && { each: price * (isAuto(labels) ? 1 + AUTO_MODE_SHARE : 1) }),
    atMost: capacity === 'spot',
  };
}
