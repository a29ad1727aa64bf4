/**
 * The link between a program and a Sandbox's courier: frames of the hand protocol, each exactly once and in order, whatever connections break
 * in between. Frames are numbered by counting: the first that either side sends is 1. The receiver says how many it has (`ack`, and in the
 * greeting of a new connection); the sender keeps what the other does not have, and sends it again on the next connection.
 *
 * A connection begins with `hello` from the program and `welcome` or `refused` from the courier. Types from 64 on are the link's own and are not
 * counted. Frames look as in `wire/hand/frames.ts`: `u32 length | u8 type | u32 stream | payload`.
 */
import { isRecord, parsedJson } from '../../text/json.ts';
import { BadFrame, count, oneOf, optional, text, type Check } from '../hand/bodies.ts';
import { release } from '../hand/release.ts';
import { HEADER_BYTES } from '../hand/frames.ts';

export { frameCutter } from '../hand/frames.ts';

/** Another `major` is refused. */
export const LINK_VERSION = { major: 1, minor: 1 } as const;
/** A courier from this `minor` on takes any credit for what is no command. */
export const ANY_CREDIT_MINOR = 1;

/** Bytes that are on their way or wait to be acknowledged; beyond it `isFull`. */
export const UNACKNOWLEDGED_MAX = 8 * 1024 * 1024;
/** What a frame costs that is kept, beyond its own bytes. */
const FRAME_COST = 128;
const cost = (frame: Buffer): number => frame.length + FRAME_COST;

/** What is taken is acknowledged after so many bytes or frames, or so long. */
const ACK_BYTES = 256 * 1024;
const ACK_FRAMES = 256;
const ACK_MS = 500;

export const LINK_TYPES = { hello: 64, welcome: 65, refused: 66, ack: 67, ping: 68, pong: 69 } as const;
export type LinkType = keyof typeof LINK_TYPES;
const FIRST_OWN_TYPE = 64;

export const REFUSALS = {
  UnsupportedVersion: 'the courier speaks another major version',
  SessionUnknown:
    'the courier has no such session: it was restarted, or the session was without a connection for too long',
  TooManySessions: 'there are as many sessions as there may be',
  Stopping: 'the Sandbox ends',
  BadFrame: 'the bytes are no frames of this protocol',
} as const;
export type RefusalReason = keyof typeof REFUSALS;

/** Names a session for whoever has its secret. */
export interface SessionKey {
  id: string;
  secret: string;
}

/** Program → courier. */
export interface LinkHello {
  major: number;
  minor: number;
  /** The session to go on with. Missing: a new one. */
  session?: SessionKey;
  /** Frames of the courier's that have arrived. */
  received: number;
}

/** Courier → program. */
export interface LinkWelcome {
  major: number;
  minor: number;
  session: SessionKey;
  /** Frames of the program's that have arrived. */
  received: number;
}

export interface LinkRefused {
  reason: RefusalReason;
  message: string;
}

interface LinkBodies {
  hello: LinkHello;
  welcome: LinkWelcome;
  refused: LinkRefused;
}

const key: Check = (value) => isRecord(value) && text(value['id']) && text(value['secret']);
const version = { major: count, minor: count };
const SHAPES: Record<keyof LinkBodies, Record<string, Check>> = {
  hello: { ...version, session: optional(key), received: count },
  welcome: { ...version, session: key, received: count },
  refused: { reason: oneOf(...Object.keys(REFUSALS)), message: text },
};

/** One frame as it is on the wire. */
export const rawFrame = (type: number, stream: number, payload: Uint8Array): Buffer => {
  const head = Buffer.alloc(HEADER_BYTES);
  head.writeUInt32LE(payload.length, 0);
  head.writeUInt8(type, 4);
  head.writeUInt32LE(stream, 5);
  return Buffer.concat([head, payload]);
};

export const greeting = <T extends keyof LinkBodies>(type: T, body: LinkBodies[T]): Buffer =>
  rawFrame(LINK_TYPES[type], 0, Buffer.from(JSON.stringify(body)));

/** The body of a greeting. Throws BadFrame. */
export function readGreeting<T extends keyof LinkBodies>(type: T, frame: Buffer): LinkBodies[T] {
  const body = parsedJson(frame.subarray(HEADER_BYTES).toString());
  if (frame.readUInt8(4) !== LINK_TYPES[type] || !isRecord(body)) throw new BadFrame(`that is no ${type}`);
  for (const [field, check] of Object.entries(SHAPES[type]))
    if (!check(body[field])) throw new BadFrame(`a frame ${type} has no proper ${field}`);
  return body as unknown as LinkBodies[T];
}

export const isOwn = (frame: Buffer): boolean => frame.readUInt8(4) >= FIRST_OWN_TYPE;

/** Where a link sends what it has to send: one connection, which may break at any byte. It must not call the link before it returns. */
export type Write = (frame: Buffer) => void;

export interface LinkEvents {
  /** A counted frame, once. */
  onFrame: (frame: Buffer) => void;
  /** It was full, and is not any more. */
  onRoom: () => void;
}

/** It is of no stream: the courier says good-bye, and ends once that has arrived. */
const isNotice = (frame: Buffer): boolean => frame.readUInt32LE(5) === 0;

/**
 * One end of a link. It does no I/O and outlives its connections. Nothing of an earlier connection may reach `take` once a greeting has been
 * made for the next one: that greeting says how many frames have arrived.
 */
export class Link {
  readonly #events: LinkEvents;
  readonly #max: number;
  #write: Write | undefined;
  /** Frames that the other side may not have; the first is number `#acknowledged + 1`. */
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #acknowledged = 0;
  #received = 0;
  #told = 0;
  #untoldBytes = 0;
  #ackTimer: NodeJS.Timeout | undefined;

  /** `max`: bytes beyond which it is full. */
  constructor(events: LinkEvents, max = UNACKNOWLEDGED_MAX) {
    this.#events = events;
    this.#max = max;
  }

  /** Frames that have arrived, for the greeting of the next connection. */
  get received(): number {
    return this.#received;
  }

  /** Bytes that the other side may not have, and what keeping them costs. What answers the other side is sent however full it is. */
  get unacknowledged(): number {
    return this.#keptBytes;
  }

  /** True where whoever has bytes to send should wait for `onRoom`. */
  isFull(): boolean {
    return this.#keptBytes >= this.#max;
  }

  isConnected(): boolean {
    return this.#write !== undefined;
  }

  /** Goes on over a new connection, on which both have greeted. Throws BadFrame where the other side counts what was never sent. */
  connect(write: Write, theyReceived: number): void {
    this.disconnect();
    this.#acknowledge(theyReceived);
    this.#write = write;
    this.#told = this.#received;
    this.#untoldBytes = 0;
    for (const frame of this.#kept) write(frame);
  }

  /** The connection is gone; what is sent meanwhile waits for the next one. */
  disconnect(): void {
    this.#write = undefined;
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
  }

  send(frame: Buffer): void {
    this.#kept.push(frame);
    this.#keptBytes += cost(frame);
    this.#write?.(frame);
  }

  /** A whole frame from the connection, after the greeting. Throws BadFrame. What comes after `disconnect` is not taken: it comes again. */
  take(frame: Buffer): void {
    if (!this.#write) return;
    if (isOwn(frame)) return this.#takeOwn(frame);
    this.#received += 1;
    this.#untoldBytes += frame.length;
    const isMany = this.#untoldBytes >= ACK_BYTES || this.#received - this.#told >= ACK_FRAMES;
    if (isMany || isNotice(frame)) this.#tell();
    else this.#ackTimer ??= setTimeout(() => this.#tell(), ACK_MS).unref();
    this.#events.onFrame(frame);
  }

  /** Asks for a sign of life. */
  ping(): void {
    this.#write?.(rawFrame(LINK_TYPES.ping, 0, Buffer.alloc(0)));
  }

  #takeOwn(frame: Buffer): void {
    const type = frame.readUInt8(4);
    if (type === LINK_TYPES.ping) this.#write?.(rawFrame(LINK_TYPES.pong, 0, Buffer.alloc(0)));
    else if (type === LINK_TYPES.ack) {
      if (frame.length !== HEADER_BYTES + 8) throw new BadFrame('a frame ack has 8 bytes');
      this.#acknowledge(Number(frame.readBigUInt64LE(HEADER_BYTES)));
    }
  }

  #tell(): void {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    const payload = Buffer.alloc(8);
    payload.writeBigUInt64LE(BigInt(this.#received));
    this.#write?.(rawFrame(LINK_TYPES.ack, 0, payload));
    this.#told = this.#received;
    this.#untoldBytes = 0;
  }

  #acknowledge(theirs: number): void {
    const had = theirs - this.#acknowledged;
    if (had < 0 || had > this.#kept.length)
      throw new BadFrame(`frame ${theirs} was acknowledged, which was not sent`);
    const wasFull = this.isFull();
    for (const frame of this.#kept.splice(0, had)) {
      this.#keptBytes -= cost(frame);
      release(frame);
    }
    this.#acknowledged = theirs;
    if (wasFull && !this.isFull()) this.#events.onRoom();
  }
}
