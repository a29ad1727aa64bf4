/** The hash of a task that was unpacked by the courier. */
import { createHash } from 'node:crypto';
import { lstat, readdir, readlink, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf } from '../hash.ts';
import { sha256OfFile } from './digest.ts';
import { HASHED } from './walk.ts';

/**
 * The hash that `taskHash` gives for the folder of which this one was made, one file after the other. Here every file counts that a Trial can
 * be given: what `.harborignore` leaves out was left out when the task was packed, and must not come in again unhashed. A link counts as a copy
 * of the file of the task that it leads to, else by where it leads; nothing outside of the folder is read for it.
 */
export async function unpackedHash(folder: string): Promise<string> {
  const root = await realpath(folder);
  const found = await entriesIn(root);
  const plain = new Map<string, string>();
  for (const { path, link } of found) {
    const absolute = join(root, path);
    if (!link) plain.set(absolute, await sha256OfFile(absolute, (await stat(absolute)).size));
  }
  const hashed = [];
  for (const { path } of found) {
    const absolute = join(root, path);
    hashed.push({ path, sha256: plain.get(absolute) ?? (await sha256OfLink(absolute, plain)) });
  }
  return digestOf(hashed);
}

interface Found {
  path: string;
  link: boolean;
}

/** Files and links in bytewise order of their paths. */
async function entriesIn(root: string): Promise<Found[]> {
  const found: Found[] = [];
  const names = await readdir(root);
  const open = names.filter((name) => HASHED.has(name));
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const stats = await lstat(join(root, path));
    if (stats.isDirectory()) for (const name of await readdir(join(root, path))) open.push(`${path}/${name}`);
    else found.push({ path, link: stats.isSymbolicLink() });
  }
  return found.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
}

async function sha256OfLink(path: string, plain: ReadonlyMap<string, string>): Promise<string> {
  const target = await realpath(path).catch(() => '');
  const copied = plain.get(target);
  if (copied !== undefined) return copied;
  return createHash('sha256')
    .update(await readlink(path, { encoding: 'buffer' }))
    .digest('hex');
}
