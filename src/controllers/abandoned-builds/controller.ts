/**
 * Stops builds whose TaskBuild was deleted while they ran: nobody would ever read their results. There is no finalizer, because a deletion
 * must never wait for a builder. So all that is known of such a build is what the watch cache showed last of its TaskBuild.
 *
 * Every replica remembers that, leader or not: the next leader stops what the last one could not. A restart of all replicas forgets it, and a
 * deletion that no replica watches is never seen. Neither is a build that is started at the moment of the deletion, before its id is recorded.
 * BuildKit loses nothing by that: its builds are Jobs that the TaskBuild owns, and garbage collection ends them. A build on CodeBuild then
 * runs until it is done, or its own timeout ends it.
 */
import { openAttempt } from '../../crds/attempts.ts';
import type { TaskBuild } from '../../crds/task-build.ts';
import { keyOf, keyString } from '../../kube/cache/cache.ts';
import type { WatchedStore } from '../../kube/cache/cache.ts';
import type { ControlOptions } from '../../kube/operator.ts';
import type { ObjectKey, Permission, Reconcile } from '../../kube/types.ts';
import type { Feed } from '../../kube/work/feed.ts';
import type { BuildHandle, ImageBuilder } from '../../providers/image-builder/port.ts';

/** A build without a TaskBuild. */
interface Abandoned {
  taskBuild: ObjectKey;
  handle: BuildHandle;
  /** When it has ended by its own timeouts at the latest, in milliseconds since the epoch. */
  endsMs: number;
}

export const permissions: Permission[] = [
  { group: 'sb.abundant.ai', resources: ['taskbuilds'], verbs: ['get', 'list', 'watch'] },
];

/** The builds that lost their TaskBuild while this process watched, until they are stopped or have ended. */
export class AbandonedBuilds {
  readonly #now: () => Date;
  /** By id of the build. */
  readonly #builds = new Map<string, Abandoned>();

  constructor(taskBuilds: WatchedStore<TaskBuild>, now: () => Date) {
    this.#now = now;
    taskBuilds.subscribe(({ type, object }) => {
      if (type === 'deleted') this.#remember(object);
    });
  }

  /** Those of the TaskBuild that had this name; of several, if it was made and deleted several times. */
  of(taskBuild: ObjectKey): BuildHandle[] {
    this.#forgetEnded();
    const name = keyString(taskBuild);
    return [...this.#builds.values()]
      .filter((build) => keyString(build.taskBuild) === name)
      .map(({ handle }) => handle);
  }

  stopped({ id }: BuildHandle): void {
    this.#builds.delete(id);
  }

  /** What an earlier leader may have left running, for a new one. */
  feed(): Feed {
    return {
      start: (enqueue) => {
        for (const { taskBuild } of this.#builds.values()) enqueue(taskBuild, {});
        return () => {};
      },
    };
  }

  #remember(build: TaskBuild): void {
    const id = openAttempt(build)?.buildId;
    if (id === undefined) return;
    this.#forgetEnded();
    const taskBuild = keyOf(build);
    const { queueTimeoutSeconds, timeoutSeconds } = build.spec;
    const endsMs = this.#now().getTime() + (queueTimeoutSeconds + timeoutSeconds) * 1000;
    this.#builds.set(id, { taskBuild, handle: { id, namespace: taskBuild.namespace }, endsMs });
  }

  #forgetEnded(): void {
    const now = this.#now().getTime();
    for (const [id, { endsMs }] of this.#builds) if (endsMs <= now) this.#builds.delete(id);
  }
}

/** Builds stopped at the same time. */
const WORKERS = 32;

/** The controller and what wakes it: TaskBuilds that are deleted. */
export function abandonedBuildsControl({
  taskBuilds,
  builder,
  now,
}: {
  taskBuilds: WatchedStore<TaskBuild>;
  builder: Pick<ImageBuilder, 'stop'>;
  now: () => Date;
}): ControlOptions<TaskBuild> {
  const abandoned = new AbandonedBuilds(taskBuilds, now);
  return {
    name: 'abandoned-builds',
    store: taskBuilds,
    matters: () => false,
    also: [abandoned.feed()],
    reconcile: abandonedBuildsController({ abandoned, builder }),
    concurrency: WORKERS,
  };
}

/** The reconcile function of TaskBuilds that are gone; any other has no abandoned build. A stop that fails is retried. */
export function abandonedBuildsController({
  abandoned,
  builder,
}: {
  abandoned: AbandonedBuilds;
  builder: Pick<ImageBuilder, 'stop'>;
}): Reconcile {
  return async (key) => {
    for (const handle of abandoned.of(key)) {
      await builder.stop(handle);
      abandoned.stopped(handle);
    }
    return undefined;
  };
}
