/** Pure: what was observed → the one next step. */
import { jittered, nextAttemptAt, openAttempt, pauseUntil } from '../../crds/attempts.ts';
import { timestamp } from '../../crds/conditions.ts';
import { present } from '../../crds/present.ts';
import { BUILD_FAILED } from '../../crds/reasons.ts';
import type { BuildActiveReason, BuildFailedReason } from '../../crds/reasons.ts';
import type { BuildAttempt } from '../../crds/task-build.ts';
import type { BuildFailure } from '../../providers/image-builder/port.ts';
import type { StateSeen, BuildSeen, Handed, Inputs, Named, Observed, Progress } from './observed.ts';
import { nextAttempt, recordedOrigin, refusalOf } from './image.ts';
import { roundedUp } from './queue.ts';
import type { QueuePosition } from './queue.ts';

export type Action =
  /** `againMs` where no event will tell. */
  | { kind: 'wait'; reason: BuildActiveReason; message: string; againMs?: number }
  /** Write the token of a new attempt down, before anything is started with it. */
  | ({ kind: 'openAttempt'; attempt: BuildAttempt } & Named)
  | ({ kind: 'start'; attempt: BuildAttempt } & Named)
  | ({ kind: 'succeed'; digest: string; cacheHit: boolean } & Named)
  /** The builder failed, not the Dockerfile: close the attempt, another one follows. `stop`: something still runs at the builder. */
  | { kind: 'endAttempt'; failure: Failure; stop: boolean }
  | { kind: 'fail'; failure: Failure; stop: boolean };

/** What has to be known before the next action. */
export type Needs =
  /** No more than is known. */
  | { need: 'nothing'; action: Action }
  /** How far the build is that was handed to the builder. */
  | { need: 'progress'; handed: Handed }
  /** Whether the image exists, else the files to build. */
  | { need: 'inputs' };

export type Wait = Action & { kind: 'wait' };
export type Fail = Action & { kind: 'fail' };
export type Ending = Action & { kind: 'fail' | 'endAttempt' };

export type Failure = Pick<BuildFailure, 'message' | 'failedStep'> & {
  reason: BuildFailedReason;
  logTail?: string[];
};

const MAX_ATTEMPTS = 3;
const PAUSE_MS = 10_000;
/** A builder that does not end an overdue build itself is not waited for longer than this. */
const OVERDUE_MS = 60_000;
/** A builder may need a moment to know a build that it has just taken. */
const UNKNOWN_MS = 30_000;
/** No event says when a bucket or a registry answers again. */
export const ASK_AGAIN_MS = 5000;

/** What an observation has to ask for besides: no more than the next action depends on. */
export function needs(seen: BuildSeen): Needs {
  const { taskBuild, position } = seen;
  const open = openAttempt(taskBuild);
  if (taskBuild.spec.cancelled)
    return decided({ ...fail('Cancelled', 'spec.cancelled is true'), stop: open?.buildId !== undefined });
  if (open) return needsOfAttempt(seen, open);
  const refusal = refusalOf(taskBuild, seen.rules);
  if (refusal) return decided(fail(refusal.reason, refusal.message));
  return position ? decided(waitInQueue(position)) : { need: 'inputs' };
}

const decided = (action: Action): Needs => ({ need: 'nothing', action });

/** What was written down with the attempt says what is to be built, and where it goes. */
function needsOfAttempt(seen: BuildSeen, attempt: BuildAttempt): Needs {
  const { taskBuild } = seen;
  const image = taskBuild.status?.image;
  const origin = recordedOrigin(taskBuild);
  const { buildId } = attempt;
  if (image === undefined || !origin) return decided(afterFailure(seen, UNRECORDED));
  return buildId === undefined
    ? decided({ kind: 'start', image, origin, attempt })
    : { need: 'progress', handed: { buildId, attempt, image, origin } };
}

const UNRECORDED: Failure = {
  reason: 'BuilderUnavailable',
  message: 'an earlier version of the operator began this build, and did not record what of',
};

/** The one action that follows from what was observed. */
export function nextAction(seen: Observed): Action {
  switch (seen.need) {
    case 'nothing':
      return seen.action;
    case 'progress':
      return afterState(seen, seen.progress);
    case 'inputs':
      return beforeAttempt(seen, seen.inputs);
    default:
      return seen satisfies never;
  }
}

export const fail = (reason: BuildFailedReason, message: string): Fail => ({
  kind: 'fail',
  failure: { reason, message },
  stop: false,
});

/** What a build does that no slot is free for; the end of another build wakes it. */
export function waitInQueue({ queuedAhead, limit, share }: QueuePosition): Wait {
  const where =
    queuedAhead === 0
      ? 'next of its namespace'
      : `at most ${roundedUp(queuedAhead)} builds of this namespace are ahead of this one`;
  const most = share < limit ? `, ${share} of one namespace` : '';
  return {
    kind: 'wait',
    reason: 'WaitingForSlot',
    message: `${where}; namespaces take turns, ${limit} builds run at the same time${most}`,
  };
}

function beforeAttempt(seen: BuildSeen, inputs: Inputs): Action {
  if (inputs.kind === 'existing') return withExisting(inputs);
  return otherBackend(seen) ?? tooLong(seen) ?? pause(seen) ?? withContext(seen, inputs);
}

function withExisting({ image, origin, existing }: Inputs & { kind: 'existing' }): Action {
  switch (existing.kind) {
    case 'unavailable':
      return {
        kind: 'wait',
        reason: 'RegistryUnavailable',
        message: existing.message,
        againMs: ASK_AGAIN_MS,
      };
    case 'recordUnread':
      return { kind: 'wait', reason: 'Pending', message: existing.message, againMs: ASK_AGAIN_MS };
    case 'refused':
      return fail('PushDenied', existing.message);
    case 'present':
      return { kind: 'succeed', image, origin, digest: existing.digest, cacheHit: true };
    default:
      return existing satisfies never;
  }
}

function otherBackend({ taskBuild, builder: { backend } }: BuildSeen): Action | undefined {
  const wanted = taskBuild.spec.backend ?? backend;
  if (wanted === backend) return undefined;
  return fail(
    'BackendNotConfigured',
    `spec.backend: this operator builds with ${backend}, not with ${wanted}`,
  );
}

/** Refused and not cut short: a build that ends early for a reason that nobody wrote down is hard to understand. */
function tooLong({ taskBuild: { spec }, limits }: BuildSeen): Action | undefined {
  const field = (['timeoutSeconds', 'queueTimeoutSeconds'] as const).find(
    (each) => spec[each] > limits[each],
  );
  if (field === undefined) return undefined;
  const message = `spec.${field}: ${spec[field]} is more than the ${limits[field]} that this operator allows`;
  return fail('BuildRejected', message);
}

function pause({ taskBuild, now }: BuildSeen): Action | undefined {
  const attempts = taskBuild.status?.attempts ?? [];
  return pauseUntil(nextAttemptAt(attempts, jittered(PAUSE_MS, attempts.at(-1)?.token ?? '')), now);
}

function withContext(seen: BuildSeen, inputs: Exclude<Inputs, { kind: 'existing' }>): Action {
  if (inputs.kind === 'unnamed') return fail('ContextNotFound', inputs.message);
  const { image, origin, context } = inputs;
  switch (context.kind) {
    case 'missing':
      return fail('ContextNotFound', context.message);
    case 'unavailable':
      return { kind: 'wait', reason: 'Pending', message: context.message, againMs: ASK_AGAIN_MS };
    case 'present':
      return { kind: 'openAttempt', image, origin, attempt: newAttempt(seen, context.version) };
    default:
      return context satisfies never;
  }
}

const newAttempt = ({ taskBuild, now }: BuildSeen, contextVersion: string | undefined): BuildAttempt => ({
  ...nextAttempt(taskBuild),
  openedTime: timestamp(now),
  ...present({ contextVersion }),
});

function afterState(seen: BuildSeen, progress: Progress): Action {
  const { state, againMs } = progress;
  switch (state.kind) {
    case 'queued':
      return whileQueued(seen, progress);
    case 'running':
      return whileRunning(seen, progress, state);
    case 'succeeded':
      return afterPush(progress, state);
    case 'failed':
      return afterFailure(seen, state);
    case 'unknown':
      return whileUnknown(seen, progress);
    case 'unanswered':
      return { kind: 'wait', reason: 'BuilderNotAnswering', message: state.message, againMs };
    default:
      return state satisfies never;
  }
}

function whileQueued(seen: BuildSeen, { buildId, attempt, againMs }: Progress): Action {
  const { queueTimeoutSeconds } = seen.taskBuild.spec;
  if (isOverdue(seen, attempt.startTime, queueTimeoutSeconds * 1000))
    return {
      ...afterFailure(seen, { reason: 'QueueTimeout', message: `not begun within ${queueTimeoutSeconds} s` }),
      stop: true,
    };
  return { kind: 'wait', reason: 'Queued', message: `build ${buildId} waits`, againMs };
}

function whileRunning(
  seen: BuildSeen,
  { buildId, attempt, againMs }: Progress,
  { timeoutFrom, since = attempt.runningTime }: StateSeen & { kind: 'running' },
): Action {
  const { timeoutSeconds } = seen.taskBuild.spec;
  if (isOverdue(seen, timeoutFrom ?? since, timeoutSeconds * 1000 + OVERDUE_MS))
    return { ...fail('BuildTimeout', `not done within ${timeoutSeconds} s`), stop: true };
  return { kind: 'wait', reason: 'Building', message: `build ${buildId} runs`, againMs };
}

function whileUnknown(seen: BuildSeen, { buildId, attempt, againMs }: Progress): Action {
  const message = `the builder knows no build ${buildId}`;
  if (isOverdue(seen, attempt.startTime, UNKNOWN_MS))
    return afterFailure(seen, { reason: 'BuilderUnavailable', message });
  return { kind: 'wait', reason: 'Queued', message: `${message} yet`, againMs };
}

const isOverdue = ({ now }: BuildSeen, since: string | undefined, limitMs: number): boolean =>
  since !== undefined && now.getTime() > Date.parse(since) + limitMs;

/** Success means: the registry shows the digest. A registry may need a moment for it. */
function afterPush(
  { image, origin }: Named,
  { digest, pushed }: Progress['state'] & { kind: 'succeeded' },
): Action {
  if (pushed.kind === 'present') return { kind: 'succeed', image, origin, digest, cacheHit: false };
  const message = 'message' in pushed ? pushed.message : `the registry does not show ${digest} yet`;
  return { kind: 'wait', reason: 'RegistryUnavailable', message, againMs: 2000 };
}

/** In CodeBuild's queue a build waits for others of the account, which end; in a cluster for a node, which does not come. */
const isRetried = ({ builder }: BuildSeen, reason: BuildFailedReason): boolean =>
  BUILD_FAILED[reason].retried || (reason === 'QueueTimeout' && builder.backend === 'CodeBuild');

function afterFailure(seen: BuildSeen, { reason, message, logTail, failedStep }: Failure): Ending {
  const failure = {
    reason,
    message,
    ...(logTail && { logTail }),
    ...(failedStep !== undefined && { failedStep }),
  };
  const attempts = seen.taskBuild.status?.attempts ?? [];
  const another = isRetried(seen, reason) && attempts.length < MAX_ATTEMPTS;
  return { kind: another ? 'endAttempt' : 'fail', failure, stop: false };
}
