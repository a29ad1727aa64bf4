/** Folders to a Sandbox and from it, as tars. */
import { createReadStream } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { basename, posix } from 'node:path';
import { packTar } from 'modern-tar/fs';
import { UnsafeDownload } from '../errors.ts';
import type { Downloaded, DownloadOptions, FileOptions, TransferLimits, Transferred } from '../types.ts';
import { again, ask, bring, yielded, type FilesPlace } from './files.ts';
import { BadTar } from './tar-entries.ts';
import { Harmful, unpackTar } from './unpack.ts';

/** At a time, from a file: each turn is one of another thread's as well. */
const READ_BYTES = 256 * 1024;

const LIMITS = { maxBytes: 16 * 2 ** 30, maxEntries: 200_000 } satisfies TransferLimits;

const limitsOf = ({ maxBytes = LIMITS.maxBytes, maxEntries = LIMITS.maxEntries }: TransferLimits) => ({
  maxBytes,
  maxEntries,
});

/** Puts the contents of a folder of this machine over those of one there, which is made where it is missing; a file into a folder, under its own name. */
export async function upload(
  place: FilesPlace,
  { local, remote }: { local: string; remote: string },
  options: FileOptions & TransferLimits = {},
): Promise<Transferred> {
  const { signal, user } = options;
  const as = user === undefined ? {} : { user };
  const stats = await stat(local);
  const archive = () =>
    stats.isDirectory()
      ? packTar(local)
      : packTar([
          {
            type: 'stream',
            content: createReadStream(local, { highWaterMark: READ_BYTES }),
            size: stats.size,
            target: basename(local),
            mode: stats.mode & 0o777,
          },
        ]);
  return again(place, { what: `take ${local}`, signal }, async () => {
    await ask(place, { op: 'mkdir', path: remote, parents: true, ...as }, signal);
    const request = { op: 'untar' as const, path: remote, ...as, ...limitsOf(options) };
    const { entries, bytes } = await bring(place, { request, signal }, archive());
    return { entries: Number(entries), bytes: Number(bytes) };
  });
}

/** Puts a folder's contents, or a file under its own name, into a folder of this machine. */
export async function download(
  place: FilesPlace,
  { local, remote }: { local: string; remote: string },
  options: DownloadOptions = {},
): Promise<Downloaded> {
  const { signal, user } = options;
  const { sandbox } = place;
  const limits = limitsOf(options);
  const request = {
    op: 'tar' as const,
    path: posix.normalize(remote),
    ...(user !== undefined && { user }),
    ...limits,
  };
  await mkdir(local, { recursive: true });
  return again(place, { what: `hand out ${remote}`, signal }, async () => {
    try {
      return await unpackTar(yielded(place, request, signal), local, limits);
    } catch (error) {
      if (error instanceof Harmful || error instanceof BadTar)
        throw new UnsafeDownload(sandbox, error.message);
      throw error;
    }
  });
}
