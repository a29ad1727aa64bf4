/** Pure: who holds a slot, who waits for one, and whose turn it is: namespaces take turns, each with its oldest build first. */
import { openAttempt } from '../../crds/attempts.ts';
import { conditionOf, isFinished } from '../../crds/conditions.ts';
import type { TaskBuild } from '../../crds/task-build.ts';

/** A position in the queue for slots: so many builds of the same namespace get one first. */
export interface QueuePosition {
  queuedAhead: number;
  /** How many builds run at the same time, and how many of them in one namespace. */
  limit: number;
  share: number;
}

export const isWaiting = (build: TaskBuild): boolean =>
  conditionOf(build, 'Succeeded')?.reason === 'WaitingForSlot';

/** Index of TaskBuilds by what they have of the slots: `open`, `waiting`, or nothing. */
export function bySlot(build: TaskBuild): string[] {
  if (isFinished(build)) return [];
  if (openAttempt(build)) return ['open'];
  return isWaiting(build) ? ['waiting'] : [];
}

export const namespaceOf = ({ metadata }: TaskBuild): string => metadata.namespace ?? '';

/** By age; creation times are whole seconds, and among equals a UID favours nobody's name. */
const rank = ({ metadata }: TaskBuild): string => `${metadata.creationTimestamp} ${metadata.uid}`;

const byRank = (a: { rank: string }, b: { rank: string }): number =>
  a.rank === b.rank ? 0 : a.rank < b.rank ? -1 : 1;

/** When a build that waits is served. */
export interface Turn {
  build: TaskBuild;
  /** Builds of its namespace that are served before it. */
  queuedAhead: number;
  /** Builds of its namespace that are under way when its turn comes, were none to end. */
  beside: number;
}

/**
 * Builds that wait, in the order in which they get slots: each slot goes to the namespace with the fewest builds under way, to the older build
 * among equals. So a namespace alone has all slots, and however many builds it has waiting, another one's next build goes first.
 */
export function inTurn(waiting: readonly TaskBuild[], running: ReadonlyMap<string, number>): Turn[] {
  const ranked = waiting.map((build) => ({ build, rank: rank(build) })).sort(byRank);
  const turns = [...Map.groupBy(ranked, ({ build }) => namespaceOf(build))].flatMap(([namespace, own]) =>
    own.map((each, queuedAhead) => ({
      ...each,
      queuedAhead,
      beside: (running.get(namespace) ?? 0) + queuedAhead,
    })),
  );
  return turns.sort((a, b) => a.beside - b.beside || byRank(a, b));
}

/** How many builds each namespace has. */
export function perNamespace(builds: readonly TaskBuild[]): Map<string, number> {
  const groups = Map.groupBy(builds, namespaceOf);
  return new Map([...groups].map(([namespace, own]) => [namespace, own.length]));
}

/** The positions that a status tells apart: 0, 1, 2, 4, 8, … Otherwise the end of a build would write the status of every build in a long queue. */
export const roundedUp = (queuedAhead: number): number =>
  queuedAhead === 0 ? 0 : 2 ** Math.ceil(Math.log2(queuedAhead));
