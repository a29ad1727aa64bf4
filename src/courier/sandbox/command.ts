/**
 * A command of a Sandbox. It belongs to the Sandbox and not to whoever started it: it has one stream to sbd, a journal for each channel, and any
 * number of readers. One of them, the follower, brings its input and holds the program back while it does not read; the others only look on.
 */
import { CHANNEL, WINDOW } from '../../wire/hand/protocol.ts';
import type { Exit, Failure, Request, RunRequest, Started } from '../../wire/hand/protocol.ts';
import type { Frame } from '../../wire/hand/frames.ts';
import type { Relay } from '../hand/sbd/connection.ts';
import type { Sbd } from '../hand/sbd/client.ts';
import { Refused } from '../../hand/stream.ts';
import { explain } from '../failure.ts';
import { faultOf, Input } from './input.ts';
import { Journal } from './journal.ts';
import { OUTPUTS } from './reader.ts';
import type { Output, Reader, Written } from './reader.ts';

export interface CommandOptions {
  id: string;
  hand: Pick<Sbd, 'relay' | 'ready'>;
  /** What it is started with; missing: an earlier courier has started it. */
  run?: RunRequest;
  /** Bytes of each channel that are kept for who comes later. */
  keep: () => number;
  /** It has ended, or was never there. */
  onOver: (started: boolean) => void;
}

type State = 'starting' | 'running' | 'ended' | 'failed';

export class Command {
  readonly id: string;
  readonly #options: CommandOptions;
  readonly #written: Record<Output, Written> = {
    [CHANNEL.output]: { journal: new Journal() },
    [CHANNEL.error]: { journal: new Journal() },
  };
  readonly #granted: Record<Output, number> = { [CHANNEL.output]: 0, [CHANNEL.error]: 0 };
  readonly #input = new Input();
  readonly #readers = new Set<Reader>();
  #follower: Reader | undefined;
  #relay: Relay | undefined;
  #state: State = 'starting';
  #isReleased = false;
  #started: Started | undefined;
  #exit: Exit | undefined;
  #failure: Failure | undefined;

  constructor(options: CommandOptions) {
    this.id = options.id;
    this.#options = options;
    const { run, id } = options;
    this.#open(run ?? { op: 'attach', id });
  }

  get isRunning(): boolean {
    return this.#state === 'starting' || this.#state === 'running';
  }

  get pid(): number {
    return this.#started?.pid ?? 0;
  }

  /** Memory that its output takes. */
  get held(): number {
    return OUTPUTS.reduce((sum, channel) => sum + this.#written[channel].journal.held, 0);
  }

  /** Adds a reader; one that does not only look on takes the place of the follower. */
  attach(reader: Reader): void {
    if (this.#failure) return reader.fail(this.#failure.reason, this.#failure.message);
    if (!reader.observes) {
      const before = this.#follower;
      this.#follower = reader;
      if (before) {
        this.#readers.delete(before);
        before.fail('Cancelled', 'another stream has attached to the command');
      }
    }
    this.#readers.add(reader);
    if (this.#started) this.#begin(reader, this.#started);
    this.pump();
  }

  /** The program goes on. */
  detach(reader: Reader): void {
    this.#readers.delete(reader);
    if (this.#follower === reader) this.#follower = undefined;
    this.pump();
  }

  /** A frame from a reader. */
  receive(reader: Reader, frame: Frame): void {
    if (frame.type === 'close') return this.detach(reader);
    if (frame.type === 'credit' && frame.channel !== CHANNEL.input) {
      reader.allow(frame.channel, frame.upTo);
      return this.pump();
    }
    const fault = this.#give(reader, frame);
    if (fault === undefined) return;
    this.detach(reader);
    reader.fail('BadRequest', fault);
  }

  /** Hands on what there is, as far as readers may go, and lets the program go on as far as the follower has come. */
  pump(): void {
    for (const channel of OUTPUTS) {
      for (const reader of this.#readers) reader.pump(channel, this.#written[channel]);
      this.#grant(channel);
    }
    const exit = this.#exit;
    if (exit) for (const reader of this.#readers) if (reader.end(exit, this.#written)) this.#forget(reader);
  }

  /** Lets its output go but for the last bytes. */
  shrink(keep: number): void {
    for (const channel of OUTPUTS) this.#written[channel].journal.trim(keep);
  }

  /** It has ended, and its output is here: sbd can forget it. */
  release(): void {
    this.#isReleased = true;
    this.#relay?.close();
    this.#relay = undefined;
  }

  #forget(reader: Reader): void {
    this.#readers.delete(reader);
    if (this.#follower === reader) this.#follower = undefined;
  }

  /** Hands a frame to the program; says what is wrong with it, if anything. */
  #give(reader: Reader, frame: Frame): string | undefined {
    if (reader !== this.#follower) return 'who only looks on at a command has no say in it';
    if (this.#exit) return undefined;
    const fault = faultOf(frame, this.#options.run);
    if (fault !== undefined) return fault;
    if (frame.type === 'data' || frame.type === 'eof') {
      const misfit = this.#input.take(frame);
      if (misfit === undefined) this.#feed();
      return misfit;
    }
    // Nobody is there to take it while sbd is away.
    this.#relay?.send(frame);
    return undefined;
  }

  #feed(): void {
    if (this.#relay && this.#state === 'running')
      for (const frame of this.#input.due()) this.#relay.send(frame);
  }

  #begin(reader: Reader, started: Started): void {
    reader.begin({ ...started, input: this.#input.received }, this.#written);
    if (reader !== this.#follower) return;
    this.#input.begin();
    if (this.#input.isRefused) this.#sayRefused(reader);
  }

  #sayRefused(reader: Reader): void {
    reader.send({ type: 'eof', stream: 0, channel: CHANNEL.input, total: this.#input.received });
  }

  #open(request: Request): void {
    const end = { receive: (frame: Frame) => this.#take(frame), fail: () => this.#reopen() };
    try {
      this.#relay = this.#options.hand.relay(request, end);
    } catch (error) {
      if (error instanceof Refused) this.#fail({ reason: error.reason, message: error.message });
      else this.#reopen();
    }
  }

  /** The connection to sbd was lost. Where nobody knows whether the command has started, it is started again if it has not. */
  #reopen(): void {
    this.#relay = undefined;
    if (this.#state === 'failed' || this.#isReleased) return;
    const attach = {
      op: 'attach' as const,
      id: this.id,
      output: this.#written[CHANNEL.output].journal.head,
      error: this.#written[CHANNEL.error].journal.head,
    };
    this.#options.hand.ready().then(
      () => this.#open(attach),
      (error: unknown) => this.#fail({ reason: 'Killed', message: explain(error) }),
    );
  }

  /** A frame from sbd; true when nothing follows. */
  #take(frame: Frame): boolean {
    switch (frame.type) {
      case 'started':
        this.#beginAll(frame.body);
        return false;
      case 'data':
        this.#append(frame);
        return false;
      case 'eof':
        if (frame.channel === CHANNEL.input) this.#refuseInput();
        else this.#written[frame.channel].total = frame.total;
        this.pump();
        return false;
      case 'credit':
        this.#input.allow(frame.upTo);
        this.#feed();
        this.#follower?.send(frame);
        return false;
      case 'exit':
        if (!this.#exit) this.#end(frame.body);
        // It stays known to sbd until `release`.
        return false;
      case 'error':
        this.#refused(frame.body);
        return true;
      default:
        return false;
    }
  }

  #beginAll(started: Started): void {
    this.#started = started;
    if (this.#isReleased) return this.release();
    if (this.#state === 'starting') this.#state = 'running';
    const from: Record<Output, number> = {
      [CHANNEL.output]: started.output,
      [CHANNEL.error]: started.error,
    };
    for (const channel of OUTPUTS) {
      this.#written[channel].journal.skipTo(from[channel]);
      this.#granted[channel] = from[channel] + WINDOW;
    }
    this.#input.restart(started.input);
    this.#feed();
    for (const reader of this.#readers) this.#begin(reader, started);
    this.pump();
  }

  #append({ channel, offset, bytes }: Extract<Frame, { type: 'data' }>): void {
    if (channel === CHANNEL.input) return;
    const { journal } = this.#written[channel];
    journal.skipTo(offset);
    journal.append(bytes.subarray(journal.head - offset));
    this.pump();
  }

  #refuseInput(): void {
    this.#input.refuse();
    if (this.#follower) this.#sayRefused(this.#follower);
  }

  #grant(channel: Output): void {
    const { journal } = this.#written[channel];
    const needed = this.#follower?.at(channel) ?? journal.head;
    journal.trim(this.#options.keep(), Math.max(needed, journal.start));
    const upTo = needed + WINDOW;
    if (this.#exit || upTo < this.#granted[channel] + WINDOW / 4) return;
    this.#granted[channel] = upTo;
    this.#relay?.send({ type: 'credit', stream: 0, channel, upTo });
  }

  #end(exit: Exit): void {
    this.#exit = exit;
    this.#state = 'ended';
    this.pump();
    this.#options.onOver(true);
  }

  #refused({ reason, message }: Failure): void {
    this.#relay = undefined;
    if (this.#state === 'starting') {
      const { run } = this.#options;
      // An attempt to find out whether it had started.
      if (reason === 'CommandMissing' && run) this.#open(run);
      else this.#fail({ reason, message });
    } else if (this.#state === 'running' && reason === 'BadRequest') {
      // Its follower has sent what does not fit it. The command goes on.
      const follower = this.#follower;
      if (follower) {
        this.#forget(follower);
        follower.fail('BadRequest', message);
      }
      this.#reopen();
    } else if (this.#state === 'running') this.#fail({ reason, message });
  }

  #fail({ reason, message }: Failure): void {
    const had = this.#started !== undefined;
    this.#state = 'failed';
    this.#failure = { reason, message };
    for (const reader of this.#readers) {
      this.#forget(reader);
      reader.fail(reason, message);
    }
    this.#options.onOver(had);
  }
}
