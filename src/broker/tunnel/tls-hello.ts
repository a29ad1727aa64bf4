/** Pure: which servers a TLS ClientHello asks for (RFC 8446, RFC 6066), out of the first bytes of a connection. */
import type { FirstBytes } from './first-bytes.ts';

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const RECORD_MAX = 2 ** 14;
const RECORD_HEADER = 5;
const MESSAGE_HEADER = 4;

const bad = (why: string): FirstBytes => ({ kind: 'bad', protocol: 'tls', why });

/** Whether a TLS server would take these bytes for TLS; undefined where there are too few to tell. */
function isTls(bytes: Buffer): boolean | undefined {
  const [first = 0, second, third, fourth] = bytes;
  // Any record, be it an alert: servers may skip some before the ClientHello.
  if (first >= 20 && first <= 24) return second === undefined ? undefined : second === 3;
  // A ClientHello in the form of SSL 2: a length of two bytes, its kind, a version.
  if ((first & 0x80) === 0) return false;
  return fourth === undefined ? undefined : third === CLIENT_HELLO && fourth <= 3;
}

/** Reads big-endian numbers and what has its length before it; throws a RangeError where there is less. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  number(size: number): number {
    return this.take(size).readUIntBE(0, size);
  }

  take(length: number): Buffer {
    if (length > this.left) throw new RangeError('it ends too soon');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** What follows its own length, a number of `size` bytes. */
  vector(size: number): Buffer {
    return this.take(this.number(size));
  }
}

/** The contents of the records, as far as they are there; undefined where one is none of a handshake. */
function handshake(bytes: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const [type = HANDSHAKE, version = 3] = bytes.subarray(at);
    if (type !== HANDSHAKE || version !== 3) return undefined;
    if (bytes.length - at < RECORD_HEADER) break;
    const length = bytes.readUInt16BE(at + 3);
    if (length === 0 || length > RECORD_MAX) return undefined;
    parts.push(bytes.subarray(at + RECORD_HEADER, at + RECORD_HEADER + length));
    at += RECORD_HEADER + length;
  }
  return Buffer.concat(parts);
}

function extensionsOf(hello: Reader): Map<number, Buffer> {
  // Version and random.
  hello.take(2 + 32);
  // Session, cipher suites, compression.
  for (const size of [1, 2, 1]) hello.vector(size);
  const found = new Map<number, Buffer>();
  if (hello.left === 0) return found;
  const list = new Reader(hello.vector(2));
  while (list.left > 0) {
    const type = list.number(2);
    // Two readers could each believe another one.
    if (found.has(type)) throw new RangeError('it has an extension twice');
    found.set(type, list.vector(2));
  }
  return found;
}

function namesOf(extension: Buffer): string[] {
  const list = new Reader(new Reader(extension).vector(2));
  const names: string[] = [];
  while (list.left > 0) {
    if (list.number(1) !== HOST_NAME) throw new RangeError('it names something else than a host');
    names.push(list.vector(2).toString('latin1'));
  }
  return names;
}

function serversOf(message: Buffer): FirstBytes {
  try {
    const names = extensionsOf(new Reader(message)).get(SERVER_NAME);
    return { kind: 'hosts', protocol: 'tls', hosts: names ? namesOf(names) : [] };
  } catch (error) {
    if (error instanceof RangeError) return bad(`the TLS ClientHello cannot be read: ${error.message}`);
    throw error;
  }
}

/** The names in the ClientHello that `bytes` begin with; `pass` where no server takes them for TLS. */
export function readHello(bytes: Buffer): FirstBytes {
  const tls = isTls(bytes);
  if (tls !== true) return { kind: tls === undefined ? 'more' : 'pass' };
  const messages = handshake(bytes);
  if (!messages) return bad('the first TLS record is no ClientHello');
  if (messages.length < MESSAGE_HEADER) return { kind: 'more' };
  if (messages[0] !== CLIENT_HELLO) return bad('the first TLS message is no ClientHello');
  const end = MESSAGE_HEADER + messages.readUIntBE(1, 3);
  return messages.length < end ? { kind: 'more' } : serversOf(messages.subarray(MESSAGE_HEADER, end));
}
