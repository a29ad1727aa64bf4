/** The hash of a task that was unpacked by the courier. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf } from '../hash.ts';
import { sha256OfFile } from './digest.ts';
import { HASHED } from './walk.ts';

/**
 * The hash that `taskHash` gives for the folder of which this one was made, one file after the other. Here every file counts that a Trial can
 * be given: what `.harborignore` leaves out was left out when the task was packed, and must not come in again unhashed.
 */
export async function unpackedHash(folder: string): Promise<string> {
  const hashed = [];
  for (const path of await pathsIn(folder)) {
    const absolute = join(folder, path);
    hashed.push({ path, sha256: await sha256OfFile(absolute, (await stat(absolute)).size) });
  }
  return digestOf(hashed);
}

/** Files in bytewise order of their paths. */
async function pathsIn(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1))
    .filter((path) => HASHED.has(path.split('/', 1)[0] ?? ''))
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}
