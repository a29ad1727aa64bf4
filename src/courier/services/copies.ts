/** Puts files of the task where a service expects them: what Compose would mount. Each container has its own. */
import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { posix } from 'node:path';
import { packTar } from 'modern-tar/fs';
import { isWithin } from '../../wire/pod-paths.ts';
import { AttemptFailure } from '../failure.ts';
import type { Brought, Hand } from '../hand/hand.ts';
import { Refused } from '../../hand/stream.ts';
import { tarOf } from '../results/tar.ts';
import type { Copied, Service } from './service.ts';

/** `folder`: the task's. Throws TaskInvalid where a file is not there, or its place cannot be made. */
export async function placeCopies(
  { name, copies }: Pick<Service, 'name' | 'copies'>,
  hand: Pick<Hand, 'bring'>,
  folder: string,
): Promise<void> {
  for (const copy of copies)
    try {
      await hand.bring(await broughtOf(copy, folder));
    } catch (error) {
      if (!(error instanceof Refused) && !isMissing(error)) throw error;
      const why = isMissing(error) ? 'the task has no such file' : (error as Error).message;
      throw new AttemptFailure(
        'TaskInvalid',
        `service ${name}: ${posix.relative(folder, copy.from)} cannot be put to ${copy.to}: ${why}`,
        { cause: error },
      );
    }
}

async function broughtOf({ from, to }: Copied, folder: string): Promise<Brought> {
  // A link of the task may lead to what is the courier's alone.
  const path = await realpath(from);
  if (!isWithin(path, await realpath(folder))) throw missing(from);
  const stats = await stat(path);
  const mode = stats.mode & 0o777;
  if (stats.isDirectory()) return { kind: 'folder', to, owner: 0, archive: () => packTar(path) };
  if (!stats.isFile()) throw missing(from);
  const entry = {
    name: posix.basename(to),
    kind: 'file' as const,
    mode,
    size: stats.size,
    contents: async () => createReadStream(path),
  };
  return { kind: 'file', to, owner: 0, archive: () => tarOf([entry]) };
}

const missing = (path: string): NodeJS.ErrnoException =>
  Object.assign(new Error(`${path} is no file or folder of the task`), { code: 'ENOENT' });

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';
