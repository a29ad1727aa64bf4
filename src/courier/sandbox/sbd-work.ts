/** What sbd does for a program that is no command: files, connections. Its frames go between the program and sbd as they are, with more of a file on its way than sbd holds. */
import type { Frame } from '../../wire/hand/frames.ts';
import { CHANNEL, type Request } from '../../wire/hand/protocol.ts';
import { Refused } from '../../hand/stream.ts';
import type { Relay } from '../hand/sbd/connection.ts';
import type { Sbd } from '../hand/sbd/client.ts';
import { explain } from '../failure.ts';
import type { ToProgram } from './reader.ts';
import { Incoming, Outgoing } from './windows.ts';

/** Bring a file, or many. */
const BRINGING = new Set<Request['op']>(['write', 'untar']);

export class SbdWork {
  readonly #to: ToProgram;
  readonly #incoming: Incoming;
  readonly #outgoing: Outgoing;
  #relay: Relay | undefined;

  constructor(request: Request, to: ToProgram, hand: Pick<Sbd, 'relay'>) {
    this.#to = to;
    const toSbd = (frame: Frame, whole?: Buffer): void =>
      whole ? this.#relay?.pass(whole) : this.#relay?.send(frame);
    this.#incoming = new Incoming({ toSbd, toProgram: to.send });
    this.#outgoing = new Outgoing({ toSbd, isFull: to.isFull });
    const end = {
      receive: (frame: Frame, whole: Buffer) => this.#take(frame, whole),
      fail: (error: Error) => this.#fail(error),
    };
    try {
      this.#relay = hand.relay(request, end);
      if (BRINGING.has(request.op)) this.#incoming.goAhead();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** A frame from the program. */
  receive(frame: Frame, whole: Buffer): void {
    if (frame.type === 'close') this.drop();
    else if (frame.type === 'credit') this.#want(frame);
    else if (frame.type === 'data' || frame.type === 'eof') this.#bring(frame, whole);
  }

  /** There is room again for what goes to the program. */
  pump(): void {
    this.#outgoing.ask();
  }

  /** The program has gone. */
  drop(): void {
    this.#incoming.close();
    this.#relay?.close();
  }

  #want({ channel, upTo }: Extract<Frame, { type: 'credit' }>): void {
    if (channel === CHANNEL.output) this.#outgoing.want(upTo);
  }

  #bring(frame: Extract<Frame, { type: 'data' | 'eof' }>, whole: Buffer): void {
    // Of another channel it says that nobody reads there any more.
    if (frame.channel === CHANNEL.input) this.#incoming.take(frame, whole);
    else this.#relay?.send(frame);
  }

  #take(frame: Frame, whole: Buffer): boolean {
    if (frame.type === 'credit') this.#incoming.allow(frame.upTo);
    else this.#to.pass(whole);
    if (frame.type === 'data' && frame.channel === CHANNEL.output)
      this.#outgoing.passed(frame.offset + frame.bytes.length);
    else if (frame.type === 'eof' && frame.channel === CHANNEL.input) this.#incoming.close();
    const isLast = frame.type === 'result' || frame.type === 'error';
    if (isLast) this.#over();
    return isLast;
  }

  #over(): void {
    this.#incoming.close();
    this.#to.over();
  }

  /** Nobody knows how far it came. */
  #fail(error: unknown): void {
    const reason = error instanceof Refused ? error.reason : 'Internal';
    this.#to.send({ type: 'error', stream: 0, body: { reason, message: explain(error) } });
    this.#over();
  }
}
