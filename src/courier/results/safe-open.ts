/**
 * Opens what a hostile container wrote: no link is followed, nothing but regular files and folders is opened, and nothing blocks. Names are
 * resolved below a folder that is open already, so a folder that is swapped for a link meanwhile leads nowhere.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync } from 'node:fs';
import type { Stats } from 'node:fs';
import type { Skipped } from '../../wire/uploads.ts';

/** Why something was not opened; `Missing` where there is nothing. */
export type Refused = Exclude<Skipped['reason'], 'TooMany' | 'TooDeep'> | 'Missing';

export interface Opened {
  fd: number;
  stats: Stats;
}

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY } = constants;

/** A path below an open folder. */
export const below = (folder: number, name: string): string => `/proc/self/fd/${folder}/${name}`;

/** Why an entry of this kind is not opened; undefined for regular files and folders. */
export function refusalOf(stats: Stats): Refused | undefined {
  if (stats.isSymbolicLink()) return 'Symlink';
  if (stats.isFIFO()) return 'Fifo';
  if (stats.isSocket()) return 'Socket';
  if (stats.isBlockDevice() || stats.isCharacterDevice()) return 'Device';
  return undefined;
}

/** The kind of an entry, links as such. */
export function lookAt(path: string): Stats | Refused {
  try {
    return lstatSync(path);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'Missing' : 'Unreadable';
  }
}

/** Opens a folder, or a regular file, of which it has made sure. */
export function openSafely(path: string, kind: 'folder' | 'file'): Opened | Refused {
  const seen = lookAt(path);
  if (typeof seen === 'string') return seen;
  const refused = refusalOf(seen);
  if (refused) return refused;
  let fd: number;
  try {
    fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | (kind === 'folder' ? O_DIRECTORY : 0));
  } catch (error) {
    // ELOOP: it has become a link since.
    return (error as NodeJS.ErrnoException).code === 'ELOOP' ? 'Symlink' : 'Unreadable';
  }
  const stats = fstatSync(fd);
  const right = kind === 'folder' ? stats.isDirectory() : stats.isFile();
  if (right) return { fd, stats };
  closeSync(fd);
  return refusalOf(stats) ?? 'Unreadable';
}

/** Runs `use` on an opened entry and closes it. */
export function withOpened<T>(opened: Opened, use: (opened: Opened) => T): T {
  try {
    return use(opened);
  } finally {
    closeSync(opened.fd);
  }
}

/** Opens folder after folder, none of which may be a link. */
export function openParents<T>(
  logs: string,
  [first, ...rest]: string[],
  use: (folder: number) => T,
): T | undefined {
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
