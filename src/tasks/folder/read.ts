/** A folder → Task. */
import { readFile, realpath, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { parseTaskToml } from '../toml/parse.ts';
import { TaskFormatError } from '../toml/problems.ts';
import type { Problem } from '../toml/problems.ts';
import type { TaskConfig } from '../toml/schema.ts';
import type { Task, TaskFile } from '../task.ts';
import { readCompose } from './compose-source.ts';
import { harborDigest } from './digest.ts';
import { sha256OfFile, sha256OfText } from './sha256.ts';
import { stripCanary } from './instruction.ts';
import { checkLayout } from './layout.ts';
import { limitProblems } from './limits.ts';
import { unreadable } from './unreadable.ts';
import { NOT_HASHED } from '../task.ts';
import { walkTask } from './walk.ts';
import type { Found, FoundFile } from './walk.ts';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)?$/;

/** Reads and checks a task folder. Throws TaskFormatError with everything that is wrong with it. */
export async function readTask(folder: string): Promise<Task> {
  const dir = resolve(folder);
  await expectFolder(dir);
  const config = parseTaskToml(await readText(dir, 'task.toml'), join(dir, 'task.toml'));
  const root = await realpath(dir);
  const found = await walkTask(root);
  const name = config.task?.name ?? basename(dir);
  const { hashed, problems } = await checkFiles(root, { found, config, name });
  const compose = await readCompose(root, found);
  if (compose.problem) problems.push(compose.problem);
  if (problems.length > 0) throw new TaskFormatError(dir, problems);

  const several = config.steps !== undefined && config.steps.length > 0;
  return {
    dir,
    name,
    config,
    instruction: several ? '' : stripCanary(await readText(dir, 'instruction.md')),
    files: hashed.filter(({ path }) => !NOT_HASHED.includes(path)).map(asTaskFile),
    folders: found.folders,
    digest: await harborDigest(root, hashed),
    ...(compose.source && { compose: compose.source }),
  };
}

function asTaskFile({ linked: _linked, ...file }: FoundFile & { sha256: string }): TaskFile {
  return file;
}

interface Checked {
  hashed: (FoundFile & { sha256: string })[];
  problems: Problem[];
}

/** Everything that is wrong with the files of a task, and what each holds, unless there is too much of it. */
export async function checkFiles(
  root: string,
  { found, config, name }: { found: Found; config: TaskConfig; name: string },
): Promise<Checked> {
  const tooMuch = limitProblems({ name, config, files: found.files });
  const problems = [...found.problems, ...checkLayout(config, found), ...checkName(name), ...tooMuch];
  const hashed = [];
  for (const file of tooMuch.length > 0 ? [] : found.files)
    try {
      hashed.push({ ...file, sha256: await sha256Of(root, file) });
    } catch (error) {
      problems.push({ field: file.path, message: `${file.path} ${unreadable(error)}` });
    }
  return { hashed, problems };
}

const sha256Of = (root: string, { path, size, link }: FoundFile): string | Promise<string> =>
  link === undefined ? sha256OfFile(join(root, path), size) : sha256OfText(link);

const refuse = (file: string, field: string, rest: string): never => {
  throw new TaskFormatError(file, [{ field, message: rest }]);
};

async function expectFolder(dir: string): Promise<void> {
  const stats = await stat(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR')
      return refuse(dir, '', 'there is no such folder');
    throw error;
  });
  if (!stats.isDirectory()) refuse(dir, '', 'is not a folder; expected one with a task.toml in it');
  const config = await stat(join(dir, 'task.toml')).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT')
      return refuse(dir, 'task.toml', 'task.toml is missing, so this is not a task folder');
    throw error;
  });
  if (!config.isFile()) refuse(dir, 'task.toml', 'task.toml is no file; expected one');
}

async function readText(dir: string, name: string): Promise<string> {
  const bytes = await readFile(join(dir, name));
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuse(join(dir, name), '', 'is not UTF-8 text');
  }
}

const checkName = (name: string): Problem[] =>
  NAME.test(name)
    ? []
    : [
        {
          field: 'name',
          message: `the name ${JSON.stringify(name)} has characters other than letters, digits, dots, hyphens and underscores; rename the folder, or set name under [task] in task.toml`,
        },
      ];
