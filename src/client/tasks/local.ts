/** Tasks on this machine: read, hash, pack, and the rules to check them by. */
import { metadataText } from '../runs/submit/upload.ts';
import { TASK_FILES } from '../../tasks/bucket.ts';
import { resolve, join } from 'node:path';
import { rename, writeFile } from 'node:fs/promises';
import { CliError } from '../failures/error.ts';
import { quoted, safeLine } from '../../text/safe.ts';
import { createBudget } from '../../async/in-parallel.ts';
import { isInvalid, problemLines, type InvalidTask } from '../../tasks/folder/problems.ts';
import { readFolder, type SelectedTask } from '../runs/select/read.ts';
import {
  contextArchives,
  environmentHash,
  taskDigest,
  taskHash,
  taskId,
  taskVersion,
  packContext,
  packTask,
} from '../../tasks/index.ts';
import type { HashedTask, PackedTask } from '../documents/task.ts';
import { makeFolder } from '../runs/mirror/files.ts';
import { ruleNames, unknownRule, type Wish } from '../../tasks/check/rules.ts';

/** Reads one task folder as a run would. Throws SB-E014 where it is no valid task. */
export async function readOne(path: string, cwd: string): Promise<SelectedTask> {
  const { tasks, failure } = await readEach([path], cwd);
  const [found] = tasks;
  if (found) return found.task;
  throw failure;
}

/** Reads each of them; `failure`, an SB-E014, is for those that are no valid tasks. */
export async function readEach(
  paths: readonly string[],
  cwd: string,
): Promise<{ tasks: { path: string; task: SelectedTask }[]; failure?: CliError }> {
  const tasks: { path: string; task: SelectedTask }[] = [];
  const invalid: { path: string; task: InvalidTask }[] = [];
  for (const path of paths) {
    const task = await readFolder(resolve(cwd, path), createBudget(Infinity));
    if (isInvalid(task)) invalid.push({ path, task });
    else tasks.push({ path, task });
  }
  if (invalid.length === 0) return { tasks };
  const bad = invalid.map(({ path }) => path);
  const failure = new CliError('SB-E014', {
    what: bad.length === 1 ? `${bad.join()} is no valid task` : `${bad.length} folders are no valid tasks`,
    why: problemLines(
      invalid.map(({ task }) => task),
      cwd,
    ).join('\n'),
    fix: `sb task check ${bad.map(quoted).join(' ')}`,
  });
  return { tasks, failure };
}

/** What to tell of files that are no part of any upload; undefined where there are none. */
export function leftOutNote(tasks: readonly Pick<SelectedTask, 'task' | 'leftOut'>[]): string | undefined {
  const files = tasks.flatMap(({ task, leftOut = [] }) => leftOut.map((file) => `${task.name}/${file}`));
  if (files.length === 0) return undefined;
  const shown = files.slice(0, 3).join(', ');
  const more = files.length > 3 ? ', …' : '';
  return safeLine(
    `${files.length} file${files.length === 1 ? '' : 's'} left out that Git ignores and that look secret: ${shown}${more}`,
  );
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

/** Writes the objects of a task's upload into a folder, each whole or not at all; and says which. */
export async function packTo(
  selected: SelectedTask,
  { folder, cwd }: { folder: string; cwd: string },
): Promise<PackedTask> {
  const { task } = selected;
  const metadata = metadataText(selected);
  const files: [string, Uint8Array | string][] = [[TASK_FILES.task, await packTask(task)]];
  for (const context of contextArchives(selected))
    files.push([context.name, await packContext(task, context.folder)]);
  files.push([TASK_FILES.metadata, metadata]);
  const target = resolve(cwd, folder);
  await makeFolder(target);
  for (const [name, contents] of files) await writeWhole(join(target, name), contents);
  return {
    name: task.name,
    task_version: taskVersion(taskHash(task)),
    task_id: taskId(task),
    files: files.map(([name]) => join(folder, name)),
  };
}

async function writeWhole(file: string, contents: Uint8Array | string): Promise<void> {
  await writeFile(`${file}.part`, contents);
  await rename(`${file}.part`, file);
}

/** Throws SB-E001 for a name that is no rule. */
export function assertRules(wish: Wish): void {
  const unknown = unknownRule(wish);
  if (!unknown) return;
  const { name, meant } = unknown;
  throw new CliError('SB-E001', {
    what: `there is no rule ${name}`,
    why: `${meant === undefined ? '' : `did you mean ${meant}? `}the rules are: ${ruleNames.join(', ')}`,
    fix: 'sb task check --help',
  });
}
