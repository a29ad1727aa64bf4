/** A folder → a task that can be run, or what is wrong with it. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { packContext, readTask, readTaskToml, unsupportedFields, type Task } from '../../../tasks/index.ts';
import { textOfFile } from '../../../tasks/folder/text.ts';
import type { Budget } from '../../../async/in-parallel.ts';
import { withoutSecrets } from './left-out.ts';
import { problemsOf, type InvalidTask, type LocatedProblem } from '../../../tasks/folder/problems.ts';

/** A task to run. */
export interface SelectedTask {
  task: Task;
  /** SHA-256 of `packContext`, in hex; missing where the image is ready-made. */
  contextSha256?: string;
  /** Paths in the task's folder that are no part of what is hashed and stored, since they look secret: see left-out.ts. */
  leftOut?: string[];
}

/** Bytes of the task's files. */
export const bytesOf = ({ files }: Task): number => files.reduce((sum, { size }) => sum + size, 0);

/** Reads, checks and hashes a folder; `memory` is what packing in parallel may use together, in bytes. */
export async function readFolder(folder: string, memory: Budget): Promise<SelectedTask | InvalidTask> {
  try {
    const { task, leftOut } = await withoutSecrets(await readTask(folder));
    const selected = { task, ...(leftOut.length > 0 && { leftOut }) };
    if (task.config.environment.docker_image !== undefined) return selected;
    return { ...selected, contextSha256: await memory(bytesOf(task), () => contextDigest(task)) };
  } catch (error) {
    return { folder, problems: [...problemsOf(folder, error), ...(await unsupportedBeside(folder))] };
  }
}

/** What this version does not run, beside what is wrong: of two reasons none hides the other. */
async function unsupportedBeside(folder: string): Promise<LocatedProblem[]> {
  const file = join(folder, 'task.toml');
  try {
    const { config } = readTaskToml((await textOfFile(file)) ?? '', file);
    return (config ? unsupportedFields(config) : []).map(({ field, reason }) => ({
      file,
      field,
      message: `${field}: ${reason}`,
    }));
  } catch {
    return [];
  }
}

async function contextDigest(task: Task): Promise<string> {
  return createHash('sha256')
    .update(await packContext(task))
    .digest('hex');
}
