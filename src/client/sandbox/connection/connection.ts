/**
 * What connects a program with a Sandbox: one link over one connection at a time. Whatever breaks on the way, it connects again, and streams go
 * on as if nothing had been; if the courier has forgotten the session, streams end with SessionGone, and whoever can goes on by other means.
 */
import { sleep, type Clock } from '../../../async/clock.ts';
import { HandStream, Refused, type Wanted } from '../../../hand/stream.ts';
import { decodeFrame, encodeFrame, openFrames, type Frame } from '../../../wire/hand/frames.ts';
import { STREAMS_MAX, type Request } from '../../../wire/hand/protocol.ts';
import type { SandboxRequest } from '../../../wire/sandbox/requests.ts';
import { PING_MS, SESSION_KEPT_MS, SILENCE_MS } from '../../../wire/sandbox/names.ts';
import { ANY_CREDIT_MINOR, Link, type SessionKey } from '../../../wire/sandbox/link.ts';
import type { AfterClosing } from '../../../wire/sandbox/closings.ts';
import { CliError } from '../../failures/error.ts';
import { BrokerUnreachable, SandboxLost } from '../errors.ts';
import { ConnectionClosed, greet, GreetingRefused, type Greeted } from './greet.ts';
import type { Connect, Socket } from './socket.ts';

/** The courier was started again, or has waited too long: streams are no more, commands may be. */
export class SessionGone extends Error {
  override readonly name = 'SessionGone';
}

/** The operator may be on its way to another node. */
const FIRST_PATIENCE_MS = 45_000;
const BACKOFF = { firstMs: 100, lastMs: 5000 };
/** A new connection is made so long before the session token of the old one expires. */
const RENEW_MS = 60_000;

/** On its way of what is no command: the way here may be long, and would stand empty with less. */
const WIDE_WINDOW = 2 * 1024 * 1024;

export interface ConnectionOptions {
  sandbox: string;
  connect: Connect;
  clock: Clock;
  random: () => number;
  /** Without a connection for so long, all is lost. Default: as long as the courier keeps a session. */
  patienceMs?: number;
  /** The same before the first one. */
  firstPatienceMs?: number;
}

/** The connection that is in use. */
interface Current {
  socket: Socket;
  greeted: Greeted;
}

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #stop = new AbortController();
  readonly #streams = new Map<number, HandStream>();
  #link = this.#newLink();
  #session: SessionKey | undefined;
  /** Of the courier’s version. */
  #minor = 0;
  #nextId = 0;
  #wasOpen = false;
  #room = Promise.withResolvers<void>();
  #over: Error | undefined;
  readonly #opened = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<Error>();

  /** Resolves at the first connection. Rejects with a SandboxError. */
  readonly opened = this.#opened.promise;
  /** Resolves when all is lost, to why: a SandboxError. */
  readonly over = this.#ended.promise;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#opened.promise.catch(() => {});
    void this.#keep();
  }

  /** True where nothing can be done with it any more. */
  isOver(): boolean {
    return this.#over !== undefined;
  }

  /** Throws a SandboxError where all is lost, and Refused where too many streams are open. */
  open(request: SandboxRequest, wanted: Wanted = { output: 0, error: 0 }): HandStream {
    if (this.#over) throw this.#over;
    if (this.#streams.size >= STREAMS_MAX)
      throw new Refused({ reason: 'TooManyStreams', message: `${STREAMS_MAX} streams are open` });
    this.#nextId += 1;
    const isWide = this.#minor >= ANY_CREDIT_MINOR && request.op !== 'run' && request.op !== 'attach';
    const stream = new HandStream(this.#nextId, (frame) => this.send(frame), {
      ...wanted,
      ...(isWide && { window: WIDE_WINDOW }),
    });
    for (const frame of openFrames(stream.id, request as Request)) this.send(frame);
    this.#streams.set(stream.id, stream);
    return stream;
  }

  /** No more interest in it. What runs goes on. */
  closeStream(stream: HandStream): void {
    if (!this.#streams.delete(stream.id)) return;
    this.send({ type: 'close', stream: stream.id });
    stream.fail(new Refused({ reason: 'Cancelled', message: 'the stream was closed' }));
  }

  /** Of a stream that is open or has ended in this session. */
  send(frame: Frame): void {
    if (!this.#over) this.#link.send(encodeFrame(frame));
  }

  /** Resolves when there is room for more bytes. */
  async room(): Promise<void> {
    while (this.#link.isFull() && !this.#over) await this.#room.promise;
  }

  close(): void {
    this.#end(new SandboxLost(this.#options.sandbox, 'this program has closed the connection'));
  }

  #newLink(): Link {
    return new Link({
      onFrame: (frame) => this.#receive(frame),
      onRoom: () => this.#wake(),
    });
  }

  #wake(): void {
    this.#room.resolve();
    this.#room = Promise.withResolvers<void>();
  }

  #receive(bytes: Buffer): void {
    const frame = decodeFrame(bytes);
    if (!frame || frame.stream === 0) return;
    if (this.#streams.get(frame.stream)?.receive(frame)) this.#streams.delete(frame.stream);
  }

  /** Never rejects. */
  async #keep(): Promise<void> {
    const { clock } = this.#options;
    let next: Current | undefined;
    let after: AfterClosing = 'reconnect';
    while (!this.#over) {
      const current = next ?? (await this.#connected(after));
      if (!current) return;
      this.#wasOpen = true;
      this.#opened.resolve();
      const renewed = await this.#use(current);
      this.#link.disconnect();
      next = renewed.next;
      after = renewed.after;
      if (after !== 'reconnect' && !this.#over) await sleep(clock, this.#pauseMs(1), this.#stop.signal);
    }
  }

  /** Tries again until there is a connection; undefined where all is lost. */
  async #connected(first: AfterClosing): Promise<Current | undefined> {
    const { clock } = this.#options;
    const since = clock.monotonic();
    let after = first;
    for (let failures = 0; !this.#over;) {
      try {
        return await this.#attempt(after);
      } catch (error) {
        // The next greeting begins a session.
        if (error instanceof GreetingRefused && this.#forgotten(error)) continue;
        this.#failed(error, clock.monotonic() - since);
        after = error instanceof ConnectionClosed ? error.after : 'retry';
        failures += 1;
        await sleep(clock, this.#pauseMs(failures), this.#stop.signal);
      }
    }
    return undefined;
  }

  /** Gives up where nothing passes by itself, or has not for too long. */
  #failed(error: unknown, forMs: number): void {
    const { patienceMs = SESSION_KEPT_MS, firstPatienceMs = FIRST_PATIENCE_MS } = this.#options;
    const patience = this.#wasOpen ? patienceMs : firstPatienceMs;
    const isPassing = !(error instanceof CliError) || error instanceof BrokerUnreachable;
    if (!isPassing) return this.#end(error);
    if (forMs <= patience) return;
    if (error instanceof BrokerUnreachable && !this.#wasOpen) this.#end(error);
    else this.#lose(`no connection for ${Math.round(patience / 1000)} s`, error);
  }

  async #attempt(after: AfterClosing): Promise<Current> {
    const { signal } = this.#stop;
    const socket = await this.#options.connect(signal, after);
    return { socket, greeted: await this.#greet(socket) };
  }

  async #greet(socket: Socket): Promise<Greeted> {
    const session = this.#session && { session: this.#session };
    const greeted = await greet(
      socket,
      { ...session, received: this.#link.received },
      this.#stop.signal,
    ).catch((error: unknown) => {
      if (error instanceof GreetingRefused && error.reason === 'UnsupportedVersion')
        this.#lose('use an sb of the operator’s version', error);
      throw error;
    });
    this.#session = greeted.welcome.session;
    this.#minor = greeted.welcome.minor;
    return greeted;
  }

  /** True where the session is no more: from here on it is another. */
  #forgotten({ reason, message }: GreetingRefused): boolean {
    if (reason !== 'SessionUnknown' || !this.#session) return false;
    this.#session = undefined;
    this.#link.disconnect();
    this.#link = this.#newLink();
    const gone = [...this.#streams.values()];
    this.#streams.clear();
    for (const stream of gone) stream.fail(new SessionGone(message));
    this.#wake();
    return true;
  }

  /** Uses a connection until it is over, or until another has come in its place. Never rejects. */
  async #use({ socket, greeted }: Current): Promise<{ next?: Current; after: AfterClosing }> {
    const { clock } = this.#options;
    const link = this.#link;
    try {
      link.connect((frame) => socket.send(frame), greeted.welcome.received);
    } catch (error) {
      socket.close();
      this.#lose('it counts what was never sent', error);
      return { after: 'look' };
    }
    const over = greeted.follow((frame) => link.take(frame));
    const renewing = new AbortController();
    const cancel = clock.after(Math.max(socket.expiresAt - clock.now() - RENEW_MS, 1000), () =>
      renewing.abort(),
    );
    const pinging = setInterval(() => {
      if (performance.now() - greeted.heard() > SILENCE_MS) socket.close();
      else link.ping();
    }, PING_MS);
    try {
      const closed = await Promise.race([over, aborted(renewing.signal), aborted(this.#stop.signal)]);
      if (closed instanceof ConnectionClosed) return { after: closed.after };
      if (closed instanceof Error) this.#lose('it sent what is none of the protocol', closed);
      if (this.#over) return { after: 'look' };
      return await this.#renewed(over);
    } finally {
      cancel();
      clearInterval(pinging);
      // What it still brings comes again over the next one.
      greeted.ignore();
      socket.close();
    }
  }

  /** A connection with a new session token, in place of one that still works. */
  async #renewed(over: Promise<Error>): Promise<{ next?: Current; after: AfterClosing }> {
    const { signal } = this.#stop;
    const opening = this.#options.connect(signal, 'look').catch(() => undefined);
    const first = await Promise.race([opening, over]);
    // The old one has ended meanwhile, or its token cannot be renewed now: the ordinary way, with its patience and its failures.
    if (!first || first instanceof Error) {
      void opening.then((socket) => socket?.close());
      return { after: 'retry' };
    }
    this.#link.disconnect();
    const greeted = await this.#greet(first).catch(() => undefined);
    return greeted ? { next: { socket: first, greeted }, after: 'reconnect' } : { after: 'retry' };
  }

  #pauseMs(failures: number): number {
    const { firstMs, lastMs } = BACKOFF;
    return Math.min(firstMs * 2 ** (failures - 1), lastMs) * (0.5 + this.#options.random() / 2);
  }

  #lose(why: string, cause: unknown): void {
    const { sandbox } = this.#options;
    this.#end(
      new SandboxLost(sandbox, `${why}: ${cause instanceof Error ? cause.message : String(cause)}`, cause),
    );
  }

  #end(error: Error): void {
    if (this.#over) return;
    this.#over = error;
    this.#opened.reject(error);
    this.#ended.resolve(error);
    const gone = [...this.#streams.values()];
    this.#streams.clear();
    for (const stream of gone) stream.fail(error);
    this.#stop.abort(error);
    this.#wake();
  }
}

const aborted = (signal: AbortSignal): Promise<'aborted'> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve('aborted');
    else signal.addEventListener('abort', () => resolve('aborted'), { once: true });
  });
