import { resolve } from 'node:path';
import { CliError } from '../failure/error.ts';
import { createBudget } from '../select/in-parallel.ts';
import { isInvalid, problemLines } from '../select/problems.ts';
import { readFolder, type SelectedTask } from '../select/read.ts';

/** Reads one task folder as a run would. Throws SB-E014 where it is no valid task. */
export async function readOne(path: string, cwd: string): Promise<SelectedTask> {
  const found = await readFolder(resolve(cwd, path), createBudget(Infinity));
  if (!isInvalid(found)) return found;
  throw new CliError('SB-E014', {
    what: `${path} is no valid task`,
    why: problemLines([found], cwd).join('\n'),
    fix: `sb task check ${path}`,
  });
}

/** What to tell of files that are no part of any upload; undefined where there are none. */
export function leftOutNote(tasks: readonly Pick<SelectedTask, 'task' | 'leftOut'>[]): string | undefined {
  const files = tasks.flatMap(({ task, leftOut = [] }) => leftOut.map((file) => `${task.name}/${file}`));
  if (files.length === 0) return undefined;
  const shown = files.slice(0, 3).join(', ');
  const more = files.length > 3 ? ', …' : '';
  return `${files.length} file${files.length === 1 ? '' : 's'} left out that Git ignores and that look secret: ${shown}${more}`;
}
