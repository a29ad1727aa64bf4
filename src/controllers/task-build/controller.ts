/** The TaskBuild controller: does the image exist? If not: one build, started with a token that was written down before. */
import type { Clock } from '../../async/clock.ts';
import { seenAgain } from '../../crds/conditions.ts';
import { TaskBuild as TaskBuildKind } from '../../crds/kinds.ts';
import { present } from '../../crds/present.ts';
import type { TaskBuild } from '../../crds/task-build.ts';
import type { WatchedStore } from '../../kube/cache/cache.ts';
import type { ControlOptions } from '../../kube/operator.ts';
import type { EventRecorder, ObjectKey, Permission, Reconcile, Result } from '../../kube/types.ts';
import { ProviderError } from '../../providers/errors.ts';
import { BuildStates, handleOf } from './build-states.ts';
import { observe } from './observe.ts';
import type { TaskBuildSources } from './observe.ts';
import type { Observed } from './observed.ts';
import { nextAction, waitInQueue } from './decide.ts';
import type { Action, Ending } from './decide.ts';
import { afterUnrecorded, afterUnstopped, keepsSlot } from './done.ts';
import type { Done } from './done.ts';
import { writeRecord } from './record.ts';
import { Slots } from './slots.ts';
import { startBuild } from './start.ts';
import { reportOf, taskBuildStatus } from './status.ts';

export interface TaskBuildDeps extends TaskBuildSources {
  events: EventRecorder;
}

/** What this controller does at the API server. */
export const permissions: Permission[] = [
  { group: 'sb.abundant.ai', resources: ['taskbuilds'], verbs: ['get', 'list', 'watch'] },
  { group: 'sb.abundant.ai', resources: ['taskbuilds/status'], verbs: ['update'] },
  { group: '', resources: ['configmaps'], verbs: ['get'] },
];

/** TaskBuilds reconciled at the same time: a hundred that come together are started within a second, a few calls each. */
const WORKERS = 32;

/** The controller and what wakes it: TaskBuilds, and slots that become free. */
export function taskBuildControl({
  clock,
  maxConcurrent,
  maxPerNamespace,
  ...deps
}: Omit<TaskBuildDeps, 'slots' | 'states'> & {
  taskBuilds: WatchedStore<TaskBuild>;
  clock: Clock;
  /** Builds under way at the same time, in all. */
  maxConcurrent: number;
  /** The same, of one namespace; default: all. */
  maxPerNamespace: number | undefined;
}): ControlOptions<TaskBuild> {
  const { taskBuilds, builder } = deps;
  const slots = new Slots(taskBuilds, maxConcurrent, {
    ...present({ share: maxPerNamespace }),
    now: () => clock.monotonic(),
  });
  const states = new BuildStates({ builder, taskBuilds, clock });
  return {
    name: 'task-build',
    store: taskBuilds,
    also: [slots.feed()],
    reconcile: taskBuildController({ ...deps, slots, states }),
    concurrency: WORKERS,
  };
}

/** The reconcile function of TaskBuilds. */
export function taskBuildController(deps: TaskBuildDeps): Reconcile {
  return async (key) => {
    const seen = await observe(deps, key);
    if (!seen) return seeAgain(deps, key);
    const done = await act(deps, seen, nextAction(seen));
    return report(deps, seen, done);
  };
}

async function seeAgain({ kube, taskBuilds }: TaskBuildDeps, key: ObjectKey): Promise<undefined> {
  const taskBuild = taskBuilds.get(key);
  const status = taskBuild && seenAgain(taskBuild);
  if (status) await kube.replaceStatus(TaskBuildKind, { ...taskBuild, status });
}

async function act(deps: TaskBuildDeps, seen: Observed, action: Action): Promise<Done> {
  const done = await perform(deps, seen, action);
  if (!keepsSlot(seen, done)) deps.slots.leave(seen.taskBuild);
  return done;
}

async function perform(deps: TaskBuildDeps, seen: Observed, action: Action): Promise<Done> {
  switch (action.kind) {
    case 'openAttempt': {
      const position = deps.slots.enter(seen.taskBuild);
      return position ? waitInQueue(position) : { ...action, kind: 'opened' };
    }
    case 'start':
      return start(deps, seen, action);
    case 'fail':
    case 'endAttempt':
      return action.stop ? stopBuild(deps, seen, action) : action;
    case 'succeed':
      return action.cacheHit ? action : keepRecord(deps, seen, action);
    case 'wait':
      return action;
    default:
      return action satisfies never;
  }
}

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
    return afterUnrecorded(error.message);
  }
}

async function start(deps: TaskBuildDeps, seen: Observed, action: Action & { kind: 'start' }): Promise<Done> {
  const done = await startBuild(deps.builder, seen, action);
  const isFull = done.kind === 'wait' && done.reason === 'QuotaExceeded';
  // What limits builds that are Pods is the quota of their namespace, which is no other's concern.
  if (isFull && deps.builder.backend === 'CodeBuild') deps.slots.builderIsFull();
  return done;
}

async function stopBuild<A extends Ending>(
  { builder }: TaskBuildDeps,
  { taskBuild }: Observed,
  action: A,
): Promise<A> {
  const handle = handleOf(taskBuild);
  try {
    if (handle) await builder.stop(handle);
    return action;
  } catch (error) {
    if (!(error instanceof ProviderError) || error.transient) throw error;
    return afterUnstopped(action, error.message);
  }
}

async function report(deps: TaskBuildDeps, seen: Observed, done: Done): Promise<Result | undefined> {
  const { taskBuild } = seen;
  const status = taskBuildStatus(seen, done);
  const { write, againMs } = reportOf(seen, done, status);
  if (write) {
    await deps.kube.replaceStatus(TaskBuildKind, { ...taskBuild, status });
    announce(deps.events, taskBuild, done);
  }
  return againMs === undefined ? undefined : { requeueAfterMs: againMs };
}

function announce(events: EventRecorder, taskBuild: TaskBuild, done: Done): void {
  if (done.kind === 'fail' || done.kind === 'endAttempt')
    events.warning(taskBuild, done.failure.reason, done.failure.message);
  if (done.kind === 'succeed') events.normal(taskBuild, done.cacheHit ? 'ImageExists' : 'Built', done.image);
}
