/** The central directory of a zip archive: what is in it, before anything is written. */

import type { Readable } from 'node:stream';

/** Bytes of an archive, in memory or on disk. */
export interface Source {
  size: number;
  read(offset: number, length: number): Promise<Buffer>;
  /** At least one byte. */
  stream(offset: number, length: number): Readable;
}

export interface Entry {
  /** POSIX path, without the closing slash of a folder. */
  path: string;
  kind: 'file' | 'folder';
  executable: boolean;
  compressed: number;
  size: number;
  crc: number;
  method: 'stored' | 'deflated';
  /** Offset of the local header. */
  offset: number;
}

/** An archive that is damaged, or that would write where it must not. */
export class ArchiveError extends Error {
  override readonly name = 'ArchiveError';
}

const END = { signature: 0x06054b50, length: 22, maxComment: 0xffff };
const CENTRAL = { signature: 0x02014b50, length: 46 };
const UNIX = 3;
const ENCRYPTED = 1;

/** Reads all entries and refuses the archive when one of them is unsafe or of a kind that a task's archive never has. */
export async function readDirectory(source: Source): Promise<Entry[]> {
  const end = await readEnd(source);
  const [count, length, offset] = [end.readUInt16LE(10), end.readUInt32LE(12), end.readUInt32LE(16)];
  if (offset + length > source.size) throw new ArchiveError('the archive is cut off or of the Zip64 kind');
  const directory = await source.read(offset, length);
  const entries: Entry[] = [];
  let at = 0;
  for (let index = 0; index < count; index += 1) {
    if (at + CENTRAL.length > length || directory.readUInt32LE(at) !== CENTRAL.signature)
      throw new ArchiveError('the archive’s directory is damaged');
    const next =
      at + CENTRAL.length + [28, 30, 32].reduce((sum, field) => sum + directory.readUInt16LE(at + field), 0);
    entries.push(readEntry(directory.subarray(at, next)));
    at = next;
  }
  checkTogether(entries);
  return entries;
}

async function readEnd(source: Source): Promise<Buffer> {
  const length = Math.min(source.size, END.length + END.maxComment);
  const tail = await source.read(source.size - length, length);
  for (let at = length - END.length; at >= 0; at -= 1)
    if (tail.readUInt32LE(at) === END.signature && at + END.length + tail.readUInt16LE(at + 20) === length)
      return tail.subarray(at);
  throw new ArchiveError('not a zip archive');
}

function readEntry(header: Buffer): Entry {
  const name = header.subarray(CENTRAL.length, CENTRAL.length + header.readUInt16LE(28)).toString('utf8');
  const refuse = (what: string): never => {
    throw new ArchiveError(`${JSON.stringify(name)} ${what}`);
  };
  const kind = name.endsWith('/') ? 'folder' : 'file';
  const path = kind === 'folder' ? name.slice(0, -1) : name;
  const fault = pathFault(path);
  if (fault !== undefined) refuse(fault);
  if (header.readUInt16LE(8) & ENCRYPTED) refuse('is encrypted');
  const method = METHODS[header.readUInt16LE(10)];
  if (method === undefined) return refuse('is compressed by a method other than deflate');
  const mode = header.readUInt8(5) === UNIX ? header.readUInt16LE(40) : 0;
  if (!isPlain(mode, kind)) refuse('is a link, a device or another thing that is neither file nor folder');
  return {
    path,
    kind,
    executable: (mode & 0o100) !== 0,
    compressed: header.readUInt32LE(20),
    size: header.readUInt32LE(24),
    crc: header.readUInt32LE(16),
    method,
    offset: header.readUInt32LE(42),
  };
}

const METHODS: Record<number, Entry['method']> = { 0: 'stored', 8: 'deflated' };

/** The type bits of a Unix mode; 0 where the archive's maker gave none. */
function isPlain(mode: number, kind: Entry['kind']): boolean {
  const type = mode & 0o170_000;
  return type === 0 || type === (kind === 'file' ? 0o100_000 : 0o040_000);
}

const MAX_PATH = 1024;

function pathFault(path: string): string | undefined {
  if (Buffer.byteLength(path) > MAX_PATH) return `has a path of more than ${MAX_PATH} bytes`;
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\\\x00-\x1f\x7f\ufffd]/.test(path))
    return 'has a backslash, a control character or broken UTF-8 in its path';
  if (path.startsWith('/') || /^[a-z]:/i.test(path)) return 'has an absolute path';
  if (path.split('/').some((part) => part === '' || part === '.' || part === '..'))
    return 'has "..", "." or nothing between two slashes of its path';
  return undefined;
}

/** A path twice, or a file where another entry has a folder, would make the outcome a matter of order. */
function checkTogether(entries: readonly Entry[]): void {
  const files = new Set<string>();
  for (const { path, kind } of entries) {
    if (kind === 'file' && files.has(path))
      throw new ArchiveError(`${JSON.stringify(path)} is in the archive twice`);
    if (kind === 'file') files.add(path);
  }
  for (const { path, kind } of entries) {
    const parts = path.split('/');
    for (let length = kind === 'folder' ? parts.length : parts.length - 1; length > 0; length -= 1) {
      const above = parts.slice(0, length).join('/');
      if (files.has(above)) throw new ArchiveError(`${JSON.stringify(above)} is both a file and a folder`);
    }
  }
}
