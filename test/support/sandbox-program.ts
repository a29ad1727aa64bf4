/** A program that speaks with the courier of a Sandbox over a link whose connections break when the test wants it. */
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { HandStream } from '../../src/hand/stream.ts';
import type { Wanted } from '../../src/hand/stream.ts';
import { decodeFrame, encodeFrame, openFrames } from '../../src/wire/hand/frames.ts';
import type { Frame } from '../../src/wire/hand/frames.ts';
import type { Exit, Request, Started } from '../../src/wire/hand/protocol.ts';
import {
  frameCutter,
  greeting,
  Link,
  LINK_TYPES,
  LINK_VERSION,
  readGreeting,
} from '../../src/wire/sandbox/link.ts';
import type { LinkRefused, SessionKey } from '../../src/wire/sandbox/link.ts';
import type { SandboxRequest } from '../../src/wire/sandbox/requests.ts';

export interface ProgramOptions {
  /** A fresh connection, on which the broker has nothing more to say. */
  dial: () => Promise<Duplex> | Duplex;
  /** Breaks each connection after so many frames of the courier's, or bytes. */
  breakAfter?: () => { frames?: number; bytes?: number };
}

export class Refusal extends Error {
  readonly reason: LinkRefused['reason'];

  constructor({ reason, message }: LinkRefused) {
    super(message);
    this.reason = reason;
  }
}

export interface Ran {
  started: Started;
  exit: Exit;
  stdout: string;
  stderr: string;
}

export class SandboxProgram {
  readonly #options: ProgramOptions;
  readonly #streams = new Map<number, HandStream>();
  readonly #link = new Link({ onFrame: (frame) => this.#take(frame), onRoom: () => {} });
  readonly notices: Frame[] = [];
  session: SessionKey | undefined;
  #socket: Duplex | undefined;
  #nextId = 0;
  #isClosed = false;
  /** Connections that were made. */
  connections = 0;
  /** Called when the courier refuses to go on; by default what is open fails. */
  onRefused: (refusal: Refusal) => void = (refusal) => this.#fail(refusal);

  constructor(options: ProgramOptions) {
    this.#options = options;
  }

  get received(): number {
    return this.#link.received;
  }

  /** Resolves when the courier has welcomed it; then it connects again by itself. Rejects with Refusal. */
  async connect(): Promise<this> {
    const welcomed = Promise.withResolvers<void>();
    await this.#dial(welcomed);
    await welcomed.promise;
    return this;
  }

  async #dial(welcomed: PromiseWithResolvers<void> = Promise.withResolvers()): Promise<void> {
    welcomed.promise.catch(() => {});
    const socket = await this.#options.dial();
    const { frames = Infinity, bytes = Infinity } = this.#options.breakAfter?.() ?? {};
    let [frameCount, byteCount] = [0, 0];
    this.#socket = socket;
    this.connections += 1;
    let isGreeted = false;
    const cut = frameCutter((frame) => {
      if (socket.destroyed) return;
      if (!isGreeted) {
        isGreeted = true;
        this.#greeted(frame, socket, welcomed);
      } else if (this.#socket === socket) this.#link.take(frame);
      frameCount += 1;
      if (frameCount >= frames) this.#lose(socket);
    });
    socket.on('data', (chunk: Buffer) => {
      const piece = chunk.subarray(0, Math.max(0, bytes - byteCount));
      byteCount += chunk.length;
      cut(piece);
      if (byteCount >= bytes) this.#lose(socket);
    });
    socket.on('error', () => {});
    socket.on('close', () => this.#lose(socket));
    socket.write(
      greeting('hello', {
        ...LINK_VERSION,
        received: this.#link.received,
        ...(this.session && { session: this.session }),
      }),
    );
  }

  #greeted(frame: Buffer, socket: Duplex, welcomed: PromiseWithResolvers<void>): void {
    if (frame.readUInt8(4) === LINK_TYPES.refused) {
      const refusal = new Refusal(readGreeting('refused', frame));
      this.#isClosed = true;
      welcomed.reject(refusal);
      return this.onRefused(refusal);
    }
    const welcome = readGreeting('welcome', frame);
    this.session = welcome.session;
    this.#link.connect((bytes) => socket.write(bytes), welcome.received);
    welcomed.resolve();
  }

  #lose(socket: Duplex): void {
    if (this.#socket !== socket) return;
    this.#socket = undefined;
    this.#link.disconnect();
    socket.destroy();
    if (!this.#isClosed) setImmediate(() => void this.#redial());
  }

  /** Nobody may listen for a while. */
  async #redial(): Promise<void> {
    while (!this.#isClosed)
      try {
        return await this.#dial();
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
  }

  /** Breaks the connection. */
  drop(): void {
    if (this.#socket) this.#lose(this.#socket);
  }

  /** Breaks the connection for good. */
  leave(): void {
    this.#isClosed = true;
    this.drop();
  }

  #take(bytes: Buffer): void {
    const frame = decodeFrame(bytes);
    if (!frame) return;
    if (frame.stream === 0) this.notices.push(frame);
    else if (this.#streams.get(frame.stream)?.receive(frame)) this.#streams.delete(frame.stream);
  }

  #fail(error: Error): void {
    for (const stream of this.#streams.values()) stream.fail(error);
    this.#streams.clear();
  }

  send(frame: Frame): void {
    this.#link.send(encodeFrame(frame));
  }

  open(request: SandboxRequest | object, wanted?: Wanted): HandStream {
    this.#nextId += 1;
    const stream = new HandStream(this.#nextId, (frame) => this.send(frame), wanted);
    this.#streams.set(stream.id, stream);
    for (const frame of openFrames(stream.id, request as Request)) this.send(frame);
    return stream;
  }

  /** Runs a command to its end. */
  async run(request: object): Promise<Ran> {
    return await ran(this.open({ op: 'run', ...request }));
  }

  /** The result of a request that brings no bytes. */
  async ask(request: SandboxRequest): Promise<Record<string, unknown>> {
    const ended = await this.open(request).ended;
    return ended.kind === 'result' ? ended.result : {};
  }
}

/** What a command says until it ends. */
export async function ran(stream: HandStream): Promise<Ran> {
  const [started, ended, stdout, stderr] = await Promise.all([
    stream.started,
    stream.ended,
    text(stream.output),
    text(stream.error),
  ]);
  if (ended.kind !== 'exit') throw new Error('that was no command');
  return { started, exit: ended.exit, stdout, stderr };
}
