/** The TaskBuild controller: does the image exist? If not: one build, started with a token that was written down before. */
import { isDeepStrictEqual } from 'node:util';
import { timestamp } from '../../crds/conditions.ts';
import { TaskBuild as TaskBuildKind } from '../../crds/kinds.ts';
import { present } from '../../crds/present.ts';
import type { BuildAttempt, TaskBuild } from '../../crds/task-build.ts';
import type { EventRecorder, Permission, Reconcile, Result } from '../../kube/types.ts';
import { ProviderError } from '../../providers/errors.ts';
import type { ImageBuilder } from '../../providers/image-builder/port.ts';
import { handleOf } from './build-states.ts';
import { nextAttempt } from './image.ts';
import { observe } from './observe.ts';
import type { Observed, TaskBuildSources } from './observe.ts';
import { nextStep, waitInLine } from './plan.ts';
import type { Fail, Step } from './plan.ts';
import { writeRecord } from './record.ts';
import { startBuild } from './start.ts';
import { taskBuildStatus } from './status.ts';
import type { Taken } from './status.ts';

export interface TaskBuildDeps extends TaskBuildSources {
  builder: ImageBuilder;
  events: EventRecorder;
}

/** What this controller does at the API server. */
export const permissions: Permission[] = [
  { group: 'sb.abundant.ai', resources: ['taskbuilds'], verbs: ['get', 'list', 'watch'] },
  { group: 'sb.abundant.ai', resources: ['taskbuilds/status'], verbs: ['update'] },
  { group: '', resources: ['configmaps'], verbs: ['get'] },
];

/** The reconcile function of TaskBuilds. */
export function taskBuildController(deps: TaskBuildDeps): Reconcile {
  return async (key) => {
    const seen = await observe(deps, key);
    if (!seen) return undefined;
    const taken = await perform(deps, seen, nextStep(seen));
    if (!keepsPlace(seen, taken)) deps.slots.leave(seen.taskBuild);
    return report(deps, seen, taken);
  };
}

async function perform(deps: TaskBuildDeps, seen: Observed, step: Step): Promise<Taken> {
  switch (step.kind) {
    case 'openAttempt': {
      const place = deps.slots.enter(seen.taskBuild);
      return place ? waitInLine(place) : { kind: 'opened', image: step.image, attempt: newAttempt(seen) };
    }
    case 'start':
      return startBuild(deps.builder, seen, step);
    case 'fail':
      return step.stop ? stopBuild(deps, seen, step) : step;
    case 'succeed':
      return step.cacheHit ? step : keepRecord(deps, seen, step);
    case 'wait':
    case 'endAttempt':
      return step;
    default:
      return step satisfies never;
  }
}

function newAttempt({ taskBuild, context, now }: Observed): BuildAttempt {
  return {
    ...nextAttempt(taskBuild),
    openedTime: timestamp(now),
    ...present({ contextVersion: context.kind === 'present' ? context.version : undefined }),
  };
}

const RECORD_AGAIN_MS = 5000;

/** The record comes first: a TaskBuild that says that it was built has one, wherever the operator dies. */
async function keepRecord(
  { artifacts }: TaskBuildDeps,
  seen: Observed,
  step: Step & { kind: 'succeed' },
): Promise<Taken> {
  try {
    await writeRecord(artifacts, seen, step);
    return step;
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    const message = `the image was built, and its record cannot be stored: ${error.message}`;
    return { kind: 'wait', reason: 'Pending', message, againMs: RECORD_AGAIN_MS };
  }
}

/** A build that we may not stop ends by itself some day; the TaskBuild does not wait for that. */
async function stopBuild({ builder }: TaskBuildDeps, { taskBuild }: Observed, step: Fail): Promise<Fail> {
  const handle = handleOf(taskBuild);
  try {
    if (handle) await builder.stop(handle);
    return step;
  } catch (error) {
    if (!(error instanceof ProviderError) || error.transient) throw error;
    const { reason, message } = step.failure;
    return { ...step, failure: { reason, message: `${message}; it runs on: ${error.message}` } };
  }
}

const keepsPlace = ({ open }: Observed, taken: Taken): boolean =>
  open !== undefined ||
  taken.kind === 'opened' ||
  (taken.kind === 'wait' && taken.reason === 'WaitingForSlot');

async function report(deps: TaskBuildDeps, seen: Observed, taken: Taken): Promise<Result | undefined> {
  const { taskBuild } = seen;
  const status = taskBuildStatus(seen, taken);
  const again = lookAgain(deps, taken);
  if (isDeepStrictEqual(taskBuild.status, status)) return again;
  await deps.kube.replaceStatus(TaskBuildKind, { ...taskBuild, status });
  announce(deps.events, taskBuild, taken);
  return again;
}

function lookAgain({ builder, states }: TaskBuildDeps, taken: Taken): Result | undefined {
  if (taken.kind === 'succeed' || taken.kind === 'fail') return undefined;
  if (taken.kind !== 'wait') return { requeueAfterMs: builder.pollMs };
  if (taken.reason === 'WaitingForSlot') return undefined;
  return { requeueAfterMs: taken.againMs ?? Math.max(1, states.dueInMs) };
}

function announce(events: EventRecorder, taskBuild: TaskBuild, taken: Taken): void {
  if (taken.kind === 'fail' || taken.kind === 'endAttempt')
    events.warning(taskBuild, taken.failure.reason, taken.failure.message);
  if (taken.kind === 'succeed')
    events.normal(taskBuild, taken.cacheHit ? 'ImageExists' : 'Built', taken.image);
}
