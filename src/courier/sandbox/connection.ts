/** One connection from the broker: the preface that says who calls, the greeting, and then the frames of a session. */
import type { Duplex } from 'node:stream';
import { isRecord, parsedJson } from '../../text/json.ts';
import { BadFrame } from '../../wire/hand/bodies.ts';
import { PREFACE_MAX } from '../../wire/sandbox/assignment.ts';
import { frameCutter, greeting, LINK_VERSION, readGreeting, REFUSALS } from '../../wire/sandbox/link.ts';
import type { RefusalReason } from '../../wire/sandbox/link.ts';
import { PING_MS, SILENCE_MS } from '../../wire/sandbox/names.ts';
import type { Session } from './session.ts';
import type { Sessions } from './sessions.ts';

/** For the preface and the greeting. */
const GREETING_MS = 10_000;
/** More than this waits to be written only where a program asks and does not read. */
const UNWRITTEN_MAX = 8 * 1024 * 1024;
const CALLER_MAX = 1024;
const LAST_WORD_MS = 1000;
const NEWLINE = 10;

export interface ConnectionTimes {
  greetingMs: number;
  pingMs: number;
  silenceMs: number;
}
const TIMES: ConnectionTimes = { greetingMs: GREETING_MS, pingMs: PING_MS, silenceMs: SILENCE_MS };

/** Serves a connection until it ends. It throws nothing: whoever breaks the protocol is told why, and loses the connection. */
export function serve(socket: Duplex, sessions: Sessions, times: ConnectionTimes = TIMES): void {
  const conversation = new Conversation(socket, sessions, times);
  conversation.begin();
}

class Conversation {
  readonly #socket: Duplex;
  readonly #sessions: Sessions;
  readonly #silenceMs: number;
  readonly #greeting: NodeJS.Timeout;
  readonly #pinging: NodeJS.Timeout;
  #heard = performance.now();
  #preface: Buffer[] = [];
  #prefaceBytes = 0;
  #caller: string | undefined;
  #session: Session | undefined;
  #isGreeted = false;
  #isCorked = false;
  readonly #cut = frameCutter((frame) => this.#take(frame));
  readonly #displace = (): void => {
    if (this.#session) this.#close();
  };

  constructor(socket: Duplex, sessions: Sessions, { greetingMs, pingMs, silenceMs }: ConnectionTimes) {
    this.#socket = socket;
    this.#sessions = sessions;
    this.#silenceMs = silenceMs;
    this.#greeting = setTimeout(() => this.#close(), greetingMs);
    this.#pinging = setInterval(() => this.#ping(), pingMs).unref();
  }

  begin(): void {
    const socket = this.#socket;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('end', () => this.#close());
    socket.on('error', () => this.#close());
    socket.on('close', () => this.#close());
  }

  #receive(chunk: Buffer): void {
    if (this.#socket.destroyed) return;
    this.#heard = performance.now();
    try {
      const rest = this.#caller === undefined ? this.#readPreface(chunk) : chunk;
      if (rest) this.#cut(rest);
    } catch (error) {
      if (!(error instanceof BadFrame)) throw error;
      const session = this.#session;
      this.#session = undefined;
      // What it has sent was counted and not understood: there is no going on.
      if (session) this.#sessions.end(session);
      this.#refuse('BadFrame', error.message);
    }
  }

  /** Returns what follows the preface; undefined where that has not come whole. Throws BadFrame. */
  #readPreface(chunk: Buffer): Buffer | undefined {
    const end = chunk.indexOf(NEWLINE);
    const piece = end < 0 ? chunk : chunk.subarray(0, end);
    this.#prefaceBytes += piece.length;
    if (this.#prefaceBytes >= PREFACE_MAX) throw new BadFrame('the preface is too long');
    this.#preface.push(piece);
    if (end < 0) return undefined;
    this.#caller = callerIn(Buffer.concat(this.#preface).toString());
    this.#preface = [];
    return chunk.subarray(end + 1);
  }

  #take(frame: Buffer): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    if (this.#session) this.#session.link.take(frame);
    else if (!this.#isGreeted) this.#greet(frame);
  }

  #greet(frame: Buffer): void {
    this.#isGreeted = true;
    const hello = readGreeting('hello', frame);
    const session = this.#sessions.enter(hello, this.#caller ?? '', this.#displace);
    if (typeof session === 'string') return this.#refuse(session);
    clearTimeout(this.#greeting);
    this.#session = session;
    const { key, link } = session;
    this.#write(greeting('welcome', { ...LINK_VERSION, session: key, received: link.received }));
    link.connect((bytes) => this.#write(bytes), hello.received);
  }

  /** What is written in one go is sent in one go. */
  #write(frame: Buffer): void {
    if (this.#socket.destroyed) return;
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#isCorked = false;
        this.#socket.uncork();
      });
    }
    this.#socket.write(frame);
    if (this.#socket.writableLength > UNWRITTEN_MAX) this.#close();
  }

  #ping(): void {
    if (performance.now() - this.#heard > this.#silenceMs) return this.#close();
    this.#session?.link.ping();
  }

  #refuse(reason: RefusalReason, message: string = REFUSALS[reason]): void {
    if (!this.#socket.writable) return;
    this.#socket.end(greeting('refused', { reason, message }), () => this.#close());
    // It may wait behind what nobody reads.
    setTimeout(() => this.#close(), LAST_WORD_MS).unref();
  }

  #close(): void {
    clearTimeout(this.#greeting);
    clearInterval(this.#pinging);
    const session = this.#session;
    this.#session = undefined;
    this.#socket.destroy();
    if (session) this.#sessions.leave(session, this.#displace);
  }
}

/** Whom the broker has let in. Throws BadFrame. */
function callerIn(line: string): string {
  const preface = parsedJson(line);
  const caller = isRecord(preface) ? preface['caller'] : undefined;
  if (typeof caller !== 'string' || caller === '' || caller.length > CALLER_MAX)
    throw new BadFrame('the preface does not say who calls');
  return caller;
}
