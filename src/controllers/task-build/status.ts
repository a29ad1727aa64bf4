/** Pure: what was observed and done → the TaskBuild's status. */
import { stamp, timestamp } from '../../crds/conditions.ts';
import type { Finding } from '../../crds/conditions.ts';
import { present } from '../../crds/present.ts';
import type { BuildReason } from '../../crds/reasons.ts';
import type { BuildAttempt, TaskBuildStatus } from '../../crds/task-build.ts';
import type { BuildHandle } from '../../providers/image-builder/port.ts';
import type { StateSeen } from './build-states.ts';
import type { Observed } from './observe.ts';
import type { Failure, Step } from './plan.ts';

/** The step that was taken, with what the builder answered. */
export type Taken =
  | Step
  | { kind: 'opened'; image: string; attempt: BuildAttempt }
  | { kind: 'started'; image: string; handle: BuildHandle };

export function taskBuildStatus(seen: Observed, taken: Taken): TaskBuildStatus {
  const { taskBuild, now } = seen;
  const before = taskBuild.status ?? {};
  const generation = taskBuild.metadata.generation ?? 1;
  const attempts = attemptsAfter(seen, taken);
  return {
    ...before,
    observedGeneration: generation,
    conditions: stamp([succeeded(taken)], before.conditions, { generation, now }),
    ...('image' in taken && { image: taken.image, ...seen.origin }),
    ...(taken.kind === 'succeed' && { digest: taken.digest, cacheHit: taken.cacheHit }),
    ...(attempts.length > 0 && { attempts }),
  };
}

function attemptsAfter({ taskBuild, open, state, now }: Observed, taken: Taken): BuildAttempt[] {
  const attempts = taskBuild.status?.attempts ?? [];
  if (taken.kind === 'opened') return [...attempts, taken.attempt];
  if (!open) return attempts;
  const at = timestamp(now);
  return [...attempts.slice(0, -1), { ...told(state, at), ...open, ...ended(state), ...changed(taken, at) }];
}

/** What is kept as it was told first. */
const told = (state: StateSeen | undefined, at: string): Partial<BuildAttempt> =>
  present({
    runningTime: state?.kind === 'running' ? (state.since ?? at) : undefined,
    logUrl: state && 'logUrl' in state ? state.logUrl : undefined,
  });

/** Phases are recorded once, at the end: each one on its own would be a write, and wake every Trial that waits. */
function ended(state: StateSeen | undefined): Partial<BuildAttempt> {
  if (state?.kind !== 'succeeded' && state?.kind !== 'failed') return {};
  const { phases } = state;
  return phases
    ? { phases: phases.slice(0, 16).map(({ name, seconds }) => ({ name: name.slice(0, 64), seconds })) }
    : {};
}

function changed(taken: Taken, at: string): Partial<BuildAttempt> {
  switch (taken.kind) {
    case 'started':
      return { startTime: at, ...handleFields(taken.handle) };
    case 'succeed':
      return { completionTime: at };
    case 'endAttempt':
    case 'fail':
      return { completionTime: at, ...failureFields(taken.failure) };
    default:
      return {};
  }
}

const handleFields = ({ id, consoleUrl, logUrl }: BuildHandle): Partial<BuildAttempt> =>
  present({ buildId: id, consoleUrl, logUrl });

const TEXT_MAX = 1024;

const failureFields = ({ reason, message, logTail, failedStep }: Failure): Partial<BuildAttempt> => ({
  reason,
  message: message.slice(0, TEXT_MAX),
  ...present({ failedStep: failedStep?.slice(0, TEXT_MAX) }),
  ...(logTail && { logTail: logTail.slice(-20).map((line) => line.slice(0, TEXT_MAX)) }),
});

const finding = (status: Finding['status'], reason: BuildReason, message: string): Finding => ({
  type: 'Succeeded',
  status,
  reason,
  message,
});

function succeeded(taken: Taken): Finding {
  switch (taken.kind) {
    case 'wait':
      return finding('Unknown', taken.reason, taken.message);
    case 'openAttempt':
    case 'opened':
    case 'start':
      return finding('Unknown', 'Queued', 'the build is about to be handed to the builder');
    case 'started':
      // The words of the next pass, which then has nothing to write.
      return finding('Unknown', 'Queued', `build ${taken.handle.id} waits`);
    case 'endAttempt':
      return finding('Unknown', 'Retrying', `${taken.failure.reason}: ${taken.failure.message}`);
    case 'succeed':
      return taken.cacheHit
        ? finding('True', 'ImageExists', `${taken.image} exists: ${taken.digest}`)
        : finding('True', 'Built', `${taken.image} was built: ${taken.digest}`);
    case 'fail':
      return finding('False', taken.failure.reason, taken.failure.message);
    default:
      return taken satisfies never;
  }
}
