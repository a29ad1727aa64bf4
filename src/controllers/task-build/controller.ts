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
import { nextAction, waitInQueue } from './decide.ts';
import type { Action, Done, Fail } from './decide.ts';
import { writeRecord } from './record.ts';
import { startBuild } from './start.ts';
import { taskBuildStatus } from './status.ts';

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
    const done = await act(deps, seen, nextAction(seen));
    if (!keepsSlot(seen, done)) deps.slots.leave(seen.taskBuild);
    return report(deps, seen, done);
  };
}

async function act(deps: TaskBuildDeps, seen: Observed, action: Action): Promise<Done> {
  switch (action.kind) {
    case 'openAttempt': {
      const position = deps.slots.enter(seen.taskBuild);
      return position
        ? waitInQueue(position)
        : { kind: 'opened', image: action.image, attempt: newAttempt(seen) };
    }
    case 'start':
      return startBuild(deps.builder, seen, action);
    case 'fail':
      return action.stop ? stopBuild(deps, seen, action) : action;
    case 'succeed':
      return action.cacheHit ? action : keepRecord(deps, seen, action);
    case 'wait':
    case 'endAttempt':
      return action;
    default:
      return action satisfies never;
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
  action: Action & { kind: 'succeed' },
): Promise<Done> {
  try {
    await writeRecord(artifacts, seen, action);
    return action;
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    const message = `the image was built, and its record cannot be stored: ${error.message}`;
    return { kind: 'wait', reason: 'Pending', message, againMs: RECORD_AGAIN_MS };
  }
}

/** A build that we may not stop ends by itself some day; the TaskBuild does not wait for that. */
async function stopBuild({ builder }: TaskBuildDeps, { taskBuild }: Observed, action: Fail): Promise<Fail> {
  const handle = handleOf(taskBuild);
  try {
    if (handle) await builder.stop(handle);
    return action;
  } catch (error) {
    if (!(error instanceof ProviderError) || error.transient) throw error;
    const { reason, message } = action.failure;
    return { ...action, failure: { reason, message: `${message}; it runs on: ${error.message}` } };
  }
}

const keepsSlot = ({ open }: Observed, done: Done): boolean =>
  open !== undefined || done.kind === 'opened' || (done.kind === 'wait' && done.reason === 'WaitingForSlot');

async function report(deps: TaskBuildDeps, seen: Observed, done: Done): Promise<Result | undefined> {
  const { taskBuild } = seen;
  const status = taskBuildStatus(seen, done);
  const again = lookAgain(deps, done);
  if (isDeepStrictEqual(taskBuild.status, status)) return again;
  await deps.kube.replaceStatus(TaskBuildKind, { ...taskBuild, status });
  announce(deps.events, taskBuild, done);
  return again;
}

function lookAgain({ builder, states }: TaskBuildDeps, done: Done): Result | undefined {
  if (done.kind === 'succeed' || done.kind === 'fail') return undefined;
  if (done.kind !== 'wait') return { requeueAfterMs: builder.pollMs };
  if (done.reason === 'WaitingForSlot') return undefined;
  return { requeueAfterMs: done.againMs ?? Math.max(1, states.dueInMs) };
}

function announce(events: EventRecorder, taskBuild: TaskBuild, done: Done): void {
  if (done.kind === 'fail' || done.kind === 'endAttempt')
    events.warning(taskBuild, done.failure.reason, done.failure.message);
  if (done.kind === 'succeed') events.normal(taskBuild, done.cacheHit ? 'ImageExists' : 'Built', done.image);
}
