/** The hash of a task that was unpacked by the courier. */
import { createHash } from 'node:crypto';
import { lstat, readdir, readlink, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf, followed } from '../hash.ts';
import { HASHED } from '../task.ts';
import { sha256OfFile } from './sha256.ts';
import { filesBehindLinks } from './links.ts';

/**
 * The hash that `taskHash` gives for the folder of which this one was made, one file after the other. Here every file counts that a Trial can
 * be given: what `.harborignore` leaves out was left out when the task was packed, and must not come in again unhashed. A link counts as a copy
 * of the file of the task that it leads to, else by where it leads; nothing outside of the folder is read for it.
 */
export async function unpackedHash(folder: string): Promise<string> {
  const root = await realpath(folder);
  const { files, folders } = await entriesIn(root);
  const behind = filesBehindLinks(files, folders);
  const hashed = [];
  for (const { path, link } of files) {
    const leadsTo = behind.get(path);
    hashed.push({
      path,
      sha256: await sha256Of(root, path, link),
      ...(link !== undefined && { link }),
      ...(leadsTo !== undefined && { leadsTo }),
    });
  }
  return digestOf(followed(hashed));
}

interface Entries {
  /** Files and links in bytewise order of their paths. */
  files: { path: string; link?: string }[];
  folders: { path: string }[];
}

async function entriesIn(root: string): Promise<Entries> {
  const found: Entries = { files: [], folders: [] };
  const names = await readdir(root);
  const open = names.filter((name) => HASHED.has(name));
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const stats = await lstat(join(root, path));
    if (stats.isDirectory()) {
      found.folders.push({ path });
      for (const name of await readdir(join(root, path))) open.push(`${path}/${name}`);
    } else
      found.files.push({ path, ...(stats.isSymbolicLink() && { link: await readlink(join(root, path)) }) });
  }
  found.files.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  return found;
}

async function sha256Of(root: string, path: string, link: string | undefined): Promise<string> {
  const absolute = join(root, path);
  if (link === undefined) return sha256OfFile(absolute, (await stat(absolute)).size);
  return createHash('sha256')
    .update(await readlink(absolute, { encoding: 'buffer' }))
    .digest('hex');
}
