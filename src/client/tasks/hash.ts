import { environmentHash, taskDigest, taskHash, taskId, taskVersion } from '../../tasks/index.ts';
import type { HashedTask } from '../documents/task.ts';
import type { SelectedTask } from '../runs/select/read.ts';

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
