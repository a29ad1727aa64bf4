/** Contents of files that somebody else may still be writing. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { Scrubber } from '../record/scrub.ts';
import type { FoundFile } from './walk.ts';

/** The file is no longer what it was when it was found. */
export class FileChanged extends Error {
  override readonly name = 'FileChanged';
}

const AS_IT_IS: Scrubs = { chunks: (bytes) => bytes };

const SMALL_BYTES = 256 * 1024;
const CHUNK_BYTES = 64 * 1024;
/** A connection that is silent for so long has failed anyway. */
const HALT_MS = 60_000;
const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

async function reopen({ source, dev, ino, size }: FoundFile): Promise<FileHandle> {
  const file = await open(source, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch((error: unknown) => {
    throw new FileChanged(`${source} cannot be opened any more`, { cause: error });
  });
  // A folder on the way may be a link by now, and behind it a file that has got the number of one that was removed.
  const [now, path] = await Promise.all([file.stat(), readlink(`/proc/self/fd/${file.fd}`)]);
  if (now.isFile() && now.dev === dev && now.ino === ino && now.size === size && path === source) return file;
  await file.close();
  throw new FileChanged(`${source} is another file now`);
}

async function* chunksOf(file: FileHandle, size: number): AsyncGenerator<Buffer> {
  for (let position = 0; position < size;) {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size - position));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) throw new FileChanged('the file has become shorter');
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** What is taken out of contents. */
export type Scrubs = Pick<Scrubber, 'chunks'>;

/** SHA-256 in hex of what is left without secrets, and whether there were any. Throws FileChanged. */
export async function sha256Of(
  found: FoundFile,
  scrub: Scrubs = AS_IT_IS,
): Promise<{ sha256: string; scrubbed: boolean }> {
  await using file = await reopen(found);
  const hash = createHash('sha256');
  let scrubbed = false;
  const chunks = scrub.chunks(chunksOf(file, found.size), () => (scrubbed = true));
  for await (const chunk of chunks) hash.update(chunk);
  return { sha256: hash.digest('hex'), scrubbed };
}

async function* unlessHalted(chunks: AsyncIterable<Buffer>, clock: () => number): AsyncGenerator<Buffer> {
  let last = clock();
  for await (const chunk of chunks) {
    if (clock() - last > HALT_MS) throw new Error('the courier was halted in the middle of a file');
    last = clock();
    yield chunk;
  }
}

/**
 * The contents as a request's body. Throws FileChanged, or its stream does. The stream also fails where more than a minute lies between two chunks:
 * a node that was lost goes on in the middle of a body, and another attempt may have stored the file since. `clock`: milliseconds since any moment.
 * `scrub`: missing where nothing is to be taken out.
 */
export async function bodyOf(
  found: FoundFile,
  clock: () => number,
  scrub: Scrubs = AS_IT_IS,
): Promise<Buffer | Readable> {
  const file = await reopen(found);
  const chunks = scrub.chunks(chunksOf(file, found.size));
  const close = (): void => void file.close().catch(() => {});
  if (found.size > SMALL_BYTES)
    // Nothing is read before it is wanted: what waits here would be sent however late it is.
    return Readable.from(unlessHalted(chunks, clock), {
      objectMode: false,
      highWaterMark: 0,
    }).once('close', close);
  try {
    return Buffer.concat(await Array.fromAsync(chunks));
  } finally {
    close();
  }
}
