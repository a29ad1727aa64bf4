/**
 * What crosses from the agent's container into that of a separate verifier: declared artifacts and /logs/artifacts, nothing else. All of it is
 * hostile: it is read as what is stored is, without following links, and within the same limits.
 */
import { posix } from 'node:path';
import type { Skipped } from '../../wire/uploads.ts';
import { bodyOf } from './contents.ts';
import { below, lookAt, openSafely, withOpened } from './safe-open.ts';
import { tarOf, type TarEntry } from './tar.ts';
import { LIMITS } from './collect.ts';
import { Walk } from './walk.ts';
import type { Readable } from 'node:stream';

/** A file or folder below /logs, and its path in the verifier's container. */
export interface Crossing {
  /** Path below /logs, without what of it is another one's. */
  from: string;
  without?: string[];
  to: string;
}

/** What was found of a crossing; undefined where there is nothing. */
export interface Found {
  kind: 'file' | 'folder';
  /** The archive, made anew each time: a folder's entries relative to it, a file under its own name. */
  archive: () => Readable;
  skipped: Skipped[];
}

/** Where nothing of the agent may come, whatever the task declares: the verifier's own ground. */
const RESERVED = ['/tests', '/logs/verifier', '/sb', '/proc', '/sys', '/dev'];

const isWithin = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

/** Reads what is to cross, all of it within one set of limits. `logs`: the agent's /logs, as the courier has it. */
export function crossings(logs: string, list: readonly Crossing[]): { crossing: Crossing; found: Found }[] {
  const limits = { ...LIMITS };
  const isReserved = ({ to }: Crossing): boolean => RESERVED.some((one) => isWithin(to, one));
  return list.flatMap((crossing) => {
    // Not even made anew: the image may have the tests there.
    if (isReserved(crossing)) return [];
    const found = find(logs, crossing, limits);
    if (!found) return [];
    limits.files -= found.files;
    limits.totalBytes -= found.bytes;
    return [{ crossing, found }];
  });
}

function find(
  logs: string,
  { from, to, without = [] }: Crossing,
  limits: typeof LIMITS,
): (Found & { files: number; bytes: number }) | undefined {
  const walk = new Walk(limits, { whole: true });
  const name = posix.basename(from);
  const inParent = (folder: number): 'file' | 'folder' | undefined => {
    const stats = lookAt(below(folder, name));
    if (typeof stats === 'string' || !(stats.isFile() || stats.isDirectory())) return undefined;
    walk.entry({ folder, name, source: posix.join(logs, from), path: name, depth: 1 });
    return stats.isDirectory() ? 'folder' : 'file';
  };
  const kind = openParents(logs, posix.dirname(from).split('/'), inParent);
  if (kind === undefined) return undefined;
  const isWanted = (path: string): boolean => {
    const rest = posix.relative(name, path);
    const target = posix.join(to, rest);
    return !without.some((one) => isWithin(rest, one)) && !RESERVED.some((one) => isWithin(target, one));
  };
  const files = walk.files.filter(({ path }) => isWanted(path));
  const links = walk.links.map(({ path, target }) => ({
    path,
    target,
    stays: staysWithin(name, path, target),
  }));
  const entries = (): TarEntry[] => [
    ...walk.folders
      .filter((path) => path !== name && isWanted(path))
      .map((path): TarEntry => ({ name: path, kind: 'folder', mode: 0o755 })),
    ...files.map((file): TarEntry => ({
      name: file.path,
      kind: 'file',
      mode: file.executable ? 0o755 : 0o644,
      size: file.size,
      contents: () => bodyOf(file, () => performance.now()),
    })),
    ...links
      .filter(({ path, stays }) => stays && isWanted(path))
      .map(({ path, target }): TarEntry => ({ name: path, kind: 'link', mode: 0o777, target })),
  ];
  const relative = (entry: TarEntry): TarEntry =>
    kind === 'file' ? entry : { ...entry, name: posix.relative(name, entry.name) };
  return {
    kind,
    archive: () => tarOf(entries().map(relative)),
    skipped: [
      ...walk.skipped.filter(({ path }) => isWanted(path)),
      ...links
        .filter(({ path, stays }) => !stays && isWanted(path))
        .map(({ path }) => ({ path, reason: 'Symlink' as const })),
    ],
    files: files.length,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
  };
}

/** A link that leads out of what crosses would be one of the verifier's own files. */
function staysWithin(root: string, path: string, target: string): boolean {
  const leadsTo = posix.relative(root, posix.join(posix.dirname(path), target));
  return !posix.isAbsolute(target) && target !== '' && !/^\.\.(\/|$)/.test(leadsTo);
}

/** Opens folder after folder, none of which may be a link. */
function openParents<T>(logs: string, [first, ...rest]: string[], use: (folder: number) => T): T | undefined {
  const into = (path: string, segments: string[]): T | undefined => {
    const opened = openSafely(path, 'folder');
    if (typeof opened === 'string') return undefined;
    return withOpened(opened, ({ fd }) => {
      const [next, ...others] = segments;
      return next === undefined ? use(fd) : into(below(fd, next), others);
    });
  };
  return into(logs, first === undefined || first === '.' ? rest : [first, ...rest]);
}
