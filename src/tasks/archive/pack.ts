/** Tasks as zip archives that have the same bytes wherever they are made. */
import { createHash } from 'node:crypto';
import { readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Zip, ZipDeflate, ZipPassThrough } from 'fflate';
import { contextFiles, contextFolders } from '../hash.ts';
import { CONTEXT } from '../task.ts';
import type { Task, TaskFile } from '../task.ts';

const UNIX = 3;
const REGULAR = 0o100_000;
const FOLDER = 0o040_000;
const LINK = 0o120_000;

/** Zip of all of `task.files` and `task.folders`. Throws when a file is no longer what it was when the task was read. */
export const packTask = (task: Task): Promise<Uint8Array> => pack(task.dir, task);

/** Zip of a folder of the task, with paths relative to it: a build context. */
export const packContext = (task: Task, folder = CONTEXT): Promise<Uint8Array> =>
  pack(join(task.dir, folder), { files: contextFiles(task, folder), folders: contextFolders(task, folder) });

/** Zip of files by path, in that order. */
export function packTexts(files: Record<string, string>): Uint8Array {
  const { zip, bytes } = archive();
  for (const [path, text] of Object.entries(files))
    add(zip, { path, mode: REGULAR | 0o644 }, new TextEncoder().encode(text));
  return bytes();
}

/** An archive to add to, and its bytes once all is in it. */
function archive(): { zip: Zip; bytes: () => Uint8Array } {
  const chunks: Uint8Array[] = [];
  const zip = new Zip((error, chunk) => {
    if (error) throw error;
    chunks.push(chunk);
  });
  const bytes = (): Uint8Array => {
    zip.end();
    return Buffer.concat(chunks);
  };
  return { zip, bytes };
}

async function pack(root: string, { files, folders }: Pick<Task, 'files' | 'folders'>): Promise<Uint8Array> {
  const { zip, bytes } = archive();
  // Before what is in them, for Info-ZIP’s unzip gives no mode to a folder that is there already.
  for (const { path, mode = 0o755 } of folders)
    add(zip, { path: `${path}/`, mode: FOLDER | mode }, new Uint8Array());
  for (const file of files) add(zip, { ...file, mode: modeOf(file) }, await readUnchanged(root, file));
  return bytes();
}

function add(zip: Zip, { path, mode }: { path: string; mode: number }, contents: Uint8Array): void {
  const entry = path.endsWith('/') ? new ZipPassThrough(path) : new ZipDeflate(path, { level: 6 });
  // A zip has local time without a zone: the same wall clock everywhere, not the same instant.
  entry.mtime = new Date(1980, 0, 1);
  entry.os = UNIX;
  entry.attrs = (mode << 16) >>> 0;
  zip.add(entry);
  entry.push(contents, true);
}

const modeOf = ({ link, mode, executable }: TaskFile): number =>
  link === undefined ? REGULAR | (mode ?? (executable ? 0o755 : 0o644)) : LINK | 0o777;

async function readUnchanged(root: string, file: TaskFile): Promise<Uint8Array> {
  const path = join(root, file.path);
  const contents =
    file.link === undefined ? await readFile(path) : await readlink(path, { encoding: 'buffer' });
  if (createHash('sha256').update(contents).digest('hex') !== file.sha256)
    throw new Error(`${path}: changed while the task was being packed; try again`);
  return contents;
}
