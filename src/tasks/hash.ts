/** What tells one task from another: made of paths and contents alone, so the same on every machine. */
import { createHash } from 'node:crypto';
import { CONTEXT } from './task.ts';
import type { Task, TaskFile, TaskFolder } from './task.ts';

/** SHA-256, in hex, over one line for each file, in the given order: path, NUL, SHA-256 of the contents in hex, newline. */
export function digestOf(files: readonly { path: string; sha256: string }[]): string {
  const hash = createHash('sha256');
  for (const { path, sha256 } of files) hash.update(`${path}\0${sha256}\n`);
  return hash.digest('hex');
}

/** A file as the hashes see it. */
type Hashed = Pick<TaskFile, 'path' | 'sha256' | 'link' | 'leadsTo'>;

/** The files with a link that leads to one of them as a copy of it, as Harbor has it. */
export function followed<File extends Hashed>(files: readonly File[]): File[] {
  const plain = new Map(files.flatMap((file) => (file.link === undefined ? [[file.path, file]] : [])));
  return files.map((file) => {
    const target = file.leadsTo === undefined ? undefined : plain.get(file.leadsTo);
    return target ? { ...file, sha256: target.sha256 } : file;
  });
}

/**
 * 64 hex digits: SHA-256 over, for each of `task.files` in bytewise order of its POSIX path, the path, NUL, the SHA-256 of its contents in
 * hex, and a newline. Times, owners, permissions, empty folders and the order in which a disk lists files have no part in it. A link of the
 * build context counts as a copy of the file of the task that it leads to; another one has where it leads as its contents.
 */
export const taskHash = (task: Pick<Task, 'files'>): string => digestOf(followed(task.files));

/** First 12 digits of a task's hash. */
export const taskVersion = (hash: string): string => hash.slice(0, 12);

/** `<name>@<version>`. */
export const taskId = (task: Task): string => `${task.name}@${taskVersion(taskHash(task))}`;

const ofContext = <Item extends { path: string }>(items: readonly Item[], folder: string): Item[] =>
  items
    .filter(({ path }) => path.startsWith(folder))
    .map((item) => ({ ...item, path: item.path.slice(folder.length) }));

/** Files of a build context, with paths as the Dockerfile sees them. */
export const contextFiles = (task: Pick<Task, 'files'>, folder = CONTEXT): TaskFile[] =>
  ofContext(task.files, folder);

/** Folders of a build context that are more than what their files say, likewise. */
export const contextFolders = (task: Pick<Task, 'folders'>, folder = CONTEXT): TaskFolder[] =>
  ofContext(task.folders, folder);

/**
 * 64 hex digits: as `taskHash`, over the files of `environment/` with paths relative to it, and over its empty folders and those with a mode
 * of their own, whose paths end in a slash. What else an image keeps follows the path after a NUL: `*` for an executable file, the octal mode
 * where it is another than 0644 and 0755, `->` for a link, which is never followed here.
 */
export function environmentHash(task: Pick<Task, 'files' | 'folders'>): string {
  const files = contextFiles(task).map((file) => ({ path: file.path + markOf(file), sha256: file.sha256 }));
  const folders = contextFolders(task).map((folder) => ({
    path: `${folder.path}/${markOf(folder)}`,
    sha256: digestOf([]),
  }));
  return digestOf([...files, ...folders]);
}

function markOf({ link, mode, executable }: Partial<TaskFile>): string {
  if (link !== undefined) return '\0->';
  if (mode !== undefined) return `\0${mode.toString(8)}`;
  return executable === true ? '\0*' : '';
}

/** Harbor's digest of the task, which `harbor` writes into its lock files as `sha256:…`; 64 hex digits. */
export const taskDigest = (task: Task): string => task.digest;
