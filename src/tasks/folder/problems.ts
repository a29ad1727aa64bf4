/** Why a folder is no valid task. */
import { basename, join, relative } from 'node:path';
import { TaskFormatError, missingParts, unsupportedParts, type Problem, type Task } from '../index.ts';
import { safeLine } from '../../text/safe.ts';
import { isFileError, unreadable } from './unreadable.ts';

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

/** What this version does not run of a valid task, as problems of its folder; nothing where it runs all of it. */
export function unsupported({ task }: { task: Task }): InvalidTask[] {
  const parts = [...unsupportedParts(task), ...missingParts(task)];
  const problems = parts.map(({ field, reason }) => ({
    file: field.includes('/') ? task.dir : join(task.dir, 'task.toml'),
    field,
    message: `${field}: ${reason}`,
  }));
  return problems.length === 0 ? [] : [{ folder: task.dir, problems }];
}

/** More lines than this of one cause become their number and the first of them. */
const SHOWN = 10;

/** What a sentence says beyond its values and names: those who share it have the same cause. */
const causeOf = (message: string): string =>
  message.replace(/"(?:[^"\\]|\\.)*"|\b\d+(?:\.\d+)?\b/g, '…').replace(/…(?:, …)+/g, '…');

/** Lines, of which those of a cause that many share become a heading with how many there are, and some examples. */
export function grouped<One>(
  all: readonly One[],
  { cause, line }: { cause: (one: One) => string; line: (one: One) => string },
): string[] {
  const groups = Map.groupBy(all, (one) => causeOf(cause(one)));
  const told = new Set<string>();
  return all.flatMap((one) => {
    const key = causeOf(cause(one));
    const group = groups.get(key) ?? [];
    if (group.length <= SHOWN) return [line(one)];
    if (told.has(key)) return [];
    told.add(key);
    const examples = group.slice(0, SHOWN).map((example) => `  ${line(example)}`);
    return [`${group.length} times: ${cause(one)}`, ...examples, `  … and ${group.length - SHOWN} more`];
  });
}

/**
 * One line for each problem, as compilers print it: `path/task.toml:3:1: what is wrong`. Paths are relative to `from`. A cause that more than
 * ten share is counted, with ten examples.
 */
export const problemLines = (invalid: readonly InvalidTask[], from: string): string[] =>
  grouped(
    invalid.flatMap(({ problems }) => problems),
    {
      cause: ({ message }) => message,
      line: ({ file, line, column, message }) => {
        const at = [relative(from, file) || basename(file), line, column].filter(
          (part) => part !== undefined,
        );
        return safeLine(`${at.join(':')}: ${message}`);
      },
    },
  );
