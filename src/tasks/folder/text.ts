import { readFile, stat } from 'node:fs/promises';

/** Text of a file; undefined where there is none, or something else: a FIFO in its place would be waited for without end. */
export async function textOfFile(path: string): Promise<string | undefined> {
  const stats = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return stats?.isFile() === true ? await readFile(path, 'utf8') : undefined;
}
