/** Tasks as zip archives that have the same bytes wherever they are made. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Zip, ZipDeflate } from 'fflate';
import { contextFiles } from '../hash.ts';
import type { Task, TaskFile } from '../task.ts';

const UNIX = 3;
const REGULAR = 0o100_000;

/** Zip of all of `task.files`. Throws when a file is no longer what it was when the task was read. */
export const packTask = (task: Task): Promise<Uint8Array> => pack(task.dir, task.files);

/** Zip of `environment/`, with paths relative to it: the build context. */
export const packContext = (task: Task): Promise<Uint8Array> =>
  pack(join(task.dir, 'environment'), contextFiles(task));

async function pack(root: string, files: readonly TaskFile[]): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const zip = new Zip((error, chunk) => {
    if (error) throw error;
    chunks.push(chunk);
  });
  for (const file of files) {
    const entry = new ZipDeflate(file.path, { level: 6 });
    // A zip has local time without a zone: the same wall clock everywhere, not the same instant.
    entry.mtime = new Date(1980, 0, 1);
    entry.os = UNIX;
    entry.attrs = ((REGULAR | (file.executable ? 0o755 : 0o644)) << 16) >>> 0;
    zip.add(entry);
    entry.push(await readUnchanged(root, file), true);
  }
  zip.end();
  return Buffer.concat(chunks);
}

async function readUnchanged(root: string, file: TaskFile): Promise<Uint8Array> {
  const contents = await readFile(join(root, file.path));
  if (createHash('sha256').update(contents).digest('hex') !== file.sha256)
    throw new Error(`${join(root, file.path)}: changed while the task was being packed; try again`);
  return contents;
}
