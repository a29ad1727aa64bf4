/** Walks what the task container left in /logs. All of it is hostile: see safe-open.ts. */
import { opendirSync } from 'node:fs';
import { join } from 'node:path';
import type { Skipped } from '../../wire/uploads.ts';
import { isUnlisted, problemOfName } from '../../wire/upload-paths.ts';
import { below, lookAt, openSafely, refusalOf, withOpened } from './safe-open.ts';

/** A regular file that is to be stored. */
export interface FoundFile {
  /** Path under the Trial's prefix. */
  path: string;
  /** Path here. */
  source: string;
  /** Which file it was when it was found. */
  dev: number;
  ino: number;
  /** Bytes. */
  size: number;
}

export interface Collected {
  files: FoundFile[];
  skipped: Skipped[];
}

export interface Limits {
  fileBytes: number;
  totalBytes: number;
  files: number;
  /** Bytes of all paths together: the manifest holds them, and the courier's memory. */
  pathBytes: number;
  /** Bytes of one path: with the Trial's own prefix before it, a key may have 1,024. */
  onePathBytes: number;
  /** Folders within folders. */
  depth: number;
}

export const LIMITS: Limits = {
  fileBytes: 2 * 2 ** 30,
  totalBytes: 8 * 2 ** 30,
  files: 50_000,
  pathBytes: 5 * 2 ** 20,
  onePathBytes: 512,
  depth: 32,
};

/** What of them is left after some files, for others that are stored below the folder `under`. */
export const limitsAfter = (files: readonly { path: string; size: number }[], under: string): Limits => ({
  ...LIMITS,
  totalBytes: files.reduce((left, { size }) => left - size, LIMITS.totalBytes),
  files: LIMITS.files - files.length,
  pathBytes: files.reduce((left, { path }) => left - Buffer.byteLength(path), LIMITS.pathBytes),
  onePathBytes: LIMITS.onePathBytes - Buffer.byteLength(under),
});

/** Looked at, stored or not: empty folders and links are no files, but take their time. */
const MAX_ENTRIES = 200_000;
export const MAX_SKIPPED = 1000;

/** Where the folders of /logs go. */
const PLACES: Record<string, string> = { agent: 'agent', verifier: 'verifier', artifacts: 'output' };
/** Where everything else goes. What lies under this name among the artifacts is skipped, so no two files have one key. */
const REST = 'output/.logs';

/** Ours. What the container has under that name goes to where nothing else of it goes. */
export const ARTIFACT_MANIFEST = 'output/manifest.json';
const besideOurs = (path: string): string =>
  path === ARTIFACT_MANIFEST || path.startsWith(`${ARTIFACT_MANIFEST}/`)
    ? path.replace('output', `${REST}/artifacts`)
    : path;

/** Everything in the folder `logs` that can be stored, and what was left out and why. */
export function collectLogs(logs: string, limits: Limits = LIMITS): Collected {
  const walk = new Walk(limits);
  const root = openSafely(logs, 'folder');
  // The container can take the right to read from its own folder, and has nothing stored then.
  if (typeof root === 'string')
    return { files: [], skipped: [{ path: REST, reason: root === 'Missing' ? 'Unreadable' : root }] };
  withOpened(root, ({ fd }) => {
    walk.entries(fd, (name) => {
      const path = placeOf(fd, name) ?? `${REST}/${name}`;
      walk.entry({ folder: fd, name, source: join(logs, name), path, depth: 1 });
    });
  });
  return { files: walk.files, skipped: walk.skipped };
}

/** The place of one of our folders; undefined when something else lies under its name. */
function placeOf(root: number, name: string): string | undefined {
  if (!Object.hasOwn(PLACES, name)) return undefined;
  const stats = lookAt(below(root, name));
  return typeof stats !== 'string' && stats.isDirectory() ? PLACES[name] : undefined;
}

interface Entry {
  /** The open folder that holds it. */
  folder: number;
  name: string;
  source: string;
  path: string;
  depth: number;
}

/** What is wrong with the name; nothing behind it is looked at then. */
function oddityOf({ name, path }: Entry, { onePathBytes }: Limits): Skipped['reason'] | undefined {
  if (problemOfName(name) !== undefined || Buffer.byteLength(path) > onePathBytes) return 'Unreadable';
  return path === REST || isUnlisted(name) ? 'Reserved' : undefined;
}

class Walk {
  readonly files: FoundFile[] = [];
  readonly skipped: Skipped[] = [];
  readonly #limits: Limits;
  #bytes = 0;
  #pathBytes = 0;
  #seen = 0;
  #full = false;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Calls `visit` with each name in an open folder, a few at a time: there may be millions. */
  entries(folder: number, visit: (name: string) => void): void {
    const directory = opendirSync(`/proc/self/fd/${folder}`);
    try {
      for (let entry = directory.readSync(); entry && !this.#full; entry = directory.readSync())
        visit(entry.name);
    } finally {
      directory.closeSync();
    }
  }

  entry(entry: Entry): void {
    this.#seen += 1;
    if (this.#seen > MAX_ENTRIES || this.files.length >= this.#limits.files) {
      this.#full = true;
      return this.#skip(entry.path, 'TooMany');
    }
    const odd = oddityOf(entry, this.#limits);
    if (odd !== undefined) return this.#skip(entry.path, odd);
    const stats = lookAt(below(entry.folder, entry.name));
    if (typeof stats === 'string') return this.#skip(entry.path, 'Unreadable');
    const refused = refusalOf(stats);
    if (refused && refused !== 'Missing') return this.#skip(entry.path, refused);
    return stats.isDirectory() ? this.#folder(entry) : this.#file(entry);
  }

  #folder({ folder, name, source, path, depth }: Entry): void {
    if (depth >= this.#limits.depth) return this.#skip(path, 'TooDeep');
    const opened = openSafely(below(folder, name), 'folder');
    if (typeof opened === 'string') return this.#skip(path, opened === 'Missing' ? 'Changed' : opened);
    return withOpened(opened, ({ fd }) =>
      this.entries(fd, (child) =>
        this.entry({
          folder: fd,
          name: child,
          source: `${source}/${child}`,
          path: `${path}/${child}`,
          depth: depth + 1,
        }),
      ),
    );
  }

  #file({ folder, name, source, path }: Entry): void {
    const opened = openSafely(below(folder, name), 'file');
    if (typeof opened === 'string') return this.#skip(path, opened === 'Missing' ? 'Changed' : opened);
    return withOpened(opened, ({ stats: { dev, ino, size } }) => {
      if (size > this.#limits.fileBytes || this.#bytes + size > this.#limits.totalBytes)
        return this.#skip(path, 'TooLarge');
      const pathBytes = this.#pathBytes + Buffer.byteLength(path);
      if (pathBytes > this.#limits.pathBytes) return this.#skip(path, 'TooMany');
      this.#pathBytes = pathBytes;
      this.#bytes += size;
      this.files.push({ path: besideOurs(path), source, dev, ino, size });
      return undefined;
    });
  }

  #skip(path: string, reason: Skipped['reason']): void {
    const { onePathBytes } = this.#limits;
    if (this.skipped.length < MAX_SKIPPED) this.skipped.push({ path: path.slice(0, onePathBytes), reason });
    else if (this.skipped.length === MAX_SKIPPED) this.skipped.push({ path: 'and more', reason: 'TooMany' });
  }
}
