import { environmentHash, taskDigest, taskHash, taskId, taskVersion } from '../../tasks/index.ts';
import type { Listing } from '../render/output.ts';
import type { SelectedTask } from '../select/read.ts';

/** What a task is told from others by. Hashes are SHA-256 in hex. */
export interface HashedTask {
  name: string;
  /** First 12 digits of `task_hash`. */
  task_version: string;
  /** `<name>@<task_version>` */
  task_id: string;
  task_hash: string;
  environment_hash: string;
  /** As Harbor's lock files have it: `sha256:…`. */
  harbor_digest: string;
  path: string;
}

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
