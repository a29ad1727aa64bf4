/**
 * Unpacks what came from a Sandbox, which is hostile to this machine: nothing is written outside the folder or through a link, no link leads out of
 * it, nothing but files, folders and links comes to be, and there are limits of count, size and depth.
 */
import { lstat, mkdir, open, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Downloaded } from '../types.ts';
import { tarEntries, type TarEntry } from './tar-entries.ts';

export interface UnpackLimits {
  maxBytes: number;
  maxEntries: number;
}

const DEPTH_MAX = 128;
const NAME_BYTES_MAX = 255;
const PATH_BYTES_MAX = 3072;
const SKIPPED_MAX = 1000;

/** The archive would do harm, or is too much. */
export class Harmful extends Error {
  override readonly name = 'Harmful';
}

/** Into a folder, which is made where it is missing. Rejects with Harmful or BadTar; what was written before stays. */
export async function unpackTar(
  archive: AsyncIterable<Uint8Array>,
  folder: string,
  limits: UnpackLimits,
): Promise<Downloaded> {
  const unpacking = new Unpacking(folder, limits);
  await mkdir(folder, { recursive: true });
  for await (const entry of tarEntries(archive)) await unpacking.take(entry);
  await unpacking.link();
  return unpacking.result;
}

class Unpacking {
  readonly #folder: string;
  readonly #limits: UnpackLimits;
  /** Folders that are known to be some. */
  readonly #folders = new Set(['']);
  /** Files and links, by path. */
  readonly #links = new Map<string, string>();
  readonly result: Downloaded = { entries: 0, bytes: 0, skipped: [] };

  constructor(folder: string, limits: UnpackLimits) {
    this.#folder = folder;
    this.#limits = limits;
  }

  async take(entry: TarEntry): Promise<void> {
    const path = pathOf(entry.name);
    this.result.entries += 1;
    if (this.result.entries > this.#limits.maxEntries)
      throw new Harmful(`there are more than ${this.#limits.maxEntries} entries`);
    // The folder itself.
    if (path === '') return;
    if (entry.kind === 'folder') return this.#makeFolder(path);
    if (entry.kind === 'file') return this.#write(path, entry);
    if (entry.kind === 'link') return this.#remember(path, entry.target);
    this.#skip(path, 'it is no file, folder or symbolic link');
  }

  /** Links are made last, so that nothing is ever written through one. */
  async link(): Promise<void> {
    for (const [path, target] of this.#links) {
      await this.#makeRoom(path);
      await symlink(target, join(this.#folder, path));
    }
  }

  #remember(path: string, target: string): void {
    const why = faultOf(path, target);
    if (why === undefined) this.#links.set(path, target);
    else this.#skip(path, why);
  }

  async #write(path: string, { size, mode, contents }: TarEntry): Promise<void> {
    this.result.bytes += size;
    if (this.result.bytes > this.#limits.maxBytes)
      throw new Harmful(`there are more than ${this.#limits.maxBytes} bytes`);
    await this.#makeRoom(path);
    this.#links.delete(path);
    await using file = await open(join(this.#folder, path), 'wx', 0o600);
    await file.writeFile(contents);
    await file.chmod((mode & 0o755) | 0o600);
  }

  /** Takes away what lies there: a link is removed, not followed. Throws where that is a folder. */
  async #makeRoom(path: string): Promise<void> {
    await this.#makeFolder(dirname(path) === '.' ? '' : dirname(path));
    if (this.#folders.has(path)) throw new Harmful(`${JSON.stringify(path)} is a folder and a file`);
    await rm(join(this.#folder, path), { force: true });
  }

  /** Every part of the way has to be a folder in fact. */
  async #makeFolder(path: string): Promise<void> {
    if (this.#folders.has(path)) return;
    const parent = dirname(path) === '.' ? '' : dirname(path);
    await this.#makeFolder(parent);
    if (this.#links.has(path)) throw new Harmful(`${JSON.stringify(path)} is a link and a folder`);
    const here = join(this.#folder, path);
    await mkdir(here).catch(async (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (!(await lstat(here)).isDirectory())
        throw new Harmful(`${JSON.stringify(path)} is there already, and is no folder`);
    });
    this.#folders.add(path);
  }

  #skip(path: string, why: string): void {
    if (this.result.skipped.length < SKIPPED_MAX) this.result.skipped.push({ path, why });
  }
}

/** A path below the folder, without `.`; empty for the folder itself. Throws Harmful for one that leads elsewhere. */
function pathOf(name: string): string {
  const parts = name.split('/').filter((part) => part !== '.' && part !== '');
  const shown = JSON.stringify(name.slice(0, 200));
  if (name.startsWith('/')) throw new Harmful(`the name ${shown} is absolute`);
  if (parts.includes('..')) throw new Harmful(`the name ${shown} leads out of the folder`);
  if (name.includes('\0') || name.includes('\\')) throw new Harmful(`the name ${shown} is none`);
  if (parts.length > DEPTH_MAX) throw new Harmful(`the name ${shown} is more than ${DEPTH_MAX} folders deep`);
  const isLong = (text: string, max: number): boolean => Buffer.byteLength(text) > max;
  if (isLong(name, PATH_BYTES_MAX) || parts.some((part) => isLong(part, NAME_BYTES_MAX)))
    throw new Harmful(`the name ${shown} is too long`);
  return parts.join('/');
}

/**
 * Why a link is not made; undefined where it leads nowhere but into the folder. `..` counts only at the beginning of a target: behind a name it
 * would go up from wherever that name leads.
 */
function faultOf(path: string, target: string): string | undefined {
  if (target === '' || target.includes('\0') || Buffer.byteLength(target) > PATH_BYTES_MAX)
    return 'it leads nowhere';
  if (target.startsWith('/')) return `it leads to ${target}, out of the folder`;
  const parts = target.split('/').filter((part) => part !== '.' && part !== '');
  const up = parts.findIndex((part) => part !== '..');
  const ups = up < 0 ? parts.length : up;
  const depth = path.split('/').length - 1;
  if (ups > depth || parts.slice(ups).includes('..')) return `it leads to ${target}, out of the folder`;
  return undefined;
}
