/** Files come into being whole or not at all: written under another name on the same disk, then renamed. */
import { randomUUID } from 'node:crypto';
import { readdir, rename, rm, rmdir, stat, writeFile, mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';

/** Within the run's folder; Harbor's viewer takes only folders with a config.json or result.json for Trials. */
const PARTIAL = '.partial';
/** Another `sb` on another machine may be writing to the same folder; what is older was left by one that was killed. */
const LEFT_BEHIND_MS = 10 * 60_000;

/** Says who writes it: on this machine the dead are told from the living at once. */
const temporaryName = (): string => `${hostname()}.${process.pid}.${randomUUID()}`;

/** True for the file of a process of this machine that is gone. */
function isOrphan(name: string): boolean {
  const [, host, pid] = /^(.+)\.(\d+)\.[^.]+$/.exec(name) ?? [];
  return host === hostname() && !isAlive(Number(pid));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Calls `write` with the path of a new file, and moves what it wrote to `target`. */
export async function writeWhole(
  root: string,
  target: string,
  write: (path: string) => Promise<void>,
): Promise<void> {
  const folder = join(root, PARTIAL);
  const path = join(folder, temporaryName());
  await Promise.all([makeFolder(folder), makeFolder(dirname(target))]);
  try {
    await write(path);
    await rename(path, target);
  } catch (error) {
    await rm(path, { force: true }).catch(() => {});
    throw error;
  }
}

/** Writes a text that way. */
export const writeTextWhole = (root: string, target: string, text: string | Uint8Array): Promise<void> =>
  writeWhole(root, target, (path) => writeFile(path, text));

/** Removes what writers that were killed have left. */
export async function removeLeftovers(root: string, now: Date): Promise<void> {
  const folder = join(root, PARTIAL);
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    const age = await stat(path)
      .then(({ mtimeMs }) => now.getTime() - mtimeMs)
      .catch(() => 0);
    if (age > LEFT_BEHIND_MS || isOrphan(name)) await rm(path, { force: true });
  }
}

/** Removes the folder of unfinished files; one that somebody uses stays. */
export const removePartial = (root: string): Promise<void> => rmdir(join(root, PARTIAL)).catch(() => {});

/**
 * Makes a folder and those above it, as `mkdir -p`. Node's own recursive way never ends where a file system refuses a folder with ENOENT, as
 * /proc does.
 */
export async function makeFolder(path: string): Promise<void> {
  if (await made(path)) return;
  const above = dirname(path);
  if (above !== path) await makeFolder(above);
  // Whatever is missing now is not the folder above.
  await mkdir(path).catch(taken(path));
}

/** False where the folder above is missing. */
async function made(path: string): Promise<boolean> {
  try {
    await mkdir(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    await taken(path)(error as NodeJS.ErrnoException);
    return true;
  }
}

/** Passes an error on unless a folder is there already. */
const taken =
  (path: string) =>
  async (error: NodeJS.ErrnoException): Promise<void> => {
    const isFolder = await stat(path).then(
      (stats) => stats.isDirectory(),
      () => false,
    );
    if (!isFolder) throw error;
  };
