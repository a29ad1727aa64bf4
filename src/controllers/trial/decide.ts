/** Pure: what was observed → the one next action. */
import { pauseUntil } from '../../crds/attempts.ts';
import type { Outcome } from '../../wire/outcome.ts';
import { present } from '../../crds/present.ts';
import { isRetried } from '../../crds/reasons.ts';
import type { TrialActiveReason, TrialFailedReason } from '../../crds/reasons.ts';
import type { TaskBuild } from '../../crds/task-build.ts';
import type { Attempt } from '../../crds/trial-status.ts';
import type { KubeObject } from '../../kube/types.ts';
import type { Job, Pod } from '../../kube/kinds.ts';
import { hasVanished, notBefore } from './attempt.ts';
import type { ImageSeen, Observed, ReadyImage } from './observed.ts';
import {
  failureOf,
  isOver,
  isSettled,
  isStuck,
  POD_EXPECTED_MS,
  SETTLE_MS,
  startedAt,
  stuckInMs,
  waitingOf,
} from './pod.ts';
import type { Failure } from './pod.ts';

export type StopReason = 'Cancelled' | 'Suspended';

export type Action =
  /** Nothing can be done now. `reason` is what the user reads; `againMs` where no event will tell. */
  | { kind: 'wait'; reason: TrialActiveReason; message: string; againMs?: number }
  | { kind: 'createBuild'; taskBuild: string; stale?: TaskBuild }
  | { kind: 'createJob'; image: ReadyImage; taskContent?: string }
  /** Write down that this attempt is being ended, and why, before anything is done about it. */
  | { kind: 'recordStop'; because: StopReason }
  /** End the Pod in an orderly way; what becomes of the Trial is decided when it is gone. */
  | { kind: 'stop'; because: StopReason }
  /** Close this attempt; the Trial goes on. */
  | { kind: 'endAttempt'; reason: TrialFailedReason | 'Suspended'; message: string }
  | { kind: 'succeed'; outcome: Outcome }
  | { kind: 'fail'; reason: TrialFailedReason; message: string; outcome?: Outcome };

/** What came of an action. */
export type Done =
  | Exclude<Action, { kind: 'createJob' | 'createBuild' }>
  | { kind: 'jobCreated' }
  | { kind: 'buildCreated'; taskBuild: string };

const fail = (reason: TrialFailedReason, message: string): Action & { kind: 'fail' } => ({
  kind: 'fail',
  reason,
  message,
});
/** Its removal wakes the Trial, too. */
export const LEFTOVER: Action & { kind: 'wait' } = {
  kind: 'wait',
  reason: 'Pending',
  message: 'the Job of an earlier Trial of this name is being removed',
  againMs: 5000,
};
const CANCELLED = 'spec.cancel is true';

export function nextAction(seen: Observed): Action {
  if (seen.job.kind === 'foreign')
    return fail(
      'NameConflict',
      'a Job that this Trial does not own has the name of its attempt; delete it or rename the Trial',
    );
  const ended = attemptEnd(seen);
  if (ended) return afterAttempt(seen, ended);
  return seen.job.kind === 'own' ? duringAttempt(seen) : beforeAttempt(seen);
}

type AttemptEnd = { kind: 'result'; outcome: Outcome } | ({ kind: 'failure'; outcome?: Outcome } & Failure);

/** How the open attempt ended; undefined while it goes on, or where none was begun. */
function attemptEnd(seen: Observed): AttemptEnd | undefined {
  const { outcome } = seen;
  if (!outcome) return silentEnd(seen);
  const { result } = outcome;
  return result.kind === 'failed' ? toldFailure(seen, outcome, result) : { kind: 'result', outcome };
}

function toldFailure({ pod, now }: Observed, outcome: Outcome, said: Failure): AttemptEnd | undefined {
  if (pod && needsCause(said.reason) && !isSettled(pod, now)) return undefined;
  const { reason, message } = (pod && causeOf(said.reason, pod)) ?? said;
  return { kind: 'failure', outcome, reason, message };
}

/** The courier only knows that it was told to stop, or that its neighbour is gone; the Pod may say why once that has ended. */
const needsCause = (said: TrialFailedReason): boolean =>
  said === 'Cancelled' || said === 'TaskContainerExited';

function causeOf(said: TrialFailedReason, pod: Pod): Failure | undefined {
  if (!needsCause(said)) return undefined;
  const cause = failureOf(pod);
  if (cause.reason !== 'TaskContainerExited' && cause.reason !== 'PodLost') return cause;
  // Whoever deletes a Pod ends its containers, too: their ends say nothing then.
  if (isDeleted(pod)) return { reason: 'PodLost', message: 'somebody deleted the Pod' };
  return cause.reason === 'PodLost' ? undefined : cause;
}

function silentEnd(seen: Observed): AttemptEnd | undefined {
  const { altered } = seen;
  const failure: Failure | undefined =
    altered === undefined ? silentFailure(seen) : { reason: 'PodLost', message: altered };
  return failure && { kind: 'failure', ...failure };
}

function silentFailure(seen: Observed): Failure | undefined {
  const { pod, now, job } = seen;
  if (pod && isOver(pod)) return failureOf(pod);
  if (pod && isStuck(pod, now))
    return { reason: 'NodeLost', message: `the node of Pod ${pod.metadata.name} does not end it` };
  if (!hasVanished(seen)) return undefined;
  const condition = job.kind === 'own' ? failedCondition(job.job) : undefined;
  if (condition?.reason === 'PodFailurePolicy')
    return { reason: 'Evicted', message: condition.message ?? 'the Pod was disrupted' };
  return { reason: 'PodLost', message: 'the Pod was deleted and left no result' };
}

const failedCondition = ({ status }: Job) => status?.conditions?.find(({ type }) => type === 'Failed');

function afterAttempt(seen: Observed, ended: AttemptEnd): Action {
  const { spec } = seen.trial;
  // A result that was obtained is recorded, whatever was asked for meanwhile.
  if (ended.kind === 'result') return { kind: 'succeed', outcome: ended.outcome };
  const kept = ended.outcome && { outcome: ended.outcome };
  if (spec.cancel) return { ...fail('Cancelled', CANCELLED), ...kept };
  if (isSuspended(seen)) return { kind: 'endAttempt', reason: 'Suspended', message: 'spec.suspend was true' };
  // Somebody else told the courier to stop (a drain, a deleted Job): that is no failure of the agent.
  const reason = ended.reason === 'Cancelled' ? 'PodLost' : ended.reason;
  const failures = (seen.trial.status?.attempts ?? []).filter(isFailure).length + 1;
  if (isRetried(reason) && failures < spec.maxAttempts)
    return { kind: 'endAttempt', reason, message: ended.message };
  return { ...fail(reason, ended.message), ...kept };
}

/** Whether an attempt is being ended for a suspension, which may have been taken back since. */
const isSuspending = ({ recorded }: Observed): boolean => recorded?.reason === 'Suspended';

const isSuspended = (seen: Observed): boolean => seen.trial.spec.suspend || isSuspending(seen);

const isFailure = (attempt: Attempt): boolean =>
  attempt.completionTime !== undefined && attempt.reason !== 'Suspended';

function duringAttempt(seen: Observed): Action {
  const { pod } = seen;
  const because = stopReason(seen);
  if (because && !isOnRecord(seen, because)) return { kind: 'recordStop', because };
  if (isEnding(seen)) return whileStopping(seen);
  if (because) return { kind: 'stop', because };
  if (seen.outcome)
    return { kind: 'wait', reason: 'Stopping', message: 'the task container is ending', againMs: SETTLE_MS };
  const started = pod && startedAt(pod);
  if (started === undefined) return whileStarting(seen);
  return { kind: 'wait', reason: 'Running', message: `Pod ${pod?.metadata.name} runs since ${started}` };
}

function stopReason(seen: Observed): StopReason | undefined {
  if (seen.trial.spec.cancel) return 'Cancelled';
  return isSuspended(seen) ? 'Suspended' : undefined;
}

/**
 * An attempt is on the record before its Job is deleted: otherwise a crash in between would make the same attempt a second Job. So is a
 * suspension, which the spec may not tell of any more when the Pod is gone; a cancellation cannot be taken back.
 */
const isOnRecord = (seen: Observed, because: StopReason): boolean =>
  because === 'Cancelled' ? seen.recorded !== undefined : isSuspending(seen);

const isDeleted = (object: KubeObject | undefined): boolean =>
  object?.metadata.deletionTimestamp !== undefined;

const isEnding = ({ pod, job }: Observed): boolean =>
  isDeleted(pod) || (job.kind === 'own' && isDeleted(job.job));

/** The Pod is on its way out; no event comes from a node that is lost, so look again when it should have ended. */
function whileStopping({ pod, now }: Observed): Action {
  const againMs = pod && stuckInMs(pod, now);
  return {
    kind: 'wait',
    reason: 'Stopping',
    message: 'the Pod is being ended',
    ...(againMs !== undefined && { againMs }),
  };
}

function jobAgeMs({ job, now }: Observed): number {
  const created = job.kind === 'own' ? job.job.metadata.creationTimestamp : undefined;
  return created === undefined ? 0 : now.getTime() - Date.parse(created);
}

function whileStarting(seen: Observed): Action {
  const { trial, pod, refusal } = seen;
  const { reason, message, becomes } = waitingOf(pod, refusal);
  if (becomes?.reason === 'JobRejected') return fail(becomes.reason, message);
  const limitMs = Math.min(trial.spec.startTimeoutSeconds * 1000, becomes?.graceMs ?? Infinity);
  const ageMs = jobAgeMs(seen);
  const leftMs = limitMs - ageMs;
  // Nothing tells that there will be no Pod: the Job is asked about again, less often each time.
  const lookMs = pod ? Infinity : Math.max(POD_EXPECTED_MS, ageMs);
  if (leftMs >= 0) return { kind: 'wait', reason, message, againMs: Math.min(leftMs, lookMs) + 100 };
  return fail(
    becomes?.reason ?? 'StartTimeout',
    `not started within ${limitMs / 1000} s: ${reason}: ${message}`,
  );
}

function beforeAttempt(seen: Observed): Action {
  const { trial, taskMissing, now } = seen;
  if (trial.spec.cancel) return fail('Cancelled', CANCELLED);
  if (trial.spec.suspend) return { kind: 'wait', reason: 'Suspended', message: 'spec.suspend is true' };
  const pause = pauseUntil(notBefore(trial), now);
  if (pause) return pause;
  if (seen.job.kind === 'leftover') return LEFTOVER;
  if (taskMissing !== undefined) return fail('TaskNotFound', taskMissing);
  const changed = changedTask(seen);
  if (changed !== undefined) return fail('TaskMismatch', changed);
  const action = withImage(seen.image);
  return action.kind === 'createJob' ? { ...action, ...present({ taskContent: seen.taskContent }) } : action;
}

/** All attempts are at one task: what one of them read of the tests must not help the next one with others. */
function changedTask({ trial: { spec, status }, taskContent }: Observed): string | undefined {
  const before = status?.attempts?.find((attempt) => attempt.taskContent !== undefined);
  if (before?.taskContent === undefined || before.taskContent === taskContent) return undefined;
  const name = spec.task.configMap?.name;
  return `ConfigMap ${name} has changed since attempt ${before.number}: its files were ${before.taskContent} and are ${taskContent}`;
}

function withImage(image: ImageSeen): Action {
  switch (image.kind) {
    case 'ready':
      return { kind: 'createJob', image: image.image };
    case 'toBuild':
      return { kind: 'createBuild', taskBuild: image.taskBuild, ...(image.stale && { stale: image.stale }) };
    case 'building':
      return { kind: 'wait', reason: 'BuildingImage', message: image.message };
    case 'unavailable':
      return { kind: 'wait', reason: 'RegistryUnavailable', message: image.message, againMs: 5000 };
    case 'failed':
      return fail(image.reason, image.message);
    case 'notAsked':
      return { kind: 'wait', reason: 'Pending', message: 'not looked at yet', againMs: 100 };
    default:
      return image satisfies never;
  }
}
