/** Pure: what was observed → the one next step. */
import { BUILD_FAILED } from '../../crds/reasons.ts';
import type { BuildActiveReason, BuildFailedReason } from '../../crds/reasons.ts';
import type { BuildAttempt, TaskBuild } from '../../crds/task-build.ts';
import type { BuildState } from '../../providers/image-builder/port.ts';
import type { Observed } from './observe.ts';

export type Step =
  | { kind: 'wait'; reason: BuildActiveReason; message: string; againMs?: number }
  /** Write the token of a new attempt down, before anything is started with it. */
  | { kind: 'openAttempt'; image: string }
  | { kind: 'start'; image: string; attempt: BuildAttempt }
  | { kind: 'succeed'; image: string; digest: string; cacheHit: boolean }
  /** The builder failed, not the Dockerfile: close the attempt, another one follows. */
  | { kind: 'endAttempt'; failure: Failure }
  /** `stop`: something still runs at the builder. */
  | { kind: 'fail'; failure: Failure; stop: boolean };

export interface Failure {
  reason: BuildFailedReason;
  message: string;
  logTail?: string[];
}

const MAX_ATTEMPTS = 3;
const PAUSE_MS = 10_000;
/** A builder that does not end an overdue build itself is not waited for longer than this. */
const OVERDUE_MS = 60_000;

export function nextStep(seen: Observed): Step {
  const { taskBuild, open } = seen;
  if (taskBuild.spec.cancelled)
    return {
      kind: 'fail',
      failure: { reason: 'Cancelled', message: 'spec.cancelled is true' },
      stop: open?.buildId !== undefined,
    };
  return open ? duringAttempt(seen, open) : beforeAttempt(seen);
}

function beforeAttempt(seen: Observed): Step {
  const { taskBuild, existing, image, contextMissing, now } = seen;
  if (existing.kind === 'unavailable')
    return { kind: 'wait', reason: 'RegistryUnavailable', message: existing.message, againMs: 5000 };
  if (existing.kind === 'refused') return fail('PushDenied', existing.message);
  const hit = cacheHit(seen);
  if (hit) return hit;
  if (image === undefined || contextMissing !== undefined) return noContext(seen);
  const pause = nextAttemptAt(taskBuild.status?.attempts ?? []) - now.getTime();
  if (pause > 0)
    return {
      kind: 'wait',
      reason: 'Retrying',
      message: `next attempt in ${Math.ceil(pause / 1000)} s`,
      againMs: pause,
    };
  return { kind: 'openAttempt', image };
}

/** Only before the first attempt: `force` means one build, and a later attempt must not take an earlier one's half. */
function cacheHit({ taskBuild, image, existing }: Observed): Step | undefined {
  const isNew = !taskBuild.spec.force && !taskBuild.status?.attempts;
  if (!isNew || image === undefined || existing.kind !== 'present') return undefined;
  return { kind: 'succeed', image, digest: existing.digest, cacheHit: true };
}

const fail = (reason: BuildFailedReason, message: string): Step => ({
  kind: 'fail',
  failure: { reason, message },
  stop: false,
});

const noContext = ({ contextMissing = 'the context is gone' }: Observed): Step =>
  fail('ContextNotFound', contextMissing);

const nextAttemptAt = (attempts: BuildAttempt[]): number => {
  const ended = attempts.at(-1)?.completionTime;
  return ended === undefined ? 0 : Date.parse(ended) + PAUSE_MS * 2 ** (attempts.length - 1);
};

function duringAttempt(seen: Observed, open: BuildAttempt): Step {
  const { image, state } = seen;
  if (open.buildId === undefined)
    return image === undefined ? noContext(seen) : { kind: 'start', image, attempt: open };
  return afterState(seen, open, state ?? { kind: 'unknown' });
}

function afterState(seen: Observed, open: BuildAttempt, state: BuildState): Step {
  switch (state.kind) {
    case 'queued':
      return overdue(seen, open.startTime, seen.taskBuild.spec.queueTimeoutSeconds * 1000)
        ? {
            kind: 'fail',
            failure: {
              reason: 'QueueTimeout',
              message: `not begun within ${seen.taskBuild.spec.queueTimeoutSeconds} s`,
            },
            stop: true,
          }
        : { kind: 'wait', reason: 'Queued', message: `build ${open.buildId} waits` };
    case 'running':
      return overdue(
        seen,
        state.since ?? open.runningTime,
        seen.taskBuild.spec.timeoutSeconds * 1000 + OVERDUE_MS,
      )
        ? {
            kind: 'fail',
            failure: {
              reason: 'BuildTimeout',
              message: `not done within ${seen.taskBuild.spec.timeoutSeconds} s`,
            },
            stop: true,
          }
        : { kind: 'wait', reason: 'Building', message: `build ${open.buildId} runs` };
    case 'succeeded':
      return pushed(seen, state.digest);
    case 'failed':
      return afterFailure(seen.taskBuild, state);
    case 'unknown':
      return afterFailure(seen.taskBuild, {
        reason: 'BuilderUnavailable',
        message: `the builder knows no build ${open.buildId}`,
      });
    default:
      return state satisfies never;
  }
}

const overdue = ({ now }: Observed, since: string | undefined, limitMs: number): boolean =>
  since !== undefined && now.getTime() > Date.parse(since) + limitMs;

/** Success means: the registry shows the digest. A registry may need a moment for it. */
function pushed({ image, existing }: Observed, digest: string): Step {
  if (image !== undefined && existing.kind === 'present')
    return { kind: 'succeed', image, digest, cacheHit: false };
  const why = existing.kind === 'unavailable' ? existing.message : `the registry does not show ${digest} yet`;
  return { kind: 'wait', reason: 'RegistryUnavailable', message: why, againMs: 2000 };
}

function afterFailure(taskBuild: TaskBuild, { reason, message, logTail }: Failure): Step {
  const failure = { reason, message, ...(logTail && { logTail }) };
  const another = BUILD_FAILED[reason].retried && (taskBuild.status?.attempts?.length ?? 0) < MAX_ATTEMPTS;
  return another ? { kind: 'endAttempt', failure } : { kind: 'fail', failure, stop: false };
}
