import { resolve } from 'node:path';
import { CliError } from '../failures/error.ts';
import { quoted, safeLine } from '../../text/safe.ts';
import { createBudget } from '../../async/in-parallel.ts';
import { isInvalid, problemLines, type InvalidTask } from '../../tasks/folder/problems.ts';
import { readFolder, type SelectedTask } from '../runs/select/read.ts';

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
