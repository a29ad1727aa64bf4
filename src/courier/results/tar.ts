/** A tar as a stream, of entries that become known one by one. */
import { Readable } from 'node:stream';

export interface TarEntry {
  /** Relative, without a closing slash. */
  name: string;
  kind: 'file' | 'folder' | 'link';
  mode: number;
  /** Of a link. */
  target?: string;
  /** Of a file: its bytes, and how many. */
  size?: number;
  contents?: () => Promise<Buffer | Readable>;
}

const BLOCK = 512;
const TYPES = { file: '0', folder: '5', link: '2', records: 'x' } as const;

/** The archive. What an entry's contents fail with, it fails with. */
export const tarOf = (entries: Iterable<TarEntry>): Readable =>
  Readable.from(blocks(entries), { objectMode: false });

async function* blocks(entries: Iterable<TarEntry>): AsyncGenerator<Buffer> {
  for (const entry of entries) {
    const { name, kind, mode, target = '', size = 0, contents } = entry;
    // Names of any length and any alphabet, as PAX has it.
    const records = Buffer.from(record('path', name) + (kind === 'link' ? record('linkpath', target) : ''));
    yield header('records', { mode: 0o644, size: records.length });
    yield records;
    yield padding(records.length);
    yield header(kind, { mode, size });
    if (!contents || size === 0) continue;
    const body = await contents();
    if (Buffer.isBuffer(body)) yield body;
    else yield* body as AsyncIterable<Buffer>;
    yield padding(size);
  }
  yield Buffer.alloc(2 * BLOCK);
}

const padding = (size: number): Buffer => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);

/** `<length> key=value\n`, where the length counts its own digits. */
function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  let length = bytes + String(bytes).length;
  if (bytes + String(length).length > length) length += 1;
  return `${length}${rest}`;
}

function header(type: keyof typeof TYPES, { mode, size }: { mode: number; size: number }): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, digits: number): void =>
    void block.write(value.toString(8).padStart(digits, '0'), at, 'latin1');
  block.write('entry', 0, 'latin1');
  octal(mode, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(size, 124, 11);
  octal(0, 136, 11);
  block.write('        ', 148, 'latin1');
  block.write(TYPES[type], 156, 'latin1');
  block.write('ustar\u000000', 257, 'latin1');
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    6,
  );
  block.write('\u0000 ', 154, 'latin1');
  return block;
}
