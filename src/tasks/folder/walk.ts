/** Which files a task folder holds. */
import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { basename, join, sep } from 'node:path';
import type { Stats } from 'node:fs';
import type { Problem } from '../toml/problems.ts';
import { IGNORE_FILE, isIgnored, rulesOf } from './harborignore.ts';
import type { IgnoreRules } from './harborignore.ts';

/** Everything that can belong to a task; other files in the folder are not looked at. */
const ROOTS = [
  'task.toml',
  'instruction.md',
  'README.md',
  'trajectory.json',
  'environment',
  'solution',
  'tests',
  'steps',
];
/** In Harbor’s digest, but no part of what a trial is given. */
export const NOT_HASHED = ['README.md', 'trajectory.json'];
/** Names in a task's folder that its hash is made of. */
export const HASHED: ReadonlySet<string> = new Set(ROOTS.filter((name) => !NOT_HASHED.includes(name)));

export interface FoundFile {
  /** POSIX path within the task's folder. */
  path: string;
  size: number;
  executable: boolean;
  /** It lies under a link to a folder, which Harbor's digest does not follow. */
  linked: boolean;
}

export interface Found {
  /** In bytewise order of their paths. */
  files: FoundFile[];
  /** Paths that `.harborignore` leaves out; folders end in a slash. */
  ignored: string[];
  problems: Problem[];
}

/** Walks the folder at `root`, an absolute path without links. */
export async function walkTask(root: string): Promise<Found> {
  const walk: Walk = { root, found: { files: [], ignored: [], problems: [] } };
  const names = new Set(await readdir(root));
  for (const name of ROOTS)
    if (names.has(name)) await visit(walk, name, { rules: [], ancestors: [root], linked: false });
  walk.found.files.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  return walk.found;
}

interface Walk {
  root: string;
  found: Found;
}

/** What is known of the folder that an entry lies in. */
interface Surroundings {
  rules: IgnoreRules;
  /** Real paths of the folders above, to notice a link that leads back. */
  ancestors: readonly string[];
  linked: boolean;
}

/** What a path leads to. `real` is missing where it is a link to nothing. */
interface Seen {
  link: boolean;
  real: string | undefined;
  stats: Stats | undefined;
  folder: boolean;
}

/** Only what is a link can lie elsewhere; for all else one call is enough. */
async function look(absolute: string, folder: string): Promise<Seen> {
  const own = await lstat(absolute);
  const link = own.isSymbolicLink();
  if (!link) return { link, real: join(folder, basename(absolute)), stats: own, folder: own.isDirectory() };
  const real = await realpath(absolute).catch(() => undefined);
  const stats = real === undefined ? undefined : await stat(real);
  return { link, real, stats, folder: stats?.isDirectory() === true };
}

async function visit(walk: Walk, path: string, around: Surroundings): Promise<void> {
  const { found, root } = walk;
  const { link, real, stats, folder } = await look(join(root, path), around.ancestors.at(-1) ?? root);
  const entry = folder ? `${path}/` : path;
  if (isIgnored(entry, around.rules)) return void found.ignored.push(entry);
  const fault = faultOf({ link, real, stats, folder }, { path, root, ancestors: around.ancestors });
  if (fault !== undefined || real === undefined || stats === undefined)
    return void found.problems.push({ field: path, message: `${path} ${fault}` });
  const linked = around.linked || (link && folder);
  if (folder) return visitFolder(walk, path, { ...around, ancestors: [...around.ancestors, real], linked });
  found.files.push({ path, size: stats.size, executable: (stats.mode & 0o100) !== 0, linked });
}

interface Place {
  path: string;
  root: string;
  ancestors: readonly string[];
}

/** Why this can be no part of a task, in a sentence that goes on after the path. */
function faultOf({ real, stats, folder }: Seen, { path, root, ancestors }: Place): string | undefined {
  if (!isPortable(path)) return 'has a backslash or a control character in its name; rename it';
  if (real === undefined || stats === undefined) return 'is a link that leads nowhere; remove it';
  if (!real.startsWith(root + sep))
    return 'is a link out of the task’s folder; put a copy of what it leads to in its place';
  if (folder && ancestors.includes(real)) return 'is a link to a folder that it lies in; remove it';
  return folder || stats.isFile() ? undefined : `is a ${kindOf(stats)}; expected a file or a folder`;
}

async function visitFolder(walk: Walk, path: string, around: Surroundings): Promise<void> {
  const names = await readdir(join(walk.root, path));
  const rules = names.includes(IGNORE_FILE) ? await rulesOf(walk.root, path, around.rules) : around.rules;
  for (const name of names) await visit(walk, `${path}/${name}`, { ...around, rules });
}

// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const isPortable = (path: string): boolean => !/[\\\x00-\x1f\x7f\ufffd]/.test(path);

function kindOf(stats: Stats): string {
  if (stats.isFIFO()) return 'FIFO';
  if (stats.isSocket()) return 'socket';
  return 'device';
}
