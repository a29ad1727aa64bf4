/** Walks folders that a hostile container wrote: see safe-open.ts. */
import { opendirSync, readlinkSync } from 'node:fs';
import type { Skipped, StoredLink } from '../../wire/uploads.ts';
import { isUnlisted, problemOfName } from '../../wire/upload-paths.ts';
import { below, lookAt, openSafely, refusalOf, withOpened } from './safe-open.ts';

/** A regular file. */
export interface FoundFile {
  /** Where it goes: under the Trial's prefix, or below what was walked. */
  path: string;
  /** Path here. */
  source: string;
  /** Which file it was when it was found. */
  dev: number;
  ino: number;
  /** Bytes. */
  size: number;
  /** Somebody may execute it. */
  executable: boolean;
}

export interface Limits {
  fileBytes: number;
  totalBytes: number;
  files: number;
  /** Bytes of all paths together, and of what links lead to: the manifest holds them, and the courier's memory. */
  pathBytes: number;
  /** Bytes of one path: with the Trial's own prefix before it, a key may have 1,024. */
  onePathBytes: number;
  /** Folders within folders. */
  depth: number;
  /** Looked at, stored or not: empty folders and links are no files, but take their time. */
  entries: number;
}

export const MAX_SKIPPED = 1000;

interface WalkOptions {
  /** A path that is kept for others. */
  reserved?: string;
  /** Folders and links are wanted, too. */
  whole?: boolean;
  /** Only those folders and links that no file tells of are wanted, too: folders without anything in them, and links, which are skipped nevertheless. */
  layout?: boolean;
  /** What is passed over, with all below it. */
  without?: (path: string) => boolean;
}

/** What is to be walked. */
export interface Entry {
  /** The open folder that holds it. */
  folder: number;
  name: string;
  source: string;
  path: string;
  depth: number;
}

export class Walk {
  readonly files: FoundFile[] = [];
  readonly skipped: Skipped[] = [];
  /** Only of a whole walk, or of the layout: folders before what is in them, and links. */
  readonly folders: string[] = [];
  readonly links: StoredLink[] = [];
  readonly #limits: Limits;
  readonly #options: WalkOptions;
  #bytes = 0;
  #pathBytes = 0;
  #seen = 0;
  #full = false;

  constructor(limits: Limits, options: WalkOptions = {}) {
    this.#limits = limits;
    this.#options = options;
  }

  /** What the walk has left of its limits, for others. */
  get left(): Limits {
    const limits = this.#limits;
    return {
      ...limits,
      files: limits.files - this.files.length,
      totalBytes: limits.totalBytes - this.#bytes,
      pathBytes: limits.pathBytes - this.#pathBytes,
      entries: limits.entries - this.#seen,
    };
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
    if (this.#options.without?.(entry.path)) return undefined;
    this.#seen += 1;
    if (this.#seen > this.#limits.entries || this.files.length >= this.#limits.files) {
      this.#full = true;
      return this.#skip(entry.path, 'TooMany');
    }
    const odd = this.#oddityOf(entry);
    return odd === undefined ? this.#look(entry) : this.#skip(entry.path, odd);
  }

  #look(entry: Entry): void {
    const stats = lookAt(below(entry.folder, entry.name));
    if (typeof stats === 'string') return this.#skip(entry.path, 'Unreadable');
    const refused = refusalOf(stats);
    if (refused === 'Symlink' && (this.#options.whole || this.#options.layout)) return this.#link(entry);
    if (refused && refused !== 'Missing') return this.#skip(entry.path, refused);
    return stats.isDirectory() ? this.#folder(entry) : this.#file(entry);
  }

  /** What is wrong with the name; nothing behind it is looked at then. */
  #oddityOf({ name, path }: Entry): Skipped['reason'] | undefined {
    const isLong = Buffer.byteLength(path) > this.#limits.onePathBytes;
    if (problemOfName(name) !== undefined || isLong) return 'Unreadable';
    return path === this.#options.reserved || isUnlisted(name) ? 'Reserved' : undefined;
  }

  #link({ folder, name, path }: Entry): void {
    try {
      const target = readlinkSync(below(folder, name));
      if (this.#options.layout && problemOfName(target) !== undefined) return this.#skip(path, 'Unreadable');
      if (this.#keeps(path, target)) this.links.push({ path, target });
    } catch {
      this.#skip(path, 'Changed');
    }
  }

  /** Counts what is held of an entry. False, and skipped, where that is too much. */
  #keeps(path: string, target = ''): boolean {
    const pathBytes = this.#pathBytes + Buffer.byteLength(path) + Buffer.byteLength(target);
    if (pathBytes <= this.#limits.pathBytes) {
      this.#pathBytes = pathBytes;
      return true;
    }
    this.#skip(path, 'TooMany');
    return false;
  }

  #folder({ folder, name, source, path, depth }: Entry): void {
    if (depth >= this.#limits.depth) return this.#skip(path, 'TooDeep');
    const opened = openSafely(below(folder, name), 'folder');
    if (typeof opened === 'string') return this.#skip(path, opened === 'Missing' ? 'Changed' : opened);
    return withOpened(opened, ({ fd }) => {
      if (this.#options.whole) {
        if (!this.#keeps(path)) return;
        this.folders.push(path);
      }
      const before = this.#found;
      this.entries(fd, (child) =>
        this.entry({
          folder: fd,
          name: child,
          source: `${source}/${child}`,
          path: `${path}/${child}`,
          depth: depth + 1,
        }),
      );
      if (this.#options.layout && this.#found === before && this.#keeps(path)) this.folders.push(path);
    });
  }

  get #found(): number {
    return this.files.length + this.folders.length + this.links.length;
  }

  #file({ folder, name, source, path }: Entry): void {
    const opened = openSafely(below(folder, name), 'file');
    if (typeof opened === 'string') return this.#skip(path, opened === 'Missing' ? 'Changed' : opened);
    return withOpened(opened, ({ stats: { dev, ino, size, mode } }) => {
      if (size > this.#limits.fileBytes || this.#bytes + size > this.#limits.totalBytes)
        return this.#skip(path, 'TooLarge');
      if (!this.#keeps(path)) return undefined;
      this.#bytes += size;
      this.files.push({ path, source, dev, ino, size, executable: (mode & 0o111) !== 0 });
      return undefined;
    });
  }

  #skip(path: string, reason: Skipped['reason']): void {
    const { onePathBytes } = this.#limits;
    if (this.skipped.length < MAX_SKIPPED) this.skipped.push({ path: path.slice(0, onePathBytes), reason });
    else if (this.skipped.length === MAX_SKIPPED) this.skipped.push({ path: 'and more', reason: 'TooMany' });
  }
}
