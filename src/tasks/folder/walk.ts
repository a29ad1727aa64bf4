/** Which files a task folder holds. */
import { lstat, readdir, readlink, realpath, stat } from 'node:fs/promises';
import { basename, join, sep } from 'node:path';
import type { Stats } from 'node:fs';
import type { Problem } from '../toml/problems.ts';
import { pathFault } from '../archive/directory.ts';
import { CONTEXT, ROOTS } from '../task.ts';
import type { TaskFolder } from '../task.ts';
import { IGNORE_FILE, isIgnored, rulesOf } from './harborignore.ts';
import type { IgnoreRules } from './harborignore.ts';
import { filesBehindLinks } from './links.ts';
import { unreadable } from './unreadable.ts';

export interface FoundFile {
  /** POSIX path within the task's folder. */
  path: string;
  size: number;
  executable: boolean;
  /** As in `TaskFile`. */
  mode?: number;
  link?: string;
  leadsTo?: string;
  /** It lies under a link to a folder, which Harbor's digest does not follow. */
  linked: boolean;
}

export interface Found {
  /** In bytewise order of their paths. */
  files: FoundFile[];
  /** As in `Task`. */
  folders: TaskFolder[];
  /** Paths that `.harborignore` leaves out; folders end in a slash. */
  ignored: string[];
  problems: Problem[];
}

/** Walks the folder at `root`, an absolute path without links. What is wrong with one entry hides nothing of the others. */
export async function walkTask(root: string): Promise<Found> {
  const walk: Walk = {
    root,
    found: { files: [], folders: [], ignored: [], problems: [] },
  };
  const names = new Set(await readdir(root));
  for (const name of ROOTS)
    if (names.has(name)) await visit(walk, name, { rules: [], ancestors: [root], linked: false });
  const behind = filesBehindLinks(walk.found.files, walk.found.folders);
  for (const file of walk.found.files) {
    const leadsTo = behind.get(file.path);
    if (leadsTo !== undefined) file.leadsTo = leadsTo;
  }
  walk.found.files.sort(byPath);
  walk.found.folders.sort(byPath);
  return walk.found;
}

/** Paths of files, and of links that lead to one of them: what can be read by its path without leaving the task. */
export function readablePaths({ files }: { files: readonly FoundFile[] }): Set<string> {
  const plain = new Set(files.flatMap(({ path, link }) => (link === undefined ? [path] : [])));
  const links = files.filter(({ leadsTo }) => leadsTo !== undefined && plain.has(leadsTo));
  return new Set([...plain, ...links.map(({ path }) => path)]);
}

const byPath = (a: { path: string }, b: { path: string }): number =>
  Buffer.compare(Buffer.from(a.path), Buffer.from(b.path));

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
  const stats = real === undefined ? undefined : await stat(real).catch(() => undefined);
  return { link, real, stats, folder: stats?.isDirectory() === true };
}

async function visit(walk: Walk, path: string, around: Surroundings): Promise<void> {
  const named = pathFault(path);
  const fault =
    named === undefined ? await take(walk, path, around).catch(unreadable) : `${named}; rename it`;
  if (fault === undefined) return;
  const name = named === undefined ? path : JSON.stringify(path);
  walk.found.problems.push({ field: path, message: `${name} ${fault}` });
}

/** Resolves to why this can be no part of a task, in a sentence that goes on after the path. */
async function take(walk: Walk, path: string, around: Surroundings): Promise<string | undefined> {
  const { found, root } = walk;
  const seen = await look(join(root, path), around.ancestors.at(-1) ?? root);
  const entry = seen.folder ? `${path}/` : path;
  if (isIgnored(entry, around.rules)) return void found.ignored.push(entry);
  if (seen.link && path.startsWith(CONTEXT)) return takeLink(walk, path);
  return (
    faultOf(seen, { root, ancestors: around.ancestors }) ?? (await takeFound(walk, path, { seen, around }))
  );
}

async function takeFound(
  walk: Walk,
  path: string,
  { seen: { link, real = '', stats, folder }, around }: { seen: Seen; around: Surroundings },
): Promise<undefined> {
  const { size = 0, mode = 0 } = stats ?? {};
  const linked = around.linked || (link && folder);
  const modeOf = path.startsWith(CONTEXT) ? unusualMode(mode, folder) : {};
  const executable = (mode & 0o100) !== 0;
  if (!folder) return void walk.found.files.push({ path, size, executable, ...modeOf, linked });
  const below = { ...around, ancestors: [...around.ancestors, real], linked };
  return visitFolder(walk, path, { around: below, modeOf });
}

/** A link of the build context stays one, wherever it leads. */
async function takeLink({ root, found }: Walk, path: string): Promise<string | undefined> {
  const bytes = await readlink(join(root, path), { encoding: 'buffer' });
  const link = bytes.toString();
  if (!bytes.equals(Buffer.from(link))) return 'is a link to a name that is not UTF-8; rename it';
  found.files.push({ path, size: bytes.length, executable: false, link, linked: false });
  return undefined;
}

/** Permissions that are not 0644 or 0755. What a umask of 002 takes away less than one of 022 makes no difference. */
function unusualMode(mode: number, folder: boolean): { mode?: number } {
  const usual = folder ? [0o755, 0o775] : [0o644, 0o664, 0o755, 0o775];
  return usual.includes(mode & 0o777) ? {} : { mode: mode & 0o777 };
}

interface Place {
  root: string;
  ancestors: readonly string[];
}

function faultOf({ real, stats, folder }: Seen, { root, ancestors }: Place): string | undefined {
  if (real === undefined || stats === undefined) return 'is a link that leads nowhere; remove it';
  if (!real.startsWith(root + sep))
    return 'is a link out of the task’s folder; put a copy of what it leads to in its place';
  if (folder && ancestors.includes(real)) return 'is a link to a folder that it lies in; remove it';
  return folder || stats.isFile() ? undefined : `is a ${kindOf(stats)}; expected a file or a folder`;
}

async function visitFolder(
  walk: Walk,
  path: string,
  { around, modeOf }: { around: Surroundings; modeOf: { mode?: number } },
): Promise<undefined> {
  const names = await readdir(join(walk.root, path));
  const rules = names.includes(IGNORE_FILE) ? await rulesOf(walk.root, path, around.rules) : around.rules;
  const empty = names.every((name) => name === IGNORE_FILE);
  if (path.startsWith(CONTEXT) && (empty || modeOf.mode !== undefined))
    walk.found.folders.push({ path, ...modeOf });
  for (const name of names) await visit(walk, `${path}/${name}`, { ...around, rules });
}

function kindOf(stats: Stats): string {
  if (stats.isFIFO()) return 'FIFO';
  if (stats.isSocket()) return 'socket';
  return 'device';
}
