/** Pure: who holds a slot, who waits for one, and in which order. */
import { conditionOf, isFinished } from '../../crds/conditions.ts';
import type { TaskBuild } from '../../crds/task-build.ts';

/** A place in the line: so many builds are served first. */
export interface Place {
  ahead: number;
  limit: number;
}

/** The attempt under way. */
export const openAttempt = ({ status }: TaskBuild) => {
  const last = status?.attempts?.at(-1);
  return last?.completionTime === undefined ? last : undefined;
};

export const isWaiting = (build: TaskBuild): boolean =>
  conditionOf(build, 'Succeeded')?.reason === 'WaitingForSlot';

/** Index of TaskBuilds by what they have of the slots: `open`, `waiting`, or nothing. */
export function bySlot(build: TaskBuild): string[] {
  if (isFinished(build)) return [];
  if (openAttempt(build)) return ['open'];
  return isWaiting(build) ? ['waiting'] : [];
}

/** First come, first served; creation times are whole seconds. */
export const rank = ({ metadata }: TaskBuild): string =>
  `${metadata.creationTimestamp} ${metadata.namespace}/${metadata.name}`;

export const byRank = (a: TaskBuild, b: TaskBuild): number => (rank(a) < rank(b) ? -1 : 1);

/** Numbers that are told apart when the place in the line is told: 0, 1, 2, 4, 8, … A long line would be written anew at every end. */
export const roundedUp = (ahead: number): number => (ahead === 0 ? 0 : 2 ** Math.ceil(Math.log2(ahead)));
