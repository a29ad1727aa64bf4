/** Where in a folder the tasks are. */
import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { problemsOf, type InvalidTask } from './problems.ts';

/** A folder that is, or looks like, a task. */
export interface Candidate {
  folder: string;
}

const SKIPPED = new Set(['node_modules', '__pycache__']);

/**
 * Every folder at or below `root`, at any depth and in bytewise order, that has a task.toml, or has an instruction.md beside `environment`
 * or `tests` and so was meant to have one. Hidden folders are not looked into, nor are tasks. Links are followed, each folder once.
 */
export async function* findCandidates(root: string): AsyncGenerator<Candidate | InvalidTask> {
  yield* search(root, new Set());
}

async function* search(folder: string, seen: Set<string>): AsyncGenerator<Candidate | InvalidTask> {
  const listed = await list(folder, seen);
  if (listed === undefined) return;
  if (!Array.isArray(listed)) {
    yield listed;
    return;
  }
  const names = new Set(listed.map(({ name }) => name));
  if (looksLikeTask(names)) {
    yield { folder };
    return;
  }
  const below = listed.filter((entry) => !entry.name.startsWith('.') && !SKIPPED.has(entry.name));
  below.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  for (const entry of below) if (await isFolder(folder, entry)) yield* search(join(folder, entry.name), seen);
}

const looksLikeTask = (names: Set<string>): boolean =>
  names.has('task.toml') || (names.has('instruction.md') && (names.has('environment') || names.has('tests')));

/** Undefined for a folder that was seen under another name already. */
async function list(folder: string, seen: Set<string>): Promise<Dirent[] | InvalidTask | undefined> {
  try {
    const real = await realpath(folder);
    if (seen.has(real)) return undefined;
    seen.add(real);
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    return { folder, problems: problemsOf(folder, error) };
  }
}

async function isFolder(folder: string, entry: Dirent): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  const target = await stat(join(folder, entry.name)).catch(() => undefined);
  return target?.isDirectory() === true;
}
