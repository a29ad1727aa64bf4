/** Pure: what was observed → the one next step. */
import { jittered, nextAttemptAt, pauseUntil } from '../../crds/attempts.ts';
import { BUILD_FAILED } from '../../crds/reasons.ts';
import type { BuildActiveReason, BuildFailedReason } from '../../crds/reasons.ts';
import type { BuildAttempt, TaskBuild } from '../../crds/task-build.ts';
import type { ProviderError, ProviderReason } from '../../providers/errors.ts';
import type { BuildFailure, BuildHandle } from '../../providers/image-builder/port.ts';
import type { StateSeen } from './build-states.ts';
import type { Observed } from './observe.ts';
import { roundedUp } from './queue.ts';
import type { QueuePosition } from './queue.ts';

export type Action =
  /** `againMs` where no event will tell. */
  | { kind: 'wait'; reason: BuildActiveReason; message: string; againMs?: number }
  /** Write the token of a new attempt down, before anything is started with it. */
  | { kind: 'openAttempt'; image: string }
  | { kind: 'start'; image: string; attempt: BuildAttempt }
  | { kind: 'succeed'; image: string; digest: string; cacheHit: boolean }
  /** The builder failed, not the Dockerfile: close the attempt, another one follows. */
  | { kind: 'endAttempt'; failure: Failure }
  /** `stop`: something still runs at the builder. */
  | { kind: 'fail'; failure: Failure; stop: boolean };

/** What came of an action. */
export type Done =
  | Exclude<Action, { kind: 'openAttempt' | 'start' }>
  | { kind: 'opened'; image: string; attempt: BuildAttempt }
  | { kind: 'started'; image: string; handle: BuildHandle };

export type Wait = Action & { kind: 'wait' };
export type Fail = Action & { kind: 'fail' };

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
const ASK_AGAIN_MS = 5000;
const REFUSED_PAUSE_MS = [2000, 60_000] as const;

export function nextAction(seen: Observed): Action {
  const { taskBuild, open, position } = seen;
  if (taskBuild.spec.cancelled)
    return { ...fail('Cancelled', 'spec.cancelled is true'), stop: open?.buildId !== undefined };
  if (open) return duringAttempt(seen, open);
  return position ? waitInQueue(position) : beforeAttempt(seen);
}

const fail = (reason: BuildFailedReason, message: string): Fail => ({
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

function beforeAttempt(seen: Observed): Action {
  if (seen.refusal) return { kind: 'fail', failure: seen.refusal, stop: false };
  return afterLookup(seen) ?? refusal(seen) ?? tooLong(seen) ?? pause(seen) ?? withContext(seen);
}

/** What the registry’s answer decides. */
function afterLookup({ image, existing }: Observed): Action | undefined {
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
      return image === undefined
        ? undefined
        : { kind: 'succeed', image, digest: existing.digest, cacheHit: true };
    case 'absent':
    case 'notAsked':
      return undefined;
    default:
      return existing satisfies never;
  }
}

function refusal({ taskBuild, backend }: Observed): Action | undefined {
  const wanted = taskBuild.spec.backend ?? backend;
  if (wanted === backend) return undefined;
  return fail(
    'BackendNotConfigured',
    `spec.backend: this operator builds with ${backend}, not with ${wanted}`,
  );
}

/** Refused and not cut short: a build that ends early for a reason that nobody wrote down is hard to understand. */
function tooLong({ taskBuild: { spec }, limits }: Observed): Action | undefined {
  const field = (['timeoutSeconds', 'queueTimeoutSeconds'] as const).find(
    (each) => spec[each] > limits[each],
  );
  if (field === undefined) return undefined;
  const message = `spec.${field}: ${spec[field]} is more than the ${limits[field]} that this operator allows`;
  return fail('BuildRejected', message);
}

function pause({ taskBuild, now }: Observed): Action | undefined {
  const attempts = taskBuild.status?.attempts ?? [];
  return pauseUntil(nextAttemptAt(attempts, jittered(PAUSE_MS, attempts.at(-1)?.token ?? '')), now);
}

function withContext({ image, context }: Observed): Action {
  switch (context.kind) {
    case 'missing':
      return fail('ContextNotFound', context.message);
    case 'unavailable':
      return { kind: 'wait', reason: 'Pending', message: context.message, againMs: ASK_AGAIN_MS };
    case 'present':
    case 'notAsked':
      return image === undefined
        ? fail('ContextNotFound', 'the context is gone')
        : { kind: 'openAttempt', image };
    default:
      return context satisfies never;
  }
}

function duringAttempt(seen: Observed, open: BuildAttempt): Action {
  const { image, origin, state } = seen;
  if (image === undefined || !origin)
    return afterFailure(seen.taskBuild, {
      reason: 'BuilderUnavailable',
      message: 'an earlier version of the operator began this build, and did not record what of',
    });
  if (open.buildId !== undefined) return afterState(seen, open, state ?? { kind: 'unknown' });
  return { kind: 'start', image, attempt: open };
}

function afterState(seen: Observed, open: BuildAttempt, state: StateSeen): Action {
  const { queueTimeoutSeconds, timeoutSeconds } = seen.taskBuild.spec;
  switch (state.kind) {
    case 'queued':
      return overdue(seen, open.startTime, queueTimeoutSeconds * 1000)
        ? { ...fail('QueueTimeout', `not begun within ${queueTimeoutSeconds} s`), stop: true }
        : { kind: 'wait', reason: 'Queued', message: `build ${open.buildId} waits` };
    case 'running':
      return overdue(seen, timeoutFrom(open, state), timeoutSeconds * 1000 + OVERDUE_MS)
        ? { ...fail('BuildTimeout', `not done within ${timeoutSeconds} s`), stop: true }
        : { kind: 'wait', reason: 'Building', message: `build ${open.buildId} runs` };
    case 'succeeded':
      return pushed(seen, state.digest);
    case 'failed':
      return afterFailure(seen.taskBuild, state);
    case 'unknown':
      return lost(seen, open);
    case 'unanswered':
      return { kind: 'wait', reason: 'BuilderNotAnswering', message: state.message };
    default:
      return state satisfies never;
  }
}

const timeoutFrom = (open: BuildAttempt, { timeoutFrom: told, since }: StateSeen & { kind: 'running' }) =>
  told ?? since ?? open.runningTime;

const overdue = ({ now }: Observed, since: string | undefined, limitMs: number): boolean =>
  since !== undefined && now.getTime() > Date.parse(since) + limitMs;

function lost(seen: Observed, open: BuildAttempt): Action {
  const message = `the builder knows no build ${open.buildId}`;
  if (overdue(seen, open.startTime, UNKNOWN_MS))
    return afterFailure(seen.taskBuild, { reason: 'BuilderUnavailable', message });
  return { kind: 'wait', reason: 'Queued', message: `${message} yet` };
}

/** Success means: the registry shows the digest. A registry may need a moment for it. */
function pushed({ image, existing }: Observed, digest: string): Action {
  if (image !== undefined && existing.kind === 'present')
    return { kind: 'succeed', image, digest, cacheHit: false };
  const message = 'message' in existing ? existing.message : `the registry does not show ${digest} yet`;
  return { kind: 'wait', reason: 'RegistryUnavailable', message, againMs: 2000 };
}

function afterFailure({ status }: TaskBuild, { reason, message, logTail, failedStep }: Failure): Action {
  const failure = {
    reason,
    message,
    ...(logTail && { logTail }),
    ...(failedStep !== undefined && { failedStep }),
  };
  const another = BUILD_FAILED[reason].retried && (status?.attempts?.length ?? 0) < MAX_ATTEMPTS;
  return another ? { kind: 'endAttempt', failure } : { kind: 'fail', failure, stop: false };
}

const REFUSALS: Record<ProviderReason, BuildFailedReason | BuildActiveReason> = {
  QuotaExceeded: 'QuotaExceeded',
  Throttled: 'BuilderNotAnswering',
  Unavailable: 'BuilderNotAnswering',
  AccessDenied: 'BuilderAccessDenied',
  NotFound: 'BuilderNotFound',
  Invalid: 'BuildRejected',
  PreconditionFailed: 'BuildRejected',
  TooLarge: 'BuildRejected',
};

const isFailure = (reason: BuildFailedReason | BuildActiveReason): reason is BuildFailedReason =>
  reason in BUILD_FAILED;

/** The builder took no build: asked again where that can help, the longer it has been so the later. */
export function afterRefusal(
  { now }: Observed,
  { openedTime, token }: BuildAttempt,
  { reason, message }: Pick<ProviderError, 'reason' | 'message'>,
): Wait | Fail {
  const meant = REFUSALS[reason];
  if (isFailure(meant)) return fail(meant, message);
  const waitedMs = openedTime === undefined ? 0 : now.getTime() - Date.parse(openedTime);
  const [least, most] = REFUSED_PAUSE_MS;
  const pauseMs = Math.min(most, Math.max(least, waitedMs));
  return { kind: 'wait', reason: meant, message, againMs: jittered(pauseMs, token) };
}
