import { environmentHash, taskDigest, taskHash, taskId, taskVersion } from '../../tasks/index.ts';
import type { Listing } from '../render/output.ts';
import type { HashedTask } from '../schemas/task.ts';
import type { SelectedTask } from '../select/read.ts';

/** Hashes of a task that was read from a path. */
export function hashed({ task }: Pick<SelectedTask, 'task'>, path: string): HashedTask {
  const hash = taskHash(task);
  return {
    name: task.name,
    task_version: taskVersion(hash),
    task_id: taskId(task),
    task_hash: hash,
    environment_hash: environmentHash(task),
    harbor_digest: `sha256:${taskDigest(task)}`,
    path,
  };
}

export const hashListing = (rows: readonly HashedTask[]): Listing<HashedTask> => ({
  rows,
  columns: [
    { header: 'name', value: ({ name }) => name },
    { header: 'version', value: ({ task_version: version }) => version },
    { header: 'path', value: ({ path }) => path },
    { header: 'task hash', value: ({ task_hash: hash }) => hash, wide: true },
    { header: 'environment hash', value: ({ environment_hash: hash }) => hash, wide: true },
    { header: 'harbor digest', value: ({ harbor_digest: digest }) => digest, wide: true },
  ],
  name: ({ task_id: id }) => id,
});
