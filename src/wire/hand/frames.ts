/**
 * Frames on the way between courier and `sbd`, pure: `u32 length | u8 type | u32 stream | payload`, little-endian; `length` is that of the
 * payload. Whatever the bytes, decoding throws BadFrame or nothing.
 */
import { BadFrame, readBody } from './bodies.ts';
import type { Bodies } from './bodies.ts';
import { CHANNEL, REQUEST_MAX, SIGNAL_SCOPES } from './protocol.ts';
import type { Channel, Request, SignalScope, Size } from './protocol.ts';

export const PAYLOAD_MAX = 64 * 1024;
export const HEADER_BYTES = 9;
const DATA_HEAD = 9;
/** Bytes in one data frame. */
export const DATA_MAX = PAYLOAD_MAX - DATA_HEAD;

const TYPES = {
  hello: 1,
  welcome: 2,
  proof: 3,
  open: 4,
  data: 5,
  credit: 6,
  eof: 7,
  resize: 8,
  signal: 9,
  exit: 10,
  error: 11,
  ping: 12,
  pong: 13,
  close: 14,
  started: 15,
  result: 16,
  openPart: 17,
  notice: 18,
  connected: 19,
} as const;
type Type = keyof typeof TYPES;

/** What each type of frame holds beside its stream. */
interface Payloads {
  hello: { body: Bodies['hello'] };
  welcome: { body: Bodies['welcome'] };
  proof: { body: Bodies['proof'] };
  /** Opens the stream: a Request in JSON, or the last part of one. */
  open: { bytes: Uint8Array };
  /** An earlier part of a request that is too long for one frame; the next part or the `open` follows at once. */
  openPart: { bytes: Uint8Array };
  data: { channel: Channel; offset: number; bytes: Uint8Array };
  /** The sender of data may go on to this offset. */
  credit: { channel: Channel; upTo: number };
  /** Nothing follows on the channel. From the receiver of data: nobody reads it any more. */
  eof: { channel: Channel; total: number };
  resize: Size;
  signal: { signal: number; scope: SignalScope };
  started: { body: Bodies['started'] };
  exit: { body: Bodies['exit'] };
  result: { body: Bodies['result'] };
  error: { body: Bodies['error'] };
  notice: { body: Bodies['notice'] };
  ping: { bytes: Uint8Array };
  pong: { bytes: Uint8Array };
  /** The courier has no more interest: the stream ends; a command that has ended is forgotten, one that runs goes on. */
  close: object;
  /** The answer to `connect`: the other end has taken the connection. */
  connected: object;
}

export type Frame = { [T in Type]: { type: T; stream: number } & Payloads[T] }[Type];

const NAMES = new Map<number, Type>(Object.entries(TYPES).map(([name, type]) => [type, name as Type]));
const CHANNELS = new Set<number>(Object.values(CHANNEL));

/** A frame's bytes. Throws BadFrame for what is too long. */
export function encodeFrame(frame: Frame): Buffer {
  const payload = (CODECS[frame.type] as Codec<Type>).write(frame);
  const bytes = payload.reduce((sum, part) => sum + part.length, 0);
  if (bytes > PAYLOAD_MAX) throw new BadFrame(`a frame of ${bytes} bytes is too long`);
  const head = Buffer.alloc(HEADER_BYTES);
  head.writeUInt32LE(bytes, 0);
  head.writeUInt8(TYPES[frame.type], 4);
  head.writeUInt32LE(frame.stream, 5);
  return Buffer.concat([head, ...payload]);
}

/** How the payload of one type is written and read. */
interface Codec<T extends Type> {
  write: (frame: Extract<Frame, { type: T }>) => Uint8Array[];
  read: (payload: Buffer) => Payloads[T];
}

const bodyCodec = <T extends Type & keyof Bodies>(type: T): Codec<T> => ({
  write: (frame) => [Buffer.from(JSON.stringify((frame as { body: unknown }).body))],
  read: (payload) => ({ body: readBody(type, payload) }) as unknown as Payloads[T],
});

const bytesCodec = {
  write: ({ bytes }: { bytes: Uint8Array }) => [bytes],
  read: (bytes: Buffer) => ({ bytes }),
};

const emptyCodec = (type: 'close' | 'connected') => ({
  write: () => [],
  read: (payload: Buffer) => {
    demandLength(payload, type, 0);
    return {};
  },
});

const CODECS: { [T in Type]: Codec<T> } = {
  hello: bodyCodec('hello'),
  welcome: bodyCodec('welcome'),
  proof: bodyCodec('proof'),
  started: bodyCodec('started'),
  exit: bodyCodec('exit'),
  result: bodyCodec('result'),
  error: bodyCodec('error'),
  notice: bodyCodec('notice'),
  open: bytesCodec,
  openPart: bytesCodec,
  ping: bytesCodec,
  pong: bytesCodec,
  data: {
    write: ({ channel, offset, bytes }) => [onChannel(channel, offset), bytes],
    read: (payload) => ({ ...readHead(payload, 'data'), bytes: payload.subarray(DATA_HEAD) }),
  },
  credit: {
    write: ({ channel, upTo }) => [onChannel(channel, upTo)],
    read: (payload) => {
      const { channel, offset: upTo } = readHead(payload, 'credit', DATA_HEAD);
      return { channel, upTo };
    },
  },
  eof: {
    write: ({ channel, total }) => [onChannel(channel, total)],
    read: (payload) => {
      const { channel, offset: total } = readHead(payload, 'eof', DATA_HEAD);
      return { channel, total };
    },
  },
  resize: {
    write: ({ rows, columns }) => [shorts(rows, columns)],
    read: (payload) => {
      demandLength(payload, 'resize', 4);
      return { rows: payload.readUInt16LE(0), columns: payload.readUInt16LE(2) };
    },
  },
  signal: {
    write: ({ signal, scope }) => [Buffer.from([signal, SIGNAL_SCOPES.indexOf(scope)])],
    read: readSignal,
  },
  close: emptyCodec('close'),
  connected: emptyCodec('connected'),
};

function onChannel(channel: number, offset: number): Buffer {
  const head = Buffer.alloc(DATA_HEAD);
  head.writeUInt8(channel, 0);
  head.writeBigUInt64LE(BigInt(offset), 1);
  return head;
}

function shorts(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [index, value] of values.entries()) bytes.writeUInt16LE(value, index * 2);
  return bytes;
}

/** The frames that open a stream: several where the request is long. Throws BadFrame for one that is too long. */
export function openFrames(stream: number, request: Request): Frame[] {
  const bytes = Buffer.from(JSON.stringify(request));
  if (bytes.length > REQUEST_MAX) throw new BadFrame(`a request of ${bytes.length} bytes is too long`);
  const frames: Frame[] = [];
  let at = 0;
  for (; bytes.length - at > PAYLOAD_MAX; at += PAYLOAD_MAX)
    frames.push({ type: 'openPart', stream, bytes: bytes.subarray(at, at + PAYLOAD_MAX) });
  return [...frames, { type: 'open', stream, bytes: bytes.subarray(at) }];
}

/**
 * Cuts bytes into whole frames, undecoded, however they arrive. Throws BadFrame for one that is too long; after that it takes nothing more. Every
 * byte is copied once: a frame is its receiver's own, and no more than one is kept.
 */
export function frameCutter(onFrame: (frame: Buffer) => void): (chunk: Uint8Array) => void {
  let frame = Buffer.alloc(HEADER_BYTES);
  let filled = 0;
  let broken: BadFrame | undefined;
  /** Copies into the frame; returns the rest of the chunk. */
  const fill = (chunk: Uint8Array): Uint8Array => {
    const piece = chunk.subarray(0, frame.length - filled);
    frame.set(piece, filled);
    filled += piece.length;
    return chunk.subarray(piece.length);
  };
  const cut = (chunk: Uint8Array): void => {
    for (let rest = chunk; rest.length > 0;) {
      rest = fill(rest);
      if (filled === HEADER_BYTES && frame.length === HEADER_BYTES) {
        const whole = Buffer.allocUnsafe(HEADER_BYTES + payloadLength(frame));
        frame.copy(whole);
        frame = whole;
        rest = fill(rest);
      }
      if (filled < frame.length || filled < HEADER_BYTES) continue;
      const whole = frame;
      frame = Buffer.alloc(HEADER_BYTES);
      filled = 0;
      onFrame(whole);
    }
  };
  return (chunk) => {
    if (broken) throw broken;
    try {
      cut(chunk);
    } catch (error) {
      if (error instanceof BadFrame) broken = error;
      throw error;
    }
  };
}

/** Cuts bytes into frames and hands on what each means, as `frameCutter` does, and as it came. Types that this version does not know are skipped. */
export const frameReader = (onFrame: (frame: Frame, whole: Buffer) => void): ((chunk: Uint8Array) => void) =>
  frameCutter((bytes) => {
    const frame = decodeFrame(bytes);
    if (frame) onFrame(frame, bytes);
  });

/** The same frame for another stream, in the same memory. */
export function onStream(whole: Buffer, stream: number): Buffer {
  whole.writeUInt32LE(stream, 5);
  return whole;
}

function payloadLength(head: Buffer): number {
  const length = head.readUInt32LE(0);
  if (length > PAYLOAD_MAX) throw new BadFrame(`a frame of ${length} bytes is too long`);
  return length;
}

/** The meaning of one frame; undefined for a type that this version does not know. Its bytes are not copied. */
export function decodeFrame(bytes: Buffer): Frame | undefined {
  const type = NAMES.get(bytes.readUInt8(4));
  if (!type) return undefined;
  const stream = bytes.readUInt32LE(5);
  return { type, stream, ...CODECS[type].read(bytes.subarray(HEADER_BYTES)) } as Frame;
}

function demandLength(payload: Buffer, type: Type, length: number): void {
  if (payload.length !== length) throw new BadFrame(`a frame ${type} has ${payload.length} bytes`);
}

function readHead(payload: Buffer, type: Type, length?: number): { channel: Channel; offset: number } {
  if (payload.length < DATA_HEAD) throw new BadFrame(`a frame ${type} is cut`);
  if (length !== undefined) demandLength(payload, type, length);
  const channel = payload.readUInt8(0);
  const offset = payload.readBigUInt64LE(1);
  if (!CHANNELS.has(channel)) throw new BadFrame(`there is no channel ${channel}`);
  if (offset > BigInt(Number.MAX_SAFE_INTEGER)) throw new BadFrame('an offset is too large');
  return { channel: channel as Channel, offset: Number(offset) };
}

function readSignal(payload: Buffer): { signal: number; scope: SignalScope } {
  demandLength(payload, 'signal', 2);
  const [signal = 0, index = 0] = payload;
  const scope = SIGNAL_SCOPES[index];
  if (signal < 1 || signal > 64 || !scope) throw new BadFrame(`there is no signal ${signal} to ${index}`);
  return { signal, scope };
}
