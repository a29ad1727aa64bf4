/** Pure: where a Trial stands in its attempts. */
import { nextAttemptAt } from '../../crds/attempts.ts';
import { LABEL } from '../../crds/names.ts';
import type { Attempt } from '../../crds/trial-status.ts';
import type { Trial } from '../../crds/trial.ts';
import type { Job } from '../../kube/kinds.ts';
import type { Observed } from './observed.ts';

/** When the next attempt may start, in milliseconds since the epoch. Being suspended is no failure. */
export const notBefore = ({ spec, status }: Trial): number =>
  nextAttemptAt(
    (status?.attempts ?? []).filter(({ reason }) => reason !== undefined && reason !== 'Suspended'),
    spec.backoffSeconds * 1000,
  );

/** The attempt that is open, or the number of the one that would come next. */
export function currentAttempt({ status }: Trial): { attempt: number; recorded: Attempt | undefined } {
  const last = status?.attempts?.at(-1);
  if (!last) return { attempt: 1, recorded: undefined };
  return last.completionTime === undefined
    ? { attempt: last.number, recorded: last }
    : { attempt: last.number + 1, recorded: undefined };
}

/**
 * Whether `trial` is the very object that controls `job`; a Trial deleted and made again has another UID. Owner references anyone can write, our
 * labels on a Job the operator alone, where its admission policies are installed.
 */
export const isOwnedBy = ({ metadata: { labels, ownerReferences = [] } }: Job, trial: Trial): boolean =>
  labels?.[LABEL.trial] !== undefined &&
  ownerReferences.some(({ uid, controller }) => controller === true && uid === trial.metadata.uid);

/** Whether `job` was made for an earlier Trial of the same name. */
export const isLeftover = ({ metadata: { labels, ownerReferences = [] } }: Job, trial: Trial): boolean =>
  labels?.[LABEL.trial] !== undefined &&
  ownerReferences.some(
    ({ kind, name, uid, controller }) =>
      controller === true && kind === 'Trial' && name === trial.metadata.name && uid !== trial.metadata.uid,
  );

/** An attempt without a Pod that once had one. */
export const hasVanished = ({ job, pod, recorded }: Observed): boolean =>
  !pod && (job.kind === 'own' ? hasEnded(job.job) : job.kind === 'none' && recorded !== undefined);

/** Whether the Job controller will start no further Pod for this Job. */
export const hasEnded = (job: Job): boolean =>
  job.metadata.deletionTimestamp !== undefined ||
  (job.status?.conditions?.some(
    ({ type, status }) =>
      status === 'True' && ['Complete', 'Failed', 'SuccessCriteriaMet', 'FailureTarget'].includes(type),
  ) ??
    false);
