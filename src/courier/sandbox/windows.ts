/**
 * What of a file may be on its way. The windows of the hand protocol are made for a socket in the Pod; a way round the world holds more, and would
 * stand empty most of the time. So the courier keeps some of what comes for sbd, and asks sbd by itself for what a program has room for.
 */
import type { Frame } from '../../wire/hand/frames.ts';
import { CHANNEL, STDIN_WINDOW, WINDOW } from '../../wire/hand/protocol.ts';

/** Kept of one file that comes, beyond what sbd has room for. */
export const AHEAD = 1024 * 1024;
/** Of all files that come at one time; others have sbd's window. */
const ALL_AHEAD = 4 * AHEAD;
let taken = 0;

/** `whole`: the frame as it came, where nothing was taken from it. */
type Send = (frame: Frame, whole?: Buffer) => void;
type Input = Extract<Frame, { type: 'data' | 'eof' }>;
type Waiting = [frame: Input, whole?: Buffer];

/** What comes from a program: waits here until sbd has room. */
export class Incoming {
  readonly #toSbd: Send;
  readonly #toProgram: Send;
  readonly #waiting: Waiting[] = [];
  #ahead = 0;
  #limit = STDIN_WINDOW;

  constructor({ toSbd, toProgram }: { toSbd: Send; toProgram: Send }) {
    this.#toSbd = toSbd;
    this.#toProgram = toProgram;
  }

  /** From now on more than sbd's window may be on its way, if there is memory for it. */
  goAhead(): void {
    if (taken + AHEAD > ALL_AHEAD) return;
    taken += AHEAD;
    this.#ahead = AHEAD;
    this.#allow();
  }

  take(...[frame, whole]: Waiting): void {
    // More than was allowed is not kept: sbd says what is wrong with it.
    const isTooMuch = frame.type === 'data' && frame.offset + frame.bytes.length > this.#limit + this.#ahead;
    if (isTooMuch) return this.#toSbd(frame, whole);
    this.#waiting.push(whole ? [frame, whole] : [frame]);
    this.#pass();
  }

  /** sbd has room up to there. */
  allow(upTo: number): void {
    this.#limit = Math.max(this.#limit, upTo);
    this.#pass();
    this.#allow();
  }

  /** Nobody takes anything any more. */
  close(): void {
    this.#waiting.length = 0;
    taken -= this.#ahead;
    this.#ahead = 0;
  }

  #allow(): void {
    const upTo = this.#limit + this.#ahead;
    this.#toProgram({ type: 'credit', stream: 0, channel: CHANNEL.input, upTo });
  }

  #pass(): void {
    for (let [first] = this.#waiting; first; [first] = this.#waiting) {
      const [next, whole] = first;
      const room = next.type === 'eof' ? Infinity : this.#limit - next.offset;
      if (room <= 0) return;
      if (next.type === 'data' && next.bytes.length > room) {
        const { bytes, offset } = next;
        this.#toSbd({ ...next, bytes: bytes.subarray(0, room) });
        this.#waiting[0] = [{ ...next, bytes: bytes.subarray(room), offset: offset + room }];
        return;
      }
      this.#waiting.shift();
      this.#toSbd(next, whole);
    }
  }
}

/** What goes to a program: sbd is asked for its window after what has passed here, and never for more than the program wants. */
export class Outgoing {
  readonly #toSbd: Send;
  readonly #isFull: () => boolean;
  #wanted = WINDOW;
  #passed = 0;
  #asked = WINDOW;

  constructor({ toSbd, isFull }: { toSbd: Send; isFull: () => boolean }) {
    this.#toSbd = toSbd;
    this.#isFull = isFull;
  }

  /** The program takes what comes up to there. */
  want(upTo: number): void {
    this.#wanted = Math.max(this.#wanted, upTo);
    this.ask();
  }

  /** It has been sent everything up to there. */
  passed(offset: number): void {
    this.#passed = offset;
    this.ask();
  }

  /** Again where too much was on its way before. */
  ask(): void {
    const upTo = Math.min(this.#wanted, this.#passed + WINDOW);
    const isAll = upTo === this.#wanted && upTo > this.#asked;
    if (this.#isFull() || !(isAll || upTo >= this.#asked + WINDOW / 4)) return;
    this.#asked = upTo;
    this.#toSbd({ type: 'credit', stream: 0, channel: CHANNEL.output, upTo });
  }
}
