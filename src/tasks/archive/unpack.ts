/** Zip archives of strangers → files. */
import { createWriteStream } from 'node:fs';
import { chmod, mkdir, open, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { crc32, createInflateRaw } from 'node:zlib';
import { ArchiveError, readDirectory } from './directory.ts';
import type { Entry, Source } from './directory.ts';

/** Bounds of what an archive may become. */
export interface UnpackLimits {
  /** Entries, folders among them. */
  files: number;
  /** Bytes of all files together. */
  bytes: number;
}

const LIMITS: UnpackLimits = { files: 65_535, bytes: 4 * 2 ** 30 };

/**
 * Unpacks `archive`, its bytes or its path, into `folder`, which must be empty or new. Files get mode 0755 where the archive marks them as
 * executable, else 0644, whatever the umask. Throws ArchiveError, before anything is written, for absolute paths, `..`, links, devices, paths
 * that clash, encryption, and beyond the limits; and while writing for contents that are not what the directory says. An archive on disk is
 * never in memory as a whole, nor is any file of it.
 */
export async function unpack(
  archive: Uint8Array | string,
  folder: string,
  limits: Partial<UnpackLimits> = {},
): Promise<void> {
  await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).length > 0) throw new ArchiveError(`${folder} is not empty`);
  const bounds = { ...LIMITS, ...limits };
  if (typeof archive !== 'string') return unpackFrom(inMemory(archive), folder, bounds);
  await using file = await open(archive);
  const { size } = await file.stat();
  const source: Source = {
    size,
    read: async (offset, length) => (await file.read(Buffer.alloc(length), 0, length, offset)).buffer,
    stream: (start, length) => file.createReadStream({ start, end: start + length - 1, autoClose: false }),
  };
  return await unpackFrom(source, folder, bounds);
}

function inMemory(bytes: Uint8Array): Source {
  const part = (offset: number, length: number) =>
    Buffer.from(bytes.buffer, bytes.byteOffset + offset, length);
  return {
    size: bytes.length,
    read: async (offset, length) => part(offset, length),
    stream: (offset, length) => Readable.from([part(offset, length)]),
  };
}

async function unpackFrom(source: Source, folder: string, limits: UnpackLimits): Promise<void> {
  const entries = await readDirectory(source);
  if (entries.length > limits.files)
    throw new ArchiveError(`the archive has ${entries.length} entries; at most ${limits.files} are allowed`);
  const bytes = entries.reduce((sum, { size }) => sum + size, 0);
  if (bytes > limits.bytes)
    throw new ArchiveError(`the archive holds ${bytes} bytes; at most ${limits.bytes} are allowed`);
  for (const entry of entries) await write(source, entry, folder);
}

async function write(source: Source, entry: Entry, folder: string): Promise<void> {
  const target = join(folder, entry.path);
  await mkdir(entry.kind === 'folder' ? target : dirname(target), { recursive: true });
  if (entry.kind === 'folder') return;
  const packed = await contentsOf(source, entry);
  const inflate = entry.method === 'deflated' ? [createInflateRaw()] : [];
  const check = (chunks: AsyncIterable<Buffer>) => checked(chunks, entry);
  try {
    await pipeline([packed, ...inflate, check, createWriteStream(target, { flags: 'wx' })]);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code?.startsWith('Z_') === true) throw damaged(entry, cause);
    throw cause;
  }
  await chmod(target, entry.executable ? 0o755 : 0o644);
}

const damaged = (entry: Entry, cause?: unknown): ArchiveError =>
  new ArchiveError(`${JSON.stringify(entry.path)} is damaged`, { cause });

const LOCAL = { signature: 0x04034b50, length: 30 };

/** The bytes between an entry's local header and the next thing in the archive. */
async function contentsOf(source: Source, entry: Entry): Promise<Readable> {
  if (entry.offset + LOCAL.length > source.size) throw damaged(entry);
  const header = await source.read(entry.offset, LOCAL.length);
  if (header.readUInt32LE(0) !== LOCAL.signature) throw damaged(entry);
  const start = entry.offset + LOCAL.length + header.readUInt16LE(26) + header.readUInt16LE(28);
  if (start + entry.compressed > source.size) throw damaged(entry);
  return entry.compressed === 0 ? Readable.from([]) : source.stream(start, entry.compressed);
}

/** Stops at the size that the directory promised, so that a bomb stays small. */
async function* checked(chunks: AsyncIterable<Buffer>, entry: Entry): AsyncGenerator<Buffer> {
  let size = 0;
  let crc = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > entry.size) throw damaged(entry);
    crc = crc32(chunk, crc);
    yield chunk;
  }
  if (size !== entry.size || crc !== entry.crc) throw damaged(entry);
}
