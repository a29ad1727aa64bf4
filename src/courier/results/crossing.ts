/**
 * What crosses from the agent's container into that of a separate verifier: declared artifacts and /logs/artifacts, nothing else. All of it is
 * hostile: it is read as what is stored is, without following links, and within the same limits.
 */
import { posix } from 'node:path';
import { isWithin } from '../../wire/pod-paths.ts';
import type { Skipped } from '../../wire/uploads.ts';
import { bodyOf } from './contents.ts';
import { below, lookAt, openParents } from './safe-open.ts';
import { tarOf, type TarEntry } from './tar.ts';
import { LIMITS } from './collect.ts';
import { Walk, type Limits } from './walk.ts';
import type { Readable } from 'node:stream';

/** A file or folder below /logs, and its path in the verifier's container. */
export interface Crossing {
  /** Path below /logs, without what of it is another one's. */
  from: string;
  without?: string[];
  to: string;
  /** The /logs that it is in, where these are not the agent's. */
  logs?: string;
}

/** What was found of a crossing; undefined where there is nothing. */
export interface Found {
  kind: 'file' | 'folder';
  /** The archive, made anew each time: a folder's entries relative to it, a file under the name that it has there. */
  archive: () => Readable;
  skipped: Skipped[];
}

/** Where nothing of the agent may come, whatever the task declares: the verifier's own ground. */
const RESERVED = ['/tests', '/logs/verifier', '/sb', '/proc', '/sys', '/dev'];

/** Reads what is to cross, one after the other, and all of it within one set of limits. `logs`: the agent's /logs, as the courier has it. */
export function* crossings(
  logs: string,
  list: readonly Crossing[],
): Generator<{ crossing: Crossing; found: Found }> {
  let limits = LIMITS;
  for (const crossing of list) {
    // Not even made anew: the image may have the tests there.
    if (isReserved(crossing.to)) continue;
    const walk = walkOf(crossing, limits);
    const found = find(crossing.logs ?? logs, crossing, walk);
    limits = walk.left;
    if (found) yield { crossing, found };
  }
}

const isReserved = (path: string): boolean => RESERVED.some((one) => isWithin(path, one));

/** Finds the file or folder under the last name of `from`, without what is not to cross. */
function walkOf({ from, to, without = [] }: Crossing, limits: Limits): Walk {
  const isLeftOut = (path: string): boolean => {
    const rest = posix.relative(posix.basename(from), path);
    return without.some((one) => isWithin(rest, one)) || isReserved(posix.join(to, rest));
  };
  return new Walk(limits, { whole: true, without: isLeftOut });
}

function find(logs: string, { from, to }: Crossing, walk: Walk): Found | undefined {
  const name = posix.basename(from);
  const inParent = (folder: number): 'file' | 'folder' | undefined => {
    const stats = lookAt(below(folder, name));
    if (typeof stats === 'string' || !(stats.isFile() || stats.isDirectory())) return undefined;
    walk.entry({ folder, name, source: posix.join(logs, from), path: name, depth: 1 });
    return stats.isDirectory() ? 'folder' : 'file';
  };
  const kind = openParents(logs, posix.dirname(from).split('/'), inParent);
  if (kind === undefined) return undefined;
  const { stays = [], leaves = [] } = Object.groupBy(walk.links, ({ path, target }) =>
    staysWithin(name, path, target) ? 'stays' : 'leaves',
  );
  const entries = (): TarEntry[] => [
    ...walk.folders
      .filter((path) => path !== name)
      .map((path): TarEntry => ({ name: path, kind: 'folder', mode: 0o755 })),
    ...walk.files.map((file): TarEntry => ({
      name: file.path,
      kind: 'file',
      mode: file.executable ? 0o755 : 0o644,
      size: file.size,
      contents: () => bodyOf(file, () => performance.now()),
    })),
    ...stays.map(({ path, target }): TarEntry => ({ name: path, kind: 'link', mode: 0o777, target })),
  ];
  const there = (entry: TarEntry): TarEntry => ({
    ...entry,
    name: kind === 'file' ? posix.basename(to) : posix.relative(name, entry.name),
  });
  return {
    kind,
    archive: () => tarOf(entries().map(there)),
    skipped: [...walk.skipped, ...leaves.map(({ path }) => ({ path, reason: 'Symlink' as const }))],
  };
}

/** A link that leads out of what crosses would be one of the verifier's own files. */
function staysWithin(root: string, path: string, target: string): boolean {
  const leadsTo = posix.relative(root, posix.join(posix.dirname(path), target));
  return !posix.isAbsolute(target) && target !== '' && !/^\.\.(\/|$)/.test(leadsTo);
}
