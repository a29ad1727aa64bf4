/** The TaskBuild controller: does the image exist? If not: one build, started with a token that was written down before. */
import { isDeepStrictEqual } from 'node:util';
import { TaskBuild as TaskBuildKind } from '../../crds/kinds.ts';
import { sha256 } from '../../crds/names.ts';
import type { BuildAttempt, TaskBuild } from '../../crds/task-build.ts';
import type { EventRecorder, Permission, Reconcile, Result } from '../../kube/types.ts';
import type { Build } from '../../providers/image-builder/port.ts';
import { handleOf, observe } from './observe.ts';
import type { Observed, TaskBuildSources } from './observe.ts';
import { nextStep } from './plan.ts';
import type { Step } from './plan.ts';
import { taskBuildStatus } from './status.ts';
import type { Taken } from './status.ts';

export interface TaskBuildDeps extends TaskBuildSources {
  events: EventRecorder;
}

/** What this controller does at the API server. */
export const permissions: Permission[] = [
  { group: 'sb.abundant.ai', resources: ['taskbuilds'], verbs: ['get', 'list', 'watch'] },
  { group: 'sb.abundant.ai', resources: ['taskbuilds/status', 'taskbuilds/finalizers'], verbs: ['update'] },
  { group: '', resources: ['configmaps'], verbs: ['get'] },
];

/** The reconcile function of TaskBuilds. */
export function taskBuildController(deps: TaskBuildDeps): Reconcile {
  return async (key) => {
    const seen = await observe(deps, key);
    if (!seen) return undefined;
    const taken = await perform(deps, seen, nextStep(seen));
    return report(deps, seen, taken);
  };
}

async function perform({ builder }: TaskBuildDeps, seen: Observed, step: Step): Promise<Taken> {
  switch (step.kind) {
    case 'openAttempt':
      return { kind: 'opened', image: step.image, attempt: newAttempt(seen.taskBuild) };
    case 'start':
      return {
        kind: 'started',
        image: step.image,
        handle: await builder.start(buildFor(seen.taskBuild, step)),
      };
    case 'fail': {
      const handle = handleOf(seen.taskBuild, seen.open);
      if (step.stop && handle) await builder.stop(handle);
      return step;
    }
    case 'wait':
    case 'succeed':
    case 'endAttempt':
      return step;
    default:
      return step satisfies never;
  }
}

/** The token is made of the object's UID and the attempt's number: the same after a crash, another for another object. */
function newAttempt({ metadata, status }: TaskBuild): BuildAttempt {
  const number = (status?.attempts?.length ?? 0) + 1;
  return { number, token: `sb-build-${sha256(`${metadata.uid}/${number}`).slice(0, 20)}` };
}

function buildFor({ metadata, spec }: TaskBuild, { image, attempt }: Step & { kind: 'start' }): Build {
  const { configMap } = spec.context;
  return {
    token: attempt.token,
    owner: { namespace: metadata.namespace ?? '', name: metadata.name, uid: metadata.uid ?? '' },
    attempt: attempt.number,
    image,
    context: configMap ? { kind: 'configMap', name: configMap.name } : { kind: 's3' },
    dockerfile: spec.dockerfile,
    ...(spec.target !== undefined && { target: spec.target }),
    platform: spec.platforms[0] ?? 'linux/amd64',
    buildArgs: spec.buildArgs ?? {},
    timeoutSeconds: spec.timeoutSeconds,
  };
}

async function report(deps: TaskBuildDeps, seen: Observed, taken: Taken): Promise<Result | undefined> {
  const { taskBuild } = seen;
  const status = taskBuildStatus(seen, taken);
  const ended = taken.kind === 'succeed' || taken.kind === 'fail';
  const againMs = taken.kind === 'wait' ? (taken.againMs ?? deps.builder.pollMs) : deps.builder.pollMs;
  const again = ended ? undefined : { requeueAfterMs: againMs };
  if (isDeepStrictEqual(taskBuild.status, status)) return again;
  await deps.kube.replaceStatus(TaskBuildKind, { ...taskBuild, status });
  announce(deps.events, taskBuild, taken);
  return again;
}

function announce(events: EventRecorder, taskBuild: TaskBuild, taken: Taken): void {
  if (taken.kind === 'fail' || taken.kind === 'endAttempt')
    events.warning(taskBuild, taken.failure.reason, taken.failure.message);
  if (taken.kind === 'succeed')
    events.normal(taskBuild, taken.cacheHit ? 'ImageExists' : 'Built', taken.image);
}
