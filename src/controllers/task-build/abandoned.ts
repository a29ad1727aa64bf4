/** Builds whose TaskBuild was deleted while they ran: nobody would ever read their results. */
import type { TaskBuild } from '../../crds/task-build.ts';
import type { WatchedStore } from '../../kube/cache/cache.ts';
import type { Feed } from '../../kube/work/feed.ts';
import type { ImageBuilder } from '../../providers/image-builder/port.ts';
import { handleOf } from './build-states.ts';

/**
 * Stops the build of a TaskBuild that is deleted. There is no finalizer: deletion must never wait for a builder, and a build that a
 * deletion without an operator leaves behind ends by its own timeout.
 */
export function stopsAbandoned(taskBuilds: WatchedStore<TaskBuild>, builder: ImageBuilder): Feed {
  return {
    start: (_enqueue, log) =>
      taskBuilds.subscribe(({ type, object }) => {
        const handle = type === 'deleted' ? handleOf(object) : undefined;
        if (!handle) return;
        builder
          .stop(handle)
          .catch((error: unknown) =>
            log.warn({ build: handle.id, err: error }, 'abandoned build not stopped'),
          );
      }),
  };
}
