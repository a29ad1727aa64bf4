import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

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
