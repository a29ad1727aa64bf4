/** One stream to sbd: what arrives on its channels, as readable streams with back-pressure, and how it ended. */
import { Readable } from 'node:stream';
import { CHANNEL, STDIN_WINDOW, WINDOW } from '../wire/hand/protocol.ts';
import type { Channel, Exit, Failure, Reason, Started } from '../wire/hand/protocol.ts';
import { DATA_MAX } from '../wire/hand/frames.ts';
import type { Frame } from '../wire/hand/frames.ts';

/** sbd says why it did not do something. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly reason: Reason;

  constructor({ reason, message }: Failure) {
    super(message);
    this.reason = reason;
  }
}

/** The connection to sbd has ended, so it is not known what became of something. Never the same as an exit. */
export class HandLost extends Error {
  override readonly name = 'HandLost';
}

/** What arrives on one channel. It reads no further than its reader does, and so nor does the program. */
export class Inflow extends Readable {
  readonly #allow: (upTo: number) => void;
  readonly #mayJump: boolean;
  readonly #window: number;
  /** Offset of the next byte that is to arrive. */
  offset = 0;
  /** Bytes that were no longer to be had: an earlier reader had taken them, or this one was too slow. */
  lost = 0;
  #granted = WINDOW;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #thirsty = false;
  #complete = false;

  /** Where its reader only looks on, it is told of bytes that it missed by an offset further on. */
  constructor(allow: (upTo: number) => void, { observe = false, window = WINDOW }: Partial<Wanted> = {}) {
    super({ highWaterMark: DATA_MAX });
    this.#allow = allow;
    this.#mayJump = observe;
    this.#window = window;
  }

  /** Where the data begin; `wanted` is where they should. */
  begin(offset: number, wanted: number): void {
    this.offset = offset;
    this.lost = Math.max(0, offset - wanted);
    this.#granted = offset + WINDOW;
  }

  arrive(offset: number, bytes: Uint8Array): void {
    this.#jump(offset);
    if (offset !== this.offset || this.#heldBytes + bytes.length > this.#window)
      return void this.destroy(new HandLost(`bytes from ${offset} arrived where ${this.offset} was due`));
    this.offset += bytes.length;
    this.#held.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    this.#heldBytes += bytes.length;
    if (this.#thirsty) this.#pass();
  }

  #jump(offset: number): void {
    if (!this.#mayJump || offset <= this.offset) return;
    this.lost += offset - this.offset;
    this.offset = offset;
  }

  /** No byte follows. Where some are missing, that is an error of the stream. */
  finish(total = this.offset): void {
    if (this.#complete) return;
    this.#complete = true;
    this.#jump(total);
    if (total !== this.offset)
      return void this.destroy(new HandLost(`the output ended at ${this.offset} of ${total} bytes`));
    this.#held.push(Buffer.alloc(0));
    if (this.#thirsty) this.#pass();
  }

  override _read(): void {
    this.#thirsty = true;
    this.#pass();
  }

  #pass(): void {
    for (let next = this.#held.shift(); next; next = this.#held.shift()) {
      if (next.length === 0) return void this.push(null);
      this.#heldBytes -= next.length;
      this.#thirsty = this.push(next);
      this.#grant();
      if (!this.#thirsty) return;
    }
  }

  #grant(): void {
    const upTo = this.offset - this.#heldBytes + this.#window;
    if (upTo < this.#granted + WINDOW / 4) return;
    this.#granted = upTo;
    this.#allow(upTo);
  }
}

/** What goes to sbd on the channel of input, no faster than it is taken. */
export class Outflow {
  readonly #send: (frame: Frame) => void;
  readonly #stream: number;
  #offset = 0;
  #allowed = STDIN_WINDOW;
  #moved = Promise.withResolvers<void>();
  #refused = false;

  constructor(stream: number, send: (frame: Frame) => void) {
    this.#stream = stream;
    this.#send = send;
  }

  /** Goes on where an earlier stream has stopped. */
  begin(offset: number): void {
    this.#offset = offset;
    this.#allowed = offset + STDIN_WINDOW;
  }

  allow(upTo: number): void {
    this.#allowed = Math.max(this.#allowed, upTo);
    this.#wake();
  }

  /** Nobody reads any more. */
  refuse(): void {
    this.#refused = true;
    this.#wake();
  }

  /** Resolves when it is on its way; false where nobody reads any more. */
  async write(bytes: Uint8Array): Promise<boolean> {
    for (let at = 0; at < bytes.length && !this.#refused;) {
      const room = Math.min(this.#allowed - this.#offset, DATA_MAX);
      if (room <= 0) {
        await this.#moved.promise;
        continue;
      }
      const piece = bytes.subarray(at, at + room);
      this.#send({
        type: 'data',
        stream: this.#stream,
        channel: CHANNEL.input,
        offset: this.#offset,
        bytes: piece,
      });
      this.#offset += piece.length;
      at += piece.length;
    }
    return !this.#refused;
  }

  end(): void {
    if (this.#refused) return;
    this.#send({ type: 'eof', stream: this.#stream, channel: CHANNEL.input, total: this.#offset });
    this.#refused = true;
  }

  #wake(): void {
    this.#moved.resolve();
    this.#moved = Promise.withResolvers<void>();
  }
}

export type Ended = { kind: 'exit'; exit: Exit } | { kind: 'result'; result: Record<string, unknown> };

/** Offsets from which output is wanted. `observe`: its reader only looks on, so there may be gaps, which `lost` counts. */
export interface Wanted {
  output: number;
  error: number;
  observe?: boolean;
  /** Bytes that may be on their way on a channel, where that is more than the protocol’s window: whoever sends has to know of it. */
  window?: number;
}

/** A stream that is open. */
export class HandStream {
  readonly id: number;
  readonly output: Inflow;
  readonly error: Inflow;
  readonly input: Outflow;
  readonly #started = Promise.withResolvers<Started>();
  readonly #connected = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<Ended>();
  readonly #wanted: Wanted;
  #over = false;

  /** Rejects with Refused or HandLost. */
  readonly started = this.#started.promise;
  readonly connected = this.#connected.promise;
  readonly ended = this.#ended.promise;

  constructor(id: number, send: (frame: Frame) => void, wanted: Wanted = { output: 0, error: 0 }) {
    this.id = id;
    this.#wanted = wanted;
    const inflow = (channel: Channel): Inflow =>
      new Inflow((upTo) => this.#over || send({ type: 'credit', stream: id, channel, upTo }), wanted);
    this.output = inflow(CHANNEL.output);
    this.error = inflow(CHANNEL.error);
    this.input = new Outflow(id, (frame) => this.#over || send(frame));
    for (const flow of [this.output, this.error]) flow.on('error', () => {});
    this.#started.promise.catch(() => {});
    this.#connected.promise.catch(() => {});
    this.#ended.promise.catch(() => {});
  }

  /** True when nothing follows. */
  receive(frame: Frame): boolean {
    switch (frame.type) {
      case 'started':
        this.#begin(frame.body);
        return false;
      case 'connected':
        this.#connected.resolve();
        return false;
      case 'data':
        this.#flow(frame.channel)?.arrive(frame.offset, frame.bytes);
        return false;
      case 'eof':
        if (frame.channel === CHANNEL.input) this.input.refuse();
        else this.#flow(frame.channel)?.finish(frame.total);
        return false;
      case 'credit':
        this.input.allow(frame.upTo);
        return false;
      default:
        return this.#end(frame);
    }
  }

  fail(error: Error): void {
    this.#over = true;
    this.#started.reject(error);
    this.#connected.reject(error);
    this.#ended.reject(error);
    this.input.refuse();
    this.output.destroy(error);
    this.error.destroy(error);
  }

  #begin(started: Started): void {
    this.output.begin(started.output, this.#wanted.output);
    this.error.begin(started.error, this.#wanted.error);
    this.input.begin(started.input);
    this.#started.resolve(started);
  }

  #end(frame: Frame): boolean {
    if (frame.type === 'error') this.fail(new Refused(frame.body));
    else if (frame.type === 'exit') this.#settle({ kind: 'exit', exit: frame.body });
    else if (frame.type === 'result') this.#settle({ kind: 'result', result: frame.body });
    else return false;
    return true;
  }

  #settle(ended: Ended): void {
    this.#over = true;
    this.input.refuse();
    this.#ended.resolve(ended);
    // Channels that were never opened end here; those with an end of their own have said so.
    for (const flow of [this.output, this.error]) flow.finish();
  }

  #flow(channel: Channel): Inflow | undefined {
    if (channel === CHANNEL.output) return this.output;
    return channel === CHANNEL.error ? this.error : undefined;
  }
}
