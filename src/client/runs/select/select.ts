/** `-t <path>` → the tasks to run. */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Task } from '../../../tasks/index.ts';
import { CliError } from '../../failures/error.ts';
import { quoted } from '../../../text/safe.ts';
import { findCandidates, type Candidate } from '../../../tasks/folder/find.ts';
import { createBudget, inParallel } from '../../../async/in-parallel.ts';
import {
  isInvalid,
  problemLines,
  problemsOf,
  unsupported,
  type InvalidTask,
} from '../../../tasks/folder/problems.ts';
import { readFolder, type SelectedTask } from './read.ts';

export type { InvalidTask, LocatedProblem } from '../../../tasks/folder/problems.ts';
export type { SelectedTask } from './read.ts';

export interface SelectOptions {
  /** Absolute path of one task folder, or of a folder with tasks at any depth; or several of them. */
  path: string | readonly string[];
  /** How messages call it; default: as it is. */
  shown?: string;
  /** Patterns (see `fits`) of which one must fit the task's name or its folder's name; none: every task. */
  include?: readonly string[];
  /** Patterns of which none may fit. */
  exclude?: readonly string[];
  /** At most so many valid tasks, after the patterns, in order of their paths. */
  limit?: number;
  /** Leave out what is no valid task, instead of failing. */
  skipInvalid?: boolean;
  signal?: AbortSignal;
}

export interface Selection {
  /** The first path that was asked for. */
  root: string;
  /** In bytewise order of their folders below each path; no two of the same name. */
  tasks: SelectedTask[];
  /** What looks like a task and is none; empty unless skipInvalid. */
  invalid: InvalidTask[];
}

/** Folders that are read at once: more gain nothing over libuv's four threads. */
const WIDTH = 4;
/** What packing in parallel may hold in memory, bytes. */
const PACK_BYTES = 64 * 2 ** 20;

type Where = Pick<SelectOptions, 'path' | 'shown'>;

const pathsOf = ({ path }: Where): readonly string[] => (typeof path === 'string' ? [path] : path);

const shownOf = (where: Where): string => where.shown ?? pathsOf(where).join(' and ');

/** Every task below `path`, valid or not. Throws CliError for a path that is no folder. */
async function readTasks({
  signal,
  ...where
}: Where & Pick<SelectOptions, 'signal'>): Promise<(SelectedTask | InvalidTask)[]> {
  const paths = pathsOf(where);
  for (const path of paths) await expectFolder(path, paths.length === 1 ? shownOf(where) : path);
  const memory = createBudget(PACK_BYTES);
  const read = async (found: Candidate | InvalidTask) =>
    isInvalid(found) ? found : readFolder(found.folder, memory);
  return inParallel(candidatesBelow(paths), read, { width: WIDTH, signal });
}

/** What lies below the paths, each folder once. */
async function* candidatesBelow(paths: readonly string[]) {
  const seen = new Set<string>();
  for (const path of paths)
    for await (const found of findCandidates(path)) {
      if (seen.has(found.folder)) continue;
      seen.add(found.folder);
      yield found;
    }
}

/**
 * The tasks to run. Throws CliError: SB-E013 where the path cannot be read, SB-E014 for folders that are no valid tasks (unless
 * `skipInvalid`), SB-E030 where there is no task at all, SB-E031 for two tasks of one name with different contents, SB-E032 where the
 * patterns leave none. Two copies of one task count once.
 */
export async function selectTasks(options: SelectOptions): Promise<Selection> {
  const { limit = Infinity, skipInvalid = false } = options;
  const shown = shownOf(options);
  const [path = ''] = pathsOf(options);
  const found = await readTasks(options);
  if (found.length === 0) throw noTask(shown);
  const wanted = found.filter((one) => isWanted(one, options));
  if (wanted.length === 0) throw nothingLeft(found, options);
  const invalid = wanted.filter(isInvalid);
  const tasks = unique(wanted.filter((one): one is SelectedTask => !isInvalid(one)));
  if (invalid.length > 0 && (!skipInvalid || tasks.length === 0))
    throw invalidTasks(invalid, { path, shown, tasks });
  return { root: path, tasks: tasks.slice(0, limit), invalid };
}

async function expectFolder(path: string, shown: string): Promise<void> {
  const what = `cannot read tasks from ${shown}`;
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    const gone = error.code === 'ENOENT' || error.code === 'ENOTDIR';
    const why = gone
      ? 'there is no such folder'
      : problemsOf(path, error)
          .map(({ message }) => message)
          .join();
    throw new CliError('SB-E013', { what, why, fix: `ls -ld ${quoted(shown)}`, cause: error });
  });
  if (found.isDirectory()) return;
  const fix = 'give the folder of a task (with its task.toml), or a folder of such folders';
  throw new CliError('SB-E013', { what, why: 'it is a file', fix });
}

const namesOf = (one: SelectedTask | InvalidTask): string[] =>
  isInvalid(one) ? [basename(one.folder)] : [one.task.name, basename(one.task.dir)];

function isWanted(one: SelectedTask | InvalidTask, { include = [], exclude = [] }: SelectOptions): boolean {
  const oneOf = (patterns: readonly string[]): boolean =>
    patterns.some((pattern) => namesOf(one).some((name) => fits(name, pattern)));
  return (include.length === 0 || oneOf(include)) && !oneOf(exclude);
}

/** The tasks without further copies. */
function unique(tasks: SelectedTask[]): SelectedTask[] {
  const byName = new Map<string, SelectedTask>();
  for (const one of tasks) {
    const first = byName.get(one.task.name);
    if (first === undefined) byName.set(one.task.name, one);
    else if (contentsOf(first.task) !== contentsOf(one.task)) throw sameName(first.task, one.task);
  }
  return [...byName.values()];
}

const contentsOf = ({ files, folders }: Task): string => JSON.stringify([files, folders]);

const noTask = (shown: string): CliError =>
  new CliError('SB-E030', {
    what: `cannot read tasks from ${shown}`,
    why: 'no folder in it has a task.toml',
    fix: 'give the folder of a task, or a folder that holds such folders at any depth',
  });

const SHOWN = 5;

function nothingLeft(found: (SelectedTask | InvalidTask)[], options: SelectOptions): CliError {
  const { include, exclude } = options;
  const shown = shownOf(options);
  const names = found.flatMap((one) => namesOf(one).slice(0, 1)).slice(0, SHOWN);
  const patterns = [
    ...(include ?? []).map((one) => `-i ${one}`),
    ...(exclude ?? []).map((one) => `-x ${one}`),
  ];
  return new CliError('SB-E032', {
    what: `no task is left of ${shown}`,
    why: `${patterns.join(' ')} leave none of ${found.length}: ${names.join(', ')}${found.length > SHOWN ? ', …' : ''}`,
    fix: 'change -i and -x; in their patterns * is any text and ? one character',
  });
}

const PROBLEMS_SHOWN = 50;

function invalidTasks(
  invalid: InvalidTask[],
  { path, shown, tasks }: { path: string; shown: string; tasks: SelectedTask[] },
): CliError {
  // What cannot be run for another reason is told at once, not when these are corrected.
  const lines = problemLines([...invalid, ...tasks.flatMap(unsupported)], path);
  const more = lines.length > PROBLEMS_SHOWN ? [`… and ${lines.length - PROBLEMS_SHOWN} more lines`] : [];
  const count = invalid.length === 1 ? 'a folder is' : `${invalid.length} folders are`;
  return new CliError('SB-E014', {
    what: `${count} no valid task in ${shown}`,
    why: [...lines.slice(0, PROBLEMS_SHOWN), ...more].join('\n'),
    fix: `sb task check ${quoted(shown)}${tasks.length > 0 ? '    (or leave them out with --skip-invalid)' : ''}`,
  });
}

function sameName(first: Task, second: Task): CliError {
  const folders = [second, first].map(({ dir }) => basename(dir));
  // A pattern that fits both would leave neither.
  const pattern = folders[0] === folders[1] ? undefined : folders.find((folder) => !fits(first.name, folder));
  return new CliError('SB-E031', {
    what: `two tasks have the name ${first.name}`,
    why: `${first.dir} and ${second.dir} differ in ${firstDifference(first, second)}`,
    fix: `give one of them another name under [task] in task.toml${pattern === undefined ? '' : `, or leave it out: -x ${quoted(pattern)}`}`,
  });
}

function firstDifference(a: Task, b: Task): string {
  const contents = ({ files, folders }: Task) =>
    new Map([...files, ...folders].map((one) => [one.path, JSON.stringify(one)]));
  const [left, right] = [contents(a), contents(b)];
  const paths = [...new Set([...left.keys(), ...right.keys()])];
  return paths.find((path) => left.get(path) !== right.get(path)) ?? 'nothing';
}

/**
 * Whether a name fits a pattern as Python's `fnmatch` has it, which is Harbor's rule for -i and -x: `*` is any text, slashes too, `?` one
 * character, `[abc]` and `[a-z]` one of those, `[!abc]` any other. Upper and lower case differ.
 */
export const fits = (name: string, pattern: string): boolean => expression(pattern).test(name);

const TOKEN = /\[(!?)(\]?[^\]]*)\]|[\s\S]/gu;

function expression(pattern: string): RegExp {
  const source = pattern.replace(TOKEN, (token, not: string | undefined, set: string | undefined) => {
    if (set !== undefined && set !== '') return `[${not === '!' ? '^' : ''}${setOf(set)}]`;
    if (token === '*') return '[\\s\\S]*';
    if (token === '?') return '[\\s\\S]';
    return token.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  });
  return new RegExp(`^${source}$`, 'u');
}

/** Inside brackets only the hyphen of a range that runs upwards has a meaning of its own. */
function setOf(set: string): string {
  const literal = (text: string): string => text.replace(/[\\\]^[-]/g, '\\$&');
  return [...set.matchAll(/([\s\S])-([\s\S])|[\s\S]/gu)]
    .map(([text, from, to]) =>
      from !== undefined && to !== undefined && from <= to
        ? `${literal(from)}-${literal(to)}`
        : literal(text),
    )
    .join('');
}
