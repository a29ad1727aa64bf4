/** Zip archives of strangers → files. */
import { chmod, mkdir, open, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
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

export interface UnpackOptions extends Partial<UnpackLimits> {
  /**
   * Where in the archive the context of a build is: `''` is all of it, `'environment/'` what lies below that. Links and permissions are kept
   * there, as `docker build` has them. Default: nowhere.
   */
  context?: string;
}

/**
 * Unpacks `archive`, its bytes or its path, into `folder`, which must be empty or new. Files get mode 0755 where the archive marks them as
 * executable, else 0644, folders 0755, whatever the umask and the folder's own mode; in a context they keep their permissions. Links are made
 * last, and none has an entry below it, so nothing is ever written through one; where they lead is not looked at. Throws ArchiveError, before
 * anything is written, for absolute paths, `..`, links outside the context, devices, paths that clash, encryption, and beyond the limits; and
 * while writing for contents that are not what the directory says. An archive on disk is never in memory as a whole, nor is any file of it.
 */
export async function unpack(
  archive: Uint8Array | string,
  folder: string,
  options: UnpackOptions = {},
): Promise<void> {
  await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).length > 0) throw new ArchiveError(`${folder} is not empty`);
  if (typeof archive !== 'string') return unpackFrom(inMemory(archive), folder, options);
  await using file = await open(archive);
  const { size } = await file.stat();
  const source: Source = {
    size,
    read: async (offset, length) => (await file.read(Buffer.alloc(length), 0, length, offset)).buffer,
    stream: (start, length) => file.createReadStream({ start, end: start + length - 1, autoClose: false }),
  };
  return await unpackFrom(source, folder, options);
}

/** An archive in memory. */
export function inMemory(bytes: Uint8Array): Source {
  const part = (offset: number, length: number) =>
    Buffer.from(bytes.buffer, bytes.byteOffset + offset, length);
  return {
    size: bytes.length,
    read: async (offset, length) => part(offset, length),
    stream: (offset, length) => Readable.from([part(offset, length)]),
  };
}

async function unpackFrom(source: Source, folder: string, options: UnpackOptions): Promise<void> {
  const limits = { ...LIMITS, ...options };
  const { context } = options;
  const inContext = (path: string): boolean => context !== undefined && path.startsWith(context);
  const entries = await readDirectory(source, inContext);
  if (entries.length > limits.files)
    throw new ArchiveError(`the archive has ${entries.length} entries; at most ${limits.files} are allowed`);
  const bytes = entries.reduce((sum, { size }) => sum + size, 0);
  if (bytes > limits.bytes)
    throw new ArchiveError(`the archive holds ${bytes} bytes; at most ${limits.bytes} are allowed`);
  const modeOf = (entry: Entry): number => permissions(entry, inContext(entry.path));
  const folders = foldersOf(entries, modeOf);
  for (const path of folders.keys()) await mkdir(join(folder, path), { recursive: true });
  const of = (kind: Entry['kind']): Entry[] => entries.filter((entry) => entry.kind === kind);
  for (const entry of of('file')) await writeFile(source, entry, { folder, mode: modeOf(entry) });
  for (const entry of of('link')) await symlink(await targetOf(source, entry), join(folder, entry.path));
  // From the inside out, for some may not be entered afterwards. What the folder around passes on, such as its group’s bit, goes away too.
  for (const [path, mode] of [...folders].toReversed()) await chmod(join(folder, path), mode);
}

/** Whoever unpacks must be able to read all of it. */
const READABLE = { file: 0o400, folder: 0o500, link: 0 };

function permissions({ kind, mode }: Entry, kept: boolean): number {
  if (kept && mode !== 0) return (mode & 0o777) | READABLE[kind];
  return kind === 'folder' || (mode & 0o100) !== 0 ? 0o755 : 0o644;
}

/** The mode of each folder, whether the archive names it or has something in it; outer ones first. */
function foldersOf(entries: readonly Entry[], modeOf: (entry: Entry) => number): Map<string, number> {
  const folders = new Map<string, number>();
  for (const { path } of entries)
    for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1))
      folders.set(path.slice(0, at), 0o755);
  for (const entry of entries) if (entry.kind === 'folder') folders.set(entry.path, modeOf(entry));
  const depth = (path: string): number => path.split('/').length;
  return new Map([...folders].toSorted(([a], [b]) => depth(a) - depth(b)));
}

/**
 * The file is opened before its contents are looked at: a stream that opens it by itself may be told to stop before it has, and then the file
 * is or is not there, and may yet come to be.
 */
async function writeFile(
  source: Source,
  entry: Entry,
  { folder, mode }: { folder: string; mode: number },
): Promise<void> {
  await using file = await open(join(folder, entry.path), 'wx');
  await readThrough(source, entry, (contents) => file.writeFile(contents));
  await file.chmod(mode);
}

async function targetOf(source: Source, entry: Entry): Promise<Buffer> {
  const chunks: Buffer[] = [];
  await readThrough(source, entry, async (contents) => {
    for await (const chunk of contents) chunks.push(chunk);
  });
  const target = Buffer.concat(chunks);
  if (target.includes(0)) throw damaged(entry);
  return target;
}

/** Hands an entry's contents on, unpacked and checked. */
async function readThrough(
  source: Source,
  entry: Entry,
  use: (contents: AsyncIterable<Buffer>) => Promise<void>,
): Promise<void> {
  const packed = await contentsOf(source, entry);
  const inflate = entry.method === 'deflated' ? [createInflateRaw()] : [];
  const last = (chunks: AsyncIterable<Buffer>) => use(checked(chunks, entry));
  try {
    await pipeline([packed, ...inflate, last]);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code?.startsWith('Z_') === true) throw damaged(entry, cause);
    throw cause;
  }
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
