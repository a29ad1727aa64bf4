import type { TaskConfig } from './toml/schema.ts';
import { environmentHash, taskDigest, taskHash, taskId, taskVersion } from './hash.ts';
import type { Task, TaskFile, TaskFolder } from './task.ts';

/** `metadata.json`: what a task is, without unpacking it. */
export interface TaskMetadata {
  name: string;
  version: string;
  hash: string;
  id: string;
  /** Harbor's digest. */
  digest: string;
  environment_hash: string;
  config: TaskConfig;
  files: TaskFile[];
  /** Of the build context: see `Task`. Missing where there is none. */
  folders?: TaskFolder[];
}

/** Plain JSON values only: TOML's dates become ISO texts, integers beyond 2⁵³ texts of digits. */
export function taskMetadata(task: Task): TaskMetadata {
  const hash = taskHash(task);
  const metadata: TaskMetadata = {
    name: task.name,
    version: taskVersion(hash),
    hash,
    id: taskId(task),
    digest: taskDigest(task),
    environment_hash: environmentHash(task),
    config: task.config,
    files: task.files,
    ...(task.folders.length > 0 && { folders: task.folders }),
  };
  const plain = JSON.stringify(metadata, (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
  return JSON.parse(plain) as TaskMetadata;
}
