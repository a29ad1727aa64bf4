/** Archives with names, types and sizes as no packer would write them. */

export interface Written {
  name: string;
  /** `0` file, `5` folder, `2` link, `1` hard link, `3` device, `6` FIFO, `x` PAX records, `L` GNU name. Default: file. */
  type?: string;
  target?: string;
  body?: string | Buffer;
  /** Where it is not that of the body. */
  size?: number;
  mode?: number;
}

function entry({ name, type = '0', target = '', body = '', size, mode = 0o644 }: Written): Buffer {
  const bytes = Buffer.from(body);
  const block = Buffer.alloc(512);
  const octal = (value: number, at: number, digits: number): void =>
    void block.write(value.toString(8).padStart(digits, '0'), at);
  block.write(name, 0, 100, 'utf8');
  octal(mode, 100, 7);
  octal(size ?? bytes.length, 124, 11);
  block.write('        ', 148);
  block.write(type, 156);
  block.write(target, 157, 100, 'utf8');
  block.write('ustar\0', 257);
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    6,
  );
  block.write('\0 ', 154);
  return Buffer.concat([block, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

export const tarOf = (entries: readonly Written[]): Buffer =>
  Buffer.concat([...entries.map(entry), Buffer.alloc(1024)]);

/** `<length> key=value\n`. */
export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(rest) + 1;
  while (Buffer.byteLength(`${length}${rest}`) !== length) length += 1;
  return `${length}${rest}`;
}
