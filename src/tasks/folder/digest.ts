import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import ignore from 'ignore';
import { digestOf } from '../hash.ts';

/** What Harbor leaves out of a package that has no `.gitignore`. */
const DEFAULT_IGNORES = ['__pycache__/', '*.pyc', '.DS_Store', '*.swp', '*.swo', '*~'];

/**
 * The digest under which Harbor publishes a task (`publisher/packager.py`): as `taskHash`, with README.md and trajectory.json among the
 * files, without what the task's `.gitignore` names.
 */
export async function harborDigest(
  root: string,
  files: readonly { path: string; sha256: string; linked: boolean }[],
): Promise<string> {
  const text = await readFile(join(root, '.gitignore'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  const left = ignore().add(text ?? DEFAULT_IGNORES);
  return digestOf(files.filter(({ path, linked }) => !linked && !left.ignores(path)));
}

/** Up to here a file is read whole, which is several times faster than a stream. */
const SMALL = 2 ** 20;

/** SHA-256, in hex, of the contents of a file of about `size` bytes. */
export async function sha256OfFile(path: string, size: number): Promise<string> {
  if (size <= SMALL)
    return createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
