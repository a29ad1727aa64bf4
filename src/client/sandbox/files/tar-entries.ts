/** The entries of a tar that a stranger has made, one after the other. Pure; whatever the bytes, it yields entries or throws BadTar. */

export class BadTar extends Error {
  override readonly name = 'BadTar';
}

export interface TarEntry {
  /** As it is written there, without a closing slash. */
  name: string;
  kind: 'file' | 'folder' | 'link' | 'other';
  mode: number;
  /** Of a file, in bytes. */
  size: number;
  /** Of a link. */
  target: string;
  /** Of a file; what is not read of it is passed over. */
  contents: AsyncIterable<Buffer>;
}

const BLOCK = 512;
/** Of names and other records about one entry. */
const RECORDS_MAX = 64 * 1024;

/** Bytes in pieces of any size, read by number. */
class Source {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** At most `length` bytes, at least one; empty at the end. */
  async some(length: number): Promise<Buffer> {
    while (this.#held.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done) return Buffer.alloc(0);
      this.#held = Buffer.from(value.buffer, value.byteOffset, value.length);
    }
    const piece = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(piece.length);
    return piece;
  }

  async exactly(length: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for (let left = length; left > 0;) {
      const piece = await this.some(left);
      if (piece.length === 0) throw new BadTar('the archive is cut');
      pieces.push(piece);
      left -= piece.length;
    }
    return Buffer.concat(pieces);
  }

  async skip(length: number): Promise<void> {
    for (let left = length; left > 0;) {
      const piece = await this.some(left);
      if (piece.length === 0) throw new BadTar('the archive is cut');
      left -= piece.length;
    }
  }

  async end(): Promise<void> {
    while ((await this.some(BLOCK * BLOCK)).length > 0);
  }
}

/** What PAX and GNU say of the entry that follows. */
interface Records {
  path?: string;
  linkpath?: string;
  size?: number;
}

/** The archive is read to its end, unless its reader stops. */
export async function* tarEntries(archive: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const source = new Source(archive);
  let records: Records = {};
  for (;;) {
    const block = await source.exactly(BLOCK);
    if (block.every((byte) => byte === 0)) return await source.end();
    const header = readHeader(block);
    if (header.type in ABOUT_NEXT) {
      const size = boundedSize(header.size);
      const text = await source.exactly(size);
      await source.skip(padding(size));
      records = { ...records, ...ABOUT_NEXT[header.type]?.(text) };
      continue;
    }
    yield* entryOf(source, header, records);
    records = {};
  }
}

async function* entryOf(source: Source, header: Header, records: Records): AsyncGenerator<TarEntry> {
  const kind = KINDS[header.type] ?? 'other';
  const size = records.size ?? header.size;
  // Only files have contents, whatever the header says; of what is not known, they are passed over.
  let left = kind === 'folder' || kind === 'link' ? 0 : size;
  const total = left;
  async function* contents(): AsyncGenerator<Buffer> {
    while (left > 0) {
      const piece = await source.some(left);
      if (piece.length === 0) throw new BadTar('the archive is cut');
      left -= piece.length;
      yield piece;
    }
  }
  const name = (records.path ?? header.name).replace(/\/+$/, '');
  yield {
    name,
    kind,
    mode: header.mode,
    size: total,
    target: records.linkpath ?? header.target,
    contents: contents(),
  };
  await source.skip(left + padding(total));
}

const padding = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK;

function boundedSize(size: number): number {
  if (size > RECORDS_MAX) throw new BadTar(`${size} bytes say something about one entry`);
  return size;
}

const KINDS: Record<string, TarEntry['kind']> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '5': 'folder',
  '2': 'link',
};

const untilZero = (bytes: Buffer): string => {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
};

const ABOUT_NEXT: Record<string, (text: Buffer) => Records> = {
  x: paxRecords,
  g: () => ({}),
  L: (text) => ({ path: untilZero(text) }),
  K: (text) => ({ linkpath: untilZero(text) }),
};

interface Header {
  name: string;
  mode: number;
  size: number;
  type: string;
  target: string;
}

function readHeader(block: Buffer): Header {
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
  if (numberAt(block, 148, 8) !== sum) throw new BadTar('a header is damaged');
  const name = untilZero(block.subarray(0, 100));
  const isPosix = block.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isPosix ? untilZero(block.subarray(345, 500)) : '';
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    mode: numberAt(block, 100, 8),
    size: numberAt(block, 124, 12),
    type: String.fromCharCode(block[156] ?? 0),
    target: untilZero(block.subarray(157, 257)),
  };
}

/** Octal digits, or where the first bit is set the number itself. */
function numberAt(block: Buffer, at: number, length: number): number {
  const field = block.subarray(at, at + length);
  const value =
    (field[0] ?? 0) & 0x80
      ? field.subarray(1).reduce((sum, byte) => sum * 256 + byte, (field[0] ?? 0) & 0x7f)
      : Number.parseInt(untilZero(field).trim() || '0', 8);
  if (!Number.isSafeInteger(value) || value < 0) throw new BadTar('a number is none');
  return value;
}

/** `<length> key=value\n`, where the length counts its own digits. */
function paxRecords(text: Buffer): Records {
  const records: Records = {};
  for (let at = 0; at < text.length;) {
    const space = text.indexOf(' ', at);
    const length = Number(text.toString('latin1', at, Math.max(space, at)));
    if (!Number.isInteger(length) || length <= space - at + 1 || at + length > text.length)
      throw new BadTar('a record is damaged');
    const [key, ...value] = text.toString('utf8', space + 1, at + length - 1).split('=');
    if (key === 'path' || key === 'linkpath') records[key] = value.join('=');
    else if (key === 'size') records.size = sizeOf(value.join('='));
    else if (key?.startsWith('GNU.sparse')) throw new BadTar('files with holes are not understood');
    at += length;
  }
  return records;
}

function sizeOf(text: string): number {
  const size = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(size)) throw new BadTar('a size is none');
  return size;
}
