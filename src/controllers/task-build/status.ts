/** Pure: what was observed and done → the TaskBuild's status. */
import { isDeepStrictEqual } from 'node:util';
import { openAttempt } from '../../crds/attempts.ts';
import { forEverybody, stamp, timestamp } from '../../crds/conditions.ts';
import type { ConditionDraft } from '../../crds/conditions.ts';
import { present } from '../../crds/present.ts';
import type { BuildReason } from '../../crds/reasons.ts';
import type { BuildAttempt, TaskBuildStatus } from '../../crds/task-build.ts';
import type { BuildHandle } from '../../providers/image-builder/port.ts';
import type { StateSeen, Observed } from './observed.ts';
import type { Failure } from './decide.ts';
import type { Done } from './done.ts';

/** The status that this pass leaves behind. */
export function taskBuildStatus(seen: Observed, done: Done): TaskBuildStatus {
  const { taskBuild, now } = seen;
  const before = taskBuild.status ?? {};
  const generation = taskBuild.metadata.generation ?? 1;
  const attempts = attemptsAfter(seen, done);
  return {
    ...before,
    observedGeneration: generation,
    conditions: stamp(forEverybody(succeeded(done)), before.conditions, { generation, now }),
    ...('origin' in done && { image: done.image, ...done.origin }),
    ...(done.kind === 'succeed' && { digest: done.digest, cacheHit: done.cacheHit }),
    ...(attempts.length > 0 && { attempts }),
  };
}

function attemptsAfter(seen: Observed, done: Done): BuildAttempt[] {
  const { taskBuild, now } = seen;
  const attempts = taskBuild.status?.attempts ?? [];
  const open = openAttempt(taskBuild);
  const state = seen.need === 'progress' ? seen.progress.state : undefined;
  if (done.kind === 'opened') return [...attempts, done.attempt];
  if (!open) return attempts;
  const at = timestamp(now);
  return [...attempts.slice(0, -1), { ...told(state, at), ...open, ...ended(state), ...changed(done, at) }];
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

function changed(done: Done, at: string): Partial<BuildAttempt> {
  switch (done.kind) {
    case 'started':
      return { startTime: at, ...handleFields(done.handle) };
    case 'succeed':
      return { completionTime: at };
    case 'endAttempt':
    case 'fail':
      return { completionTime: at, ...failureFields(done.failure) };
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

const draft = (status: ConditionDraft['status'], reason: BuildReason, message: string): ConditionDraft => ({
  type: 'Succeeded',
  status,
  reason,
  message,
});

function succeeded(done: Done): ConditionDraft {
  switch (done.kind) {
    case 'wait':
      return draft('Unknown', done.reason, done.message);
    case 'opened':
      return draft('Unknown', 'Queued', 'the build is about to be handed to the builder');
    case 'started':
      // The words of the next pass, which then has nothing to write.
      return draft('Unknown', 'Queued', `build ${done.handle.id} waits`);
    case 'endAttempt':
      return draft('Unknown', 'Retrying', `${done.failure.reason}: ${done.failure.message}`);
    case 'succeed':
      return done.cacheHit
        ? draft('True', 'ImageExists', `${done.image} exists: ${done.digest}`)
        : draft('True', 'Built', `${done.image} was built: ${done.digest}`);
    case 'fail':
      return draft('False', done.failure.reason, done.failure.message);
    default:
      return done satisfies never;
  }
}

/** What becomes of a status: whether it is written, and after how long the TaskBuild is looked at again, whatever happens. */
export interface Report {
  write: boolean;
  againMs?: number;
}

/** Whether `status` is worth a write now. */
export function reportOf(seen: Observed, done: Done, status: TaskBuildStatus): Report {
  const write = !isDeepStrictEqual(seen.taskBuild.status, status);
  return { write, ...present({ againMs: againMsOf(seen, done) }) };
}

/** The end of another build wakes one that waits for a slot; a builder has to be asked. */
function againMsOf({ builder }: Observed, done: Done): number | undefined {
  if (done.kind === 'succeed' || done.kind === 'fail') return undefined;
  return done.kind === 'wait' ? done.againMs : builder.pollMs;
}
