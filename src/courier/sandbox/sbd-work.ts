/** What sbd does for a program that is no command: files, connections. Its frames go between the program and sbd as they are, with the credit of both ends. */
import type { Frame } from '../../wire/hand/frames.ts';
import type { Request } from '../../wire/hand/protocol.ts';
import { Refused } from '../../hand/stream.ts';
import type { Relay } from '../hand/sbd/connection.ts';
import type { Sbd } from '../hand/sbd/client.ts';
import { explain } from '../failure.ts';
import type { ToProgram } from './reader.ts';

export class SbdWork {
  readonly #to: ToProgram;
  #relay: Relay | undefined;
  /** Credit of the program's that waits until less is on its way to it. */
  #credit: Frame | undefined;

  constructor(request: Request, to: ToProgram, hand: Pick<Sbd, 'relay'>) {
    this.#to = to;
    const end = { receive: (frame: Frame) => this.#take(frame), fail: (error: Error) => this.#fail(error) };
    try {
      this.#relay = hand.relay(request, end);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** A frame from the program. */
  receive(frame: Frame): void {
    if (frame.type === 'close') this.#relay?.close();
    else if (frame.type === 'credit' && this.#to.isFull()) this.#credit = frame;
    else if (['data', 'eof', 'credit'].includes(frame.type)) this.#relay?.send(frame);
  }

  /** There is room again for what goes to the program. */
  pump(): void {
    if (this.#credit) this.#relay?.send(this.#credit);
    this.#credit = undefined;
  }

  /** The program has gone. */
  drop(): void {
    this.#relay?.close();
  }

  #take(frame: Frame): boolean {
    this.#to.send(frame);
    const isLast = frame.type === 'result' || frame.type === 'error';
    if (isLast) this.#to.over();
    return isLast;
  }

  /** Nobody knows how far it came. */
  #fail(error: unknown): void {
    const reason = error instanceof Refused ? error.reason : 'Internal';
    this.#to.send({ type: 'error', stream: 0, body: { reason, message: explain(error) } });
    this.#to.over();
  }
}
