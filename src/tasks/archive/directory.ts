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
  /** The contents of a link are its target. */
  kind: 'file' | 'folder' | 'link';
  /** Type and permissions; 0 where the archive's maker gave none. */
  mode: number;
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

/**
 * Reads all entries and refuses the archive when one of them is unsafe or of a kind that a task's archive never has. Links are taken where
 * `mayLink` says so of their path.
 */
export async function readDirectory(
  source: Source,
  mayLink: (path: string) => boolean = () => false,
): Promise<Entry[]> {
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
    entries.push(readEntry(directory.subarray(at, next), mayLink));
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

function readEntry(header: Buffer, mayLink: (path: string) => boolean): Entry {
  const name = header.subarray(CENTRAL.length, CENTRAL.length + header.readUInt16LE(28)).toString('utf8');
  const refuse = (what: string): never => {
    throw new ArchiveError(`${JSON.stringify(name)} ${what}`);
  };
  const path = name.endsWith('/') ? name.slice(0, -1) : name;
  const fault = pathFault(path);
  if (fault !== undefined) refuse(fault);
  if (header.readUInt16LE(8) & ENCRYPTED) refuse('is encrypted');
  const method = METHODS[header.readUInt16LE(10)];
  if (method === undefined) return refuse('is compressed by a method other than deflate');
  const mode = unixMode(header);
  const kind = kindOf(mode, name);
  const size = header.readUInt32LE(24);
  if (kind === undefined || (kind === 'link' && !mayLink(path)))
    return refuse('is a link, a device or another thing that is neither file nor folder');
  if (kind === 'link') checkTarget(size, refuse);
  return {
    path,
    kind,
    mode,
    compressed: header.readUInt32LE(20),
    size,
    crc: header.readUInt32LE(16),
    method,
    offset: header.readUInt32LE(42),
  };
}

const unixMode = (header: Buffer): number => (header.readUInt8(5) === UNIX ? header.readUInt16LE(40) : 0);

function checkTarget(size: number, refuse: (what: string) => never): void {
  if (size === 0 || size > MAX_TARGET)
    refuse(`is a link whose target has ${size} bytes; expected 1 to ${MAX_TARGET}`);
}

const METHODS: Record<number, Entry['method']> = { 0: 'stored', 8: 'deflated' };

/** Out of the type bits of a Unix mode, which are 0 where the archive's maker gave none; undefined for a device and the like. */
function kindOf(mode: number, name: string): Entry['kind'] | undefined {
  const type = mode & 0o170_000;
  if (name.endsWith('/')) return type === 0 || type === 0o040_000 ? 'folder' : undefined;
  if (type === 0o120_000) return 'link';
  return type === 0 || type === 0o100_000 ? 'file' : undefined;
}

/** What a Unix system takes at most, without the NUL at the end. */
const MAX_TARGET = 4095;
const MAX_NAME = 255;
const MAX_PATH = 1024;

/** Why a path cannot be in an archive, after its name; undefined where it can. */
export function pathFault(path: string): string | undefined {
  if (Buffer.byteLength(path) > MAX_PATH) return `has a path of more than ${MAX_PATH} bytes`;
  if (path.split('/').some((part) => Buffer.byteLength(part) > MAX_NAME))
    return `has a name of more than ${MAX_NAME} bytes`;
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\\\x00-\x1f\x7f\ufffd]/.test(path))
    return 'has a backslash, a control character or broken UTF-8 in its path';
  if (path.startsWith('/')) return 'has an absolute path';
  if (path.split('/').some((part) => part === '' || part === '.' || part === '..'))
    return 'has "..", "." or nothing between two slashes of its path';
  return undefined;
}

/** A path twice, or a folder where another entry has a file or link, would make the outcome a matter of order. */
function checkTogether(entries: readonly Entry[]): void {
  const kinds = new Map<string, Entry['kind']>();
  for (const { path, kind } of entries) {
    const before = kinds.get(path);
    if (before !== undefined && before !== kind) throw bothKinds(path, before, kind);
    if (before !== undefined) throw new ArchiveError(`${JSON.stringify(path)} is in the archive twice`);
    kinds.set(path, kind);
  }
  for (const { path } of entries) {
    const parts = path.split('/');
    for (let length = parts.length - 1; length > 0; length -= 1) {
      const above = parts.slice(0, length).join('/');
      const kind = kinds.get(above) ?? 'folder';
      if (kind !== 'folder') throw bothKinds(above, kind, 'folder');
    }
  }
}

const bothKinds = (path: string, ...[one, two]: [Entry['kind'], Entry['kind']]): ArchiveError =>
  new ArchiveError(
    `${JSON.stringify(path)} is both a ${one === 'folder' ? two : one} and a ${one === 'folder' ? one : two}`,
  );
