/** Pure: where a Trial stands in its attempts, and what is recorded of them. */
import { nextAttemptAt, openAttempt } from '../../crds/attempts.ts';
import { conditionOf, timestamp } from '../../crds/conditions.ts';
import { ANNOTATION, jobName } from '../../crds/names.ts';
import { present } from '../../crds/present.ts';
import type { Attempt } from '../../crds/trial-status.ts';
import type { Trial } from '../../crds/trial.ts';
import type { Job } from '../../kube/kinds.ts';
import type { Outcome } from '../../wire/outcome.ts';
import type { Stop } from './decide.ts';
import type { Done } from './done.ts';
import type { AttemptSeen, Observed } from './observed.ts';
import { courierEndedAt } from '../../pods/reading/courier.ts';
import { isHeldBack, startsNoPod } from '../../pods/reading/job.ts';

/** Why an attempt was ended that did not fail: another follows once what ended it has passed. */
const PAUSES = ['Suspended', 'BudgetExceeded'] as const;
export type PauseReason = (typeof PAUSES)[number];

export const isPause = (reason: string): reason is PauseReason => PAUSES.some((one) => one === reason);

/** The attempts that ended without a result, and for a fault. */
export const failedAttempts = ({ status }: Trial): Attempt[] =>
  (status?.attempts ?? []).filter(
    ({ completionTime, reason }) => completionTime !== undefined && reason !== undefined && !isPause(reason),
  );

/** When the next attempt may start, in milliseconds since the epoch. */
export const notBefore = (trial: Trial): number =>
  nextAttemptAt(failedAttempts(trial), trial.spec.backoffSeconds * 1000);

/** The attempt that is open, or the number of the one that would come next. */
export function currentAttempt(trial: Trial): { attempt: number; recorded: Attempt | undefined } {
  const recorded = openAttempt(trial);
  const last = trial.status?.attempts?.at(-1)?.number ?? 0;
  return { attempt: recorded?.number ?? last + 1, recorded };
}

/** An attempt without a Pod that once had one. */
export const hasVanished = ({ job, pod, recorded }: AttemptSeen): boolean =>
  !pod && (job.kind === 'own' ? startsNoPod(job.job) : job.kind === 'none' && recorded !== undefined);

/** The attempts that this pass leaves on the record. */
export const attemptsAfter = (seen: Observed, done: Done): Attempt[] => bounded(allAfter(seen, done));

function allAfter(seen: Observed, done: Done): Attempt[] {
  const attempts = seen.trial.status?.attempts ?? [];
  const closed = seen.recorded ? attempts.slice(0, -1) : attempts;
  const open = attemptUnderWay(seen);
  if (!open) return attempts;
  const at = endedAt(seen);
  switch (done.kind) {
    case 'endAttempt':
    case 'fail':
      return [
        ...closed,
        { ...open, completionTime: at, reason: done.reason, message: done.message.slice(0, MESSAGE_MAX) },
      ];
    case 'succeed': {
      // What it was to be stopped for came too late.
      const { reason: _reason, message: _message, ...obtained } = open;
      return [...closed, { ...obtained, completionTime: at }];
    }
    case 'recordStop':
      return [...closed, { ...open, ...stopMarks(done) }];
    default:
      return [...closed, open];
  }
}

const stopMarks = (stop: Stop): Pick<Attempt, 'reason' | 'message'> => ({
  reason: stop.because,
  ...('message' in stop && { message: stop.message.slice(0, MESSAGE_MAX) }),
});

/** The schema's bound. */
const MESSAGE_MAX = 1024;

/** The attempt under way, with everything known of it; undefined where no Job was made for it. */
function attemptUnderWay(seen: Observed): Attempt | undefined {
  const { trial, attempt, recorded, job, pod } = seen;
  if (!recorded && !outcomeSeen(seen) && job.kind !== 'own') return undefined;
  return {
    number: attempt,
    jobName: jobName(trial.metadata.name, attempt),
    ...(job.kind === 'own' && ofJob(job.job)),
    ...recorded,
    ...present({
      podName: pod?.metadata.name,
      nodeName: pod?.spec?.nodeName,
      admittedTime: admittedAt(seen),
    }),
  };
}

/** Undefined of one that no queue was seen to hold, that one holds still, and that was seen to be admitted before. */
function admittedAt({ trial, job, pod, now }: Observed): string | undefined {
  const wasHeld = conditionOf(trial, 'Succeeded')?.reason === 'HeldByQueue';
  if (!wasHeld || job.kind !== 'own' || (!pod && isHeldBack(job.job))) return undefined;
  return job.job.status?.startTime ?? timestamp(now);
}

const ofJob = ({ metadata: { creationTimestamp, annotations = {} } }: Job): Partial<Attempt> =>
  present({ startTime: creationTimestamp, taskContent: annotations[ANNOTATION.taskContent] });

/** The schema's bound. Attempts that failed are fewer; pauses are not bounded, so of these the oldest go. */
const ATTEMPTS_MAX = 32;

function bounded(attempts: Attempt[]): Attempt[] {
  if (attempts.length <= ATTEMPTS_MAX) return attempts;
  const oldest = attempts.findIndex(({ reason = '' }) => isPause(reason));
  return bounded(attempts.toSpliced(oldest, 1));
}

/** The courier's, where it had its say: whoever decides again, because the first decision was not taken, says and stores the same. */
export const endedAt = (seen: Observed): string =>
  (outcomeSeen(seen) && seen.pod && courierEndedAt(seen.pod)) ?? timestamp(seen.now);

const outcomeSeen = (seen: Observed): Outcome | undefined =>
  seen.need === 'report' ? seen.outcome : undefined;
