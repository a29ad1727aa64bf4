/** A folder → a task that can be run, or what is wrong with it. */
import { createHash } from 'node:crypto';
import { packContext, readTask, type Task } from '../../tasks/index.ts';
import type { Budget } from './in-parallel.ts';
import { withoutSecrets } from './left-out.ts';
import { problemsOf, type InvalidTask, type LocatedProblem } from './problems.ts';

/** A task to run. */
export interface SelectedTask {
  task: Task;
  /** SHA-256 of `packContext`, in hex; missing where the image is ready-made. */
  contextSha256?: string;
  /** Paths in the task's folder that are no part of what is hashed and stored, since they look secret: see left-out.ts. */
  leftOut?: string[];
}

/** What `packTask` takes at most. */
const MAX_BYTES = 2 ** 30;
/** What the API takes at most, and a file system gives a folder more of. */
const MAX_NAME = 200;

/** Bytes of the task's files. */
export const bytesOf = ({ files }: Task): number => files.reduce((sum, { size }) => sum + size, 0);

/** Reads, checks and hashes a folder; `memory` is what packing in parallel may use together, in bytes. */
export async function readFolder(folder: string, memory: Budget): Promise<SelectedTask | InvalidTask> {
  try {
    const { task, leftOut } = await withoutSecrets(await readTask(folder));
    const problems = limitProblems(task);
    if (problems.length > 0) return { folder, problems };
    const selected = { task, ...(leftOut.length > 0 && { leftOut }) };
    if (task.config.environment.docker_image !== undefined) return selected;
    return { ...selected, contextSha256: await memory(bytesOf(task), () => contextDigest(task)) };
  } catch (error) {
    return { folder, problems: problemsOf(folder, error) };
  }
}

/** What is too much of a task that is valid otherwise. */
export const limitProblems = (task: Task): LocatedProblem[] => [...tooLarge(task), ...tooLong(task)];

async function contextDigest(task: Task): Promise<string> {
  return createHash('sha256')
    .update(await packContext(task))
    .digest('hex');
}

function tooLarge(task: Task): LocatedProblem[] {
  const bytes = bytesOf(task);
  if (bytes <= MAX_BYTES) return [];
  const largest = task.files.reduce((most, file) => (file.size > most.size ? file : most));
  const mebibytes = (size: number): string => `${Math.ceil(size / 2 ** 20)} MiB`;
  const message = `the task has ${mebibytes(bytes)} of files, of which ${largest.path} is ${mebibytes(largest.size)}; expected at most 1024 MiB: fetch large files in the Dockerfile, or put them into an image`;
  return [{ file: task.dir, field: largest.path, message }];
}

function tooLong(task: Task): LocatedProblem[] {
  const { length } = task.name;
  if (length <= MAX_NAME) return [];
  const message = `the name has ${length} characters; expected at most ${MAX_NAME}: rename the folder, or set name under [task] in task.toml`;
  return [{ file: task.dir, field: 'name', message }];
}
