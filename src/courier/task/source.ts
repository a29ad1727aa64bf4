/** Brings the task's files into the courier's private folder. */
import { chmod, mkdir, open, readdir, readFile, stat, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sha256 } from '../../crds/names.ts';
import { unflattened } from '../../tasks/flattened.ts';
import { download } from '../broker/http.ts';
import type { StorageAgents } from '../broker/http.ts';
import { expiredFewTimes, patiently } from '../broker/retry.ts';
import type { Patience } from '../broker/retry.ts';

/**
 * Copies the files of a mounted ConfigMap to `folder`. The mount's keys are links into a folder that begins with two dots, where the
 * kubelet swaps versions; scripts become executable, because a ConfigMap keeps no modes. Resolves the SHA-256 in hex of what was copied of each
 * key. Throws for a key that is no path.
 */
export async function copyConfigMap(mount: string, folder: string): Promise<Record<string, string>> {
  const keys = (await readdir(mount)).filter((key) => !key.startsWith('..'));
  const hashes: [string, string][] = [];
  await mkdir(folder, { recursive: true });
  for (const key of keys) {
    if (!(await stat(join(mount, key))).isFile()) continue;
    const path = unflattened(key);
    if (path === undefined)
      throw new Error(`the key ${JSON.stringify(key)} is no path; \`__\` stands for \`/\``);
    const target = join(folder, path);
    await mkdir(dirname(target), { recursive: true });
    const contents = await readFile(join(mount, key));
    await writeFile(target, contents);
    hashes.push([key, sha256(contents)]);
    await chmod(target, contents.subarray(0, 2).toString() === '#!' || path.endsWith('.sh') ? 0o755 : 0o644);
    // The group's bit of a volume's folder is passed on to those in it, and would end up in an image.
    for (let above = dirname(path); above !== '.'; above = dirname(above))
      await chmod(join(folder, above), 0o755);
  }
  return Object.fromEntries(hashes);
}

export interface ArchiveOptions {
  path: string;
  url: () => Promise<string>;
  storage: StorageAgents;
  patience: Patience;
}

/**
 * Downloads an archive to `path`, a file that is gone before `use` runs; `use` gets another path to it, and its SHA-256 in hex. Every try asks
 * `url` for a fresh URL. Throws HttpFailure, or what `use` throws.
 */
export async function withArchive<T>(
  { path, url, storage, patience }: ArchiveOptions,
  use: (path: string, sha256: string) => Promise<T>,
): Promise<T> {
  const fetch = async (): Promise<string> => download(await url(), path, { agents: storage });
  const hash = await patiently('download', fetch, { ...patience, mayPass: expiredFewTimes() });
  await using archive = await open(path);
  await unlink(path);
  // Without a name in it, the folder around the file can be the one to unpack into.
  return await use(`/proc/self/fd/${archive.fd}`, hash);
}
