/** Why a folder is no valid task. */
import { basename, relative } from 'node:path';
import { TaskFormatError, type Problem } from '../../tasks/index.ts';
import { isFileError, unreadable } from '../../tasks/folder/unreadable.ts';

/** A problem and where it is. */
export interface LocatedProblem extends Problem {
  /** Absolute path of the file or folder that was read. */
  file: string;
  /** From 1; known for text that is no TOML. */
  column?: number;
}

/** A folder that looks like a task but cannot be run. */
export interface InvalidTask {
  /** Absolute path. */
  folder: string;
  problems: LocatedProblem[];
}

export const isInvalid = (found: object): found is InvalidTask => 'problems' in found;

/** What kept a folder from being read as a task. Throws what is a fault of this program. */
export function problemsOf(folder: string, error: unknown): LocatedProblem[] {
  if (error instanceof TaskFormatError) {
    const { file, column } = error;
    return error.problems.map((problem, index) => ({
      ...problem,
      file,
      ...(index === 0 && column !== undefined && { column }),
    }));
  }
  if (!isFileError(error)) throw error;
  const field = relative(folder, error.path ?? folder);
  return [{ file: folder, field, message: `${field === '' ? 'the folder' : field} ${unreadable(error)}` }];
}

/** One line for each problem, as compilers print it: `path/task.toml:3:1: what is wrong`. Paths are relative to `from`. */
export const problemLines = (invalid: readonly InvalidTask[], from: string): string[] =>
  invalid.flatMap(({ problems }) =>
    problems.map(({ file, line, column, message }) => {
      const at = [relative(from, file) || basename(file), line, column].filter((part) => part !== undefined);
      return `${at.join(':')}: ${message}`;
    }),
  );
