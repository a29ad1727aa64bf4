import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import ignore from 'ignore';
import { digestOf, followed } from '../hash.ts';
import { textOfFile } from './text.ts';
import { readablePaths } from './walk.ts';
import type { FoundFile } from './walk.ts';

/** What Harbor leaves out of a package that has no `.gitignore`. */
const DEFAULT_IGNORES = ['__pycache__/', '*.pyc', '.DS_Store', '*.swp', '*.swo', '*~'];

/**
 * The digest under which Harbor publishes a task (`publisher/packager.py`): as `taskHash`, with README.md and trajectory.json among the
 * files, without what the task's `.gitignore` names. Unlike Harbor it never reads what a link out of the task leads to.
 */
export async function harborDigest(
  root: string,
  files: readonly (FoundFile & { sha256: string })[],
): Promise<string> {
  const text = await textOfFile(join(root, '.gitignore'));
  const left = ignore().add(text ?? DEFAULT_IGNORES);
  // A link to a file counts as a copy of it; one to anything else does not count.
  const plain = readablePaths({ files });
  const counted = followed(files).filter(
    ({ path, linked }) => plain.has(path) && !linked && !left.ignores(path),
  );
  return digestOf(counted);
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

export const sha256OfText = (text: string): string => createHash('sha256').update(text).digest('hex');
