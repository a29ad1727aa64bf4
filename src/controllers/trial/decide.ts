/** Pure: what was observed → the one next action. `needs` says beforehand what has to be known for it, `done.ts` afterwards what came of it. */
import { pauseUntil } from '../../crds/attempts.ts';
import { jobName } from '../../crds/names.ts';
import type { Outcome } from '../../wire/outcome.ts';
import type { UidRange } from '../../crds/namespace-rules.ts';
import { present } from '../../crds/present.ts';
import { isRetried } from '../../crds/reasons.ts';
import type { TrialActiveReason, TrialFailedReason } from '../../crds/reasons.ts';
import type { TaskBuild } from '../../crds/task-build.ts';
import type { ByRole, ImageRole } from '../../crds/trial-status.ts';
import type { KubeObject } from '../../kube/types.ts';
import type { AppliedOutcome } from '../../results/applied.ts';
import type { Source } from '../../results/source.ts';
import type { ReadyImage } from '../../images/image.ts';
import type { PauseReason } from './attempts.ts';
import { unpaidOf, withoutBudget } from './budget.ts';
import { attemptEnd } from './attempt-end.ts';
import type { AttemptEnd } from './attempt-end.ts';
import { failedAttempts, notBefore } from './attempts.ts';
import { readyImages } from './ready-images.ts';
import type {
  AttemptSeen,
  BegunAttempt,
  CompiledTask,
  CompiledTrial,
  Inputs,
  Observed,
  RunnableTask,
} from './observed.ts';
import type { PoliciesSeen } from '../../pods/policies.ts';
import { SETTLE_MS } from '../../pods/reading/courier.ts';
import { refusalOf } from '../../pods/reading/refusal.ts';
import { startedAt } from '../../pods/reading/containers.ts';
import { stuckInMs } from '../../pods/reading/state.ts';
import {
  overdueVerifier,
  recordedUnstarted,
  whileRunning,
  whileStarting,
  type Unstarted,
  type UnstartedReason,
} from './starting.ts';

/** Why an attempt is ended before its courier ends it. `message`: of a verifier that does not start. */
export type Stop =
  { because: 'Cancelled' | 'Suspended' } | { because: UnstartedReason | 'BudgetExceeded'; message: string };

export type Action =
  /** Nothing can be done now. `reason` is what the user reads; `againMs` where no event will tell. */
  | { kind: 'wait'; reason: TrialActiveReason; message: string; againMs?: number }
  | { kind: 'createBuild'; compiled: CompiledTrial; role: ImageRole; taskBuild: string; stale?: TaskBuild }
  | {
      kind: 'createJob';
      compiled: CompiledTrial;
      images: ByRole<ReadyImage>;
      taskContent?: string;
      users?: UidRange;
      source?: Source;
    }
  /** Write down that this attempt is being ended, and why, before anything is done about it. */
  | ({ kind: 'recordStop' } & Stop)
  /** End the Pod in an orderly way; what becomes of the Trial is decided when it is gone. */
  | ({ kind: 'stop' } & Stop)
  /** Close this attempt; the Trial goes on. */
  | { kind: 'endAttempt'; reason: TrialFailedReason | PauseReason; message: string }
  /** Take over how the same ended before. */
  | { kind: 'adopt'; applied: AppliedOutcome }
  | { kind: 'succeed'; outcome: Outcome }
  | { kind: 'fail'; reason: TrialFailedReason; message: string; outcome?: Outcome };

/** What has to be known before the next action. */
export type Needs =
  /** No more than is known. */
  | { need: 'nothing'; action: Action }
  /** What became of the attempt that was begun. */
  | { need: 'report' }
  /** Image and task of the attempt that may start now; and its outcome, should it have run while no operator lived. */
  | { need: 'inputs' };

export type Wait = Action & { kind: 'wait' };
export type Fail = Action & { kind: 'fail' };

export const fail = (reason: TrialFailedReason, message: string): Fail => ({ kind: 'fail', reason, message });
/** Its removal wakes the Trial, too. */
export const LEFTOVER: Wait = {
  kind: 'wait',
  reason: 'Pending',
  message: 'the Job of an earlier Trial of this name is being removed',
  againMs: 5000,
};
const CANCELLED = 'spec.cancel was true';

export const nameConflict = ({ trial, attempt }: AttemptSeen): Fail =>
  fail(
    'NameConflict',
    `Job ${jobName(trial.metadata.name, attempt)} exists and is not this Trial's; delete it or rename the Trial`,
  );

/** What an observation has to ask for besides: no more than the next action depends on. */
export function needs(seen: AttemptSeen): Needs {
  const { job, recorded } = seen;
  if (job.kind === 'foreign') return { need: 'nothing', action: nameConflict(seen) };
  if (job.kind === 'own' || (job.kind === 'none' && recorded)) return { need: 'report' };
  const action = beforeAttempt(seen);
  return action ? { need: 'nothing', action } : { need: 'inputs' };
}

/** The one action that follows from what was observed. */
export function nextAction(seen: Observed): Action {
  switch (seen.need) {
    case 'nothing':
      return seen.action;
    case 'report':
      return onceBegun(seen);
    case 'inputs':
      return startAttempt(seen);
    case 'applied':
      return { kind: 'adopt', applied: seen.applied };
    default:
      return seen satisfies never;
  }
}

/** What keeps the next attempt from starting; undefined where nothing does. */
function beforeAttempt({ trial, job, now }: AttemptSeen): Action | undefined {
  if (trial.spec.cancel) return fail('Cancelled', CANCELLED);
  if (trial.spec.suspend) return { kind: 'wait', reason: 'Suspended', message: 'spec.suspend is true' };
  return pauseUntil(notBefore(trial), now) ?? (job.kind === 'leftover' ? LEFTOVER : undefined);
}

function startAttempt(seen: AttemptSeen & Inputs): Action {
  if ('taskFault' in seen) return fail(seen.taskFault.reason, seen.taskFault.message);
  const changed = changedTask(seen);
  if (changed !== undefined) return fail('TaskMismatch', changed);
  return withImages(seen);
}

/** All attempts are at one task: what one of them read of the tests must not help the next one with others. */
function changedTask({
  trial: { spec, status },
  taskContent,
}: AttemptSeen & CompiledTask): string | undefined {
  const before = status?.attempts?.find((attempt) => attempt.taskContent !== undefined);
  if (before?.taskContent === undefined || before.taskContent === taskContent) return undefined;
  const name = spec.task.configMap?.name;
  return `ConfigMap ${name} has changed since attempt ${before.number}: its files were ${before.taskContent} and are ${taskContent}`;
}

function withImages({
  images,
  compiled,
  taskContent,
  users,
  source,
  policies,
  budget,
}: RunnableTask & Pick<AttemptSeen, 'policies' | 'budget'>): Action {
  const unpaid = withoutBudget(budget);
  if (unpaid) return unpaid;
  const found = readyImages(images, compiled);
  if (found.kind !== 'ready') return found;
  return (
    withoutPolicies(policies) ?? {
      kind: 'createJob',
      compiled,
      images: found.images,
      ...present({ taskContent, users, source }),
    }
  );
}

/** What is to be done where no Pod may be made, for nothing would close its network. */
function withoutPolicies(policies: PoliciesSeen): Action | undefined {
  switch (policies.kind) {
    case 'inPlace':
      return undefined;
    case 'awaited':
      return NO_POLICIES;
    case 'refused':
      return refused(policies.message, (message) => fail('JobRejected', `NetworkPolicies: ${message}`));
    default:
      return policies satisfies never;
  }
}

/** Of a new leader no event tells. */
const NO_POLICIES: Wait = {
  kind: 'wait',
  reason: 'NetworkPending',
  message: 'the NetworkPolicies of the namespace are not in place yet',
  againMs: 1000,
};

/** What the API server will never take ends the Trial; a full quota or an ending namespace only waits. */
export function refused(said: string, failure: (message: string) => Fail): Wait | Fail {
  const { kind, message } = refusalOf(said);
  return kind === 'passing'
    ? { kind: 'wait', reason: 'Pending', message, againMs: 10_000 }
    : failure(message);
}

function onceBegun(seen: BegunAttempt): Action {
  const ended = attemptEnd(seen);
  return ended ? afterAttempt(seen, ended) : duringAttempt(seen);
}

function afterAttempt(seen: BegunAttempt, ended: AttemptEnd): Action {
  const { spec } = seen.trial;
  // A result that was obtained is recorded, whatever was asked for meanwhile.
  if (ended.kind === 'result') return { kind: 'succeed', outcome: ended.outcome };
  const kept = ended.outcome && { outcome: ended.outcome };
  if (isCancelled(seen)) return { ...fail('Cancelled', CANCELLED), ...kept };
  const paused = pauseOf(seen);
  if (paused) return { kind: 'endAttempt', ...paused };
  const unstarted = recordedUnstarted(seen.recorded);
  if (unstarted)
    return { ...fail(unstarted.reason, unstarted.message), ...(kept && stoppedFor(unstarted, kept)) };
  // Somebody else told the courier to stop (a drain, a deleted Job): that is no failure of the agent.
  const reason = ended.reason === 'Cancelled' ? 'PodLost' : ended.reason;
  const failures = failedAttempts(seen.trial).length + 1;
  if (isRetried(reason) && failures < spec.maxAttempts)
    return { kind: 'endAttempt', reason, message: ended.message };
  return { ...fail(reason, ended.message), ...kept };
}

/** Why an attempt ended that did not fail. */
function pauseOf(seen: BegunAttempt): { reason: PauseReason; message: string } | undefined {
  if (isSuspended(seen)) return { reason: 'Suspended', message: 'spec.suspend was true' };
  const unpaid = unpaidOf(seen);
  return unpaid && isOnRecord(seen, unpaid) ? { reason: unpaid.because, message: unpaid.message } : undefined;
}

/** The courier only knows that it was told to stop. */
const stoppedFor = (
  { reason, message }: Unstarted,
  { outcome }: { outcome: Outcome },
): { outcome: Outcome } => ({
  outcome: {
    ...outcome,
    result: { kind: 'failed', reason, message },
    ...(outcome.exception && { exception: { ...outcome.exception, type: reason, message } }),
  },
});

/** Whether an attempt is being ended for a suspension, which may have been taken back since. */
const isSuspended = ({ trial, recorded }: BegunAttempt): boolean =>
  trial.spec.suspend || recorded?.reason === 'Suspended';

/** The same of a cancellation: a GitOps tool sets the field back within seconds. */
const isCancelled = ({ trial, recorded }: BegunAttempt): boolean =>
  trial.spec.cancel || recorded?.reason === 'Cancelled';

function duringAttempt(seen: BegunAttempt): Action {
  const { pod } = seen;
  const stop = stopOf(seen);
  if (stop && !isOnRecord(seen, stop)) return { kind: 'recordStop', ...stop };
  if (isEnding(seen)) return whileStopping(seen);
  if (stop) return { kind: 'stop', ...stop };
  if (seen.outcome)
    return { kind: 'wait', reason: 'Stopping', message: 'the task container is ending', againMs: SETTLE_MS };
  const started = pod && startedAt(pod);
  return started === undefined ? whileStarting(seen) : whileRunning(seen, started);
}

function stopOf(seen: BegunAttempt): Stop | undefined {
  if (isCancelled(seen)) return { because: 'Cancelled' };
  if (isSuspended(seen)) return { because: 'Suspended' };
  const unpaid = unpaidOf(seen);
  if (unpaid) return unpaid;
  // A courier that has spoken waits for no verifier, and who ends the Pod already may be a drain.
  const isOpen = !seen.outcome && !isEnding(seen);
  const unstarted = recordedUnstarted(seen.recorded) ?? (isOpen ? overdueVerifier(seen) : undefined);
  return unstarted && { because: unstarted.reason, message: unstarted.message };
}

/**
 * An attempt is on the record before its Job is deleted: otherwise a crash in between would make the same attempt a second Job. So is why it is
 * ended: the spec may not tell of a cancellation or a suspension any more when the Pod is gone, and nothing tells of a verifier that did not start.
 */
const isOnRecord = ({ recorded }: BegunAttempt, { because }: Stop): boolean => recorded?.reason === because;

const isDeleted = (object: KubeObject | undefined): boolean =>
  object?.metadata.deletionTimestamp !== undefined;

const isEnding = ({ pod, job }: BegunAttempt): boolean =>
  isDeleted(pod) || (job.kind === 'own' && isDeleted(job.job));

/** The Pod is on its way out; no event comes from a node that is lost, so look again when it should have ended. */
function whileStopping({ pod, now }: BegunAttempt): Action {
  const againMs = pod && stuckInMs(pod, now);
  return {
    kind: 'wait',
    reason: 'Stopping',
    message: 'the Pod is being ended',
    ...(againMs !== undefined && { againMs }),
  };
}
