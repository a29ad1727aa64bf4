/** Real ClientHellos, and the same message cut into other records. */
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';

/** The first bytes that Node's TLS sends. */
export async function clientHello(options: ConnectionOptions): Promise<Buffer> {
  const sent = Promise.withResolvers<Buffer>();
  const wire = new Duplex({
    read: () => undefined,
    write: (bytes: Buffer, _encoding, done) => {
      sent.resolve(bytes);
      done();
    },
  });
  const socket = connect({ socket: wire, ...options });
  socket.on('error', () => undefined);
  const bytes = await sent.promise;
  socket.destroy();
  if (!wire.destroyed) await once(wire.destroy(), 'close');
  return bytes;
}

const record = (contents: Buffer, type = 22): Buffer =>
  Buffer.concat([Buffer.from([type, 3, 1, contents.length >> 8, contents.length & 255]), contents]);

/** The message of one record in records of so many bytes. */
export function inRecords(hello: Buffer, size: number): Buffer {
  const message = hello.subarray(5);
  const parts: Buffer[] = [];
  for (let at = 0; at < message.length; at += size) parts.push(record(message.subarray(at, at + size)));
  return Buffer.concat(parts);
}

/** A warning, as a TLS record: servers read on after it. */
export const WARNING = record(Buffer.from([1, 90]), 21);

type Extension = [type: number, data: Buffer];

const sized = (data: Buffer, size: 1 | 2 | 3): Buffer => {
  const length = Buffer.alloc(size);
  length.writeUIntBE(data.length, 0, size);
  return Buffer.concat([length, data]);
};

export const serverName = (...names: (string | [kind: number, name: string])[]): Extension => {
  const entries = names.map((name) => {
    const [kind, text] = typeof name === 'string' ? [0, name] : name;
    return Buffer.concat([Buffer.from([kind]), sized(Buffer.from(text, 'latin1'), 2)]);
  });
  return [0, sized(Buffer.concat(entries), 2)];
};

/** A ClientHello with these extensions and nothing else. */
export function plainHello(...extensions: Extension[]): Buffer {
  const list = extensions.map(([type, data]) =>
    Buffer.concat([Buffer.from([type >> 8, type & 255]), sized(data, 2)]),
  );
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32),
    sized(Buffer.alloc(0), 1),
    sized(Buffer.from([0x13, 1]), 2),
    sized(Buffer.from([0]), 1),
    sized(Buffer.concat(list), 2),
  ]);
  return record(Buffer.concat([Buffer.from([1]), sized(body, 3)]));
}
