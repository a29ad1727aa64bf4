/** What tells one task from another: made of paths and contents alone, so the same on every machine. */
import { createHash } from 'node:crypto';
import type { Task, TaskFile } from './task.ts';

/** SHA-256, in hex, over one line for each file, in the given order: path, NUL, SHA-256 of the contents in hex, newline. */
export function digestOf(files: readonly { path: string; sha256: string }[]): string {
  const hash = createHash('sha256');
  for (const { path, sha256 } of files) hash.update(`${path}\0${sha256}\n`);
  return hash.digest('hex');
}

/**
 * 64 hex digits: SHA-256 over, for each of `task.files` in bytewise order of its POSIX path, the path, NUL, the SHA-256 of its contents in
 * hex, and a newline. Times, owners, permissions and the order in which a disk lists files have no part in it.
 */
export const taskHash = (task: Task): string => digestOf(task.files);

/** First 12 digits of a task's hash. */
export const taskVersion = (hash: string): string => hash.slice(0, 12);

/** `<name>@<version>`. */
export const taskId = (task: Task): string => `${task.name}@${taskVersion(taskHash(task))}`;

/** Files of the build context, with paths as the Dockerfile sees them. */
export const contextFiles = (task: Task): TaskFile[] =>
  task.files
    .filter(({ path }) => path.startsWith('environment/'))
    .map((file) => ({ ...file, path: file.path.slice('environment/'.length) }));

/**
 * 64 hex digits: as `taskHash`, over the files of `environment/` with paths relative to it, each path followed by NUL and
 * `*` where the file is executable, since an image keeps that bit.
 */
export const environmentHash = (task: Task): string =>
  digestOf(
    contextFiles(task).map(({ path, sha256, executable }) => ({
      path: executable ? `${path}\0*` : path,
      sha256,
    })),
  );

/** Harbor's digest of the task, which `harbor` writes into its lock files as `sha256:…`; 64 hex digits. */
export const taskDigest = (task: Task): string => task.digest;
