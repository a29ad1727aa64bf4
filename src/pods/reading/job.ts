/**
 * Pure: what a Job says of its end. The Job controller writes it down in two steps: `FailureTarget` or `SuccessCriteriaMet` when it is decided,
 * and `Failed` or `Complete` once the last Pod has ended. In between the Job starts no Pod and is still active.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Job } from '../../kube/kinds.ts';

type Condition = NonNullable<NonNullable<Job['status']>['conditions']>[number];

const DECIDED = ['SuccessCriteriaMet', 'FailureTarget'];
const OVER = ['Complete', 'Failed'];

const conditionIn = ({ status }: Job, types: readonly string[]): Condition | undefined =>
  status?.conditions?.find(({ type, status: holds }) => holds === 'True' && types.includes(type));

/** Whether the Job controller will start no further Pod for this Job: its end is decided, or the Job is being deleted. A Pod may still run. */
export const startsNoPod = (job: Job): boolean =>
  job.metadata.deletionTimestamp !== undefined || conditionIn(job, [...DECIDED, ...OVER]) !== undefined;

/** Whether the Job is not over: it may have Pods that run, even where its end is decided or it is being deleted. */
export const isActive = (job: Job): boolean => conditionIn(job, OVER) === undefined;

/** Whether a queue has not admitted the Job, or has just now, and the Job controller does not know yet. */
export const isHeldBack = (job: Job): boolean =>
  job.spec?.suspend === true || conditionIn(job, ['Suspended']) !== undefined;

/**
 * Whether the Job controller has looked at the Job and made no Pod. Before that no event says why; afterwards a Pod that nobody has seen yet is
 * counted all the same.
 */
export const madeNoPod = ({ status = {} }: Job): boolean =>
  status.startTime !== undefined && (status.active ?? 0) === 0;

/** Why the Job failed; undefined until its last Pod has ended. */
export const failedCondition = (job: Job): Condition | undefined => conditionIn(job, ['Failed']);

/** What is read of a Job, here and elsewhere: nothing of how many of its Pods there are, but whether any is. */
function readOf(job: Job): object {
  const { resourceVersion: _, ...metadata } = job.metadata;
  return { metadata, spec: job.spec, conditions: job.status?.conditions, madeNoPod: madeNoPod(job) };
}

/** Whether a Job says anything else than before. The Job controller writes two times or three what its Pod has told already: that it is there, is ready, has ended. */
export const saysMore = (before: Job, now: Job): boolean => !isDeepStrictEqual(readOf(before), readOf(now));
