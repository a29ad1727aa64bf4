/** What a program writes to a command's stdin. It is kept until the command has taken it, so that it can be sent again after a break. */
import { CHANNEL, STDIN_WINDOW } from '../../wire/hand/protocol.ts';
import type { RunRequest } from '../../wire/hand/protocol.ts';
import { DATA_MAX } from '../../wire/hand/frames.ts';
import type { Frame } from '../../wire/hand/frames.ts';
import { Journal } from './journal.ts';

export class Input {
  readonly #journal = new Journal();
  /** How far whoever brings it may go; it is twice the window at most. */
  #acceptable = STDIN_WINDOW;
  /** How far the command may be sent it. */
  #limit = STDIN_WINDOW;
  #sent = 0;
  #total: number | undefined;
  #isEndSent = false;
  #isRefused = false;

  /** Bytes that have arrived. */
  get received(): number {
    return this.#journal.head;
  }

  /** Nobody reads it any more. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  /** Somebody else brings it from now on, and may go a window further than what has arrived. */
  begin(): void {
    this.#acceptable = Math.max(this.#acceptable, this.received + STDIN_WINDOW);
  }

  /** Says what is wrong with it, if anything. */
  take(frame: Extract<Frame, { type: 'data' | 'eof' }>): string | undefined {
    // It came too late; whoever sent it has been told.
    if (this.#isRefused) return undefined;
    if (this.#total !== undefined) return 'input came after its end';
    if (frame.type === 'eof') this.#total = this.received;
    else if (frame.offset !== this.received || frame.offset + frame.bytes.length > this.#acceptable)
      return `input at ${frame.offset} was not expected: ${this.received} bytes are here, ${this.#acceptable} may be`;
    else this.#journal.append(frame.bytes);
    return undefined;
  }

  /** The command may be sent so much: what it has taken is let go. */
  allow(upTo: number): void {
    this.#limit = Math.max(this.#limit, upTo);
    this.#acceptable = Math.max(this.#acceptable, upTo);
    this.#journal.trim(0, this.#limit - STDIN_WINDOW);
  }

  refuse(): void {
    this.#isRefused = true;
    this.#journal.trim(0);
  }

  /** The command has so many bytes: what follows is due again. */
  restart(has: number): void {
    this.#journal.skipTo(has);
    this.#sent = has;
    this.#isEndSent = false;
    this.#limit = has + STDIN_WINDOW;
    this.begin();
  }

  /** Frames that may be sent to the command and have not been. */
  *due(): Generator<Frame> {
    const channel = CHANNEL.input;
    while (this.#sent < Math.min(this.received, this.#limit) && !this.#isRefused) {
      const bytes = this.#journal.read(this.#sent, Math.min(DATA_MAX, this.#limit - this.#sent));
      const offset = this.#sent;
      this.#sent += bytes.length;
      yield { type: 'data', stream: 0, channel, offset, bytes };
    }
    if (this.#total === undefined || this.#isEndSent || this.#sent < this.#total || this.#isRefused) return;
    this.#isEndSent = true;
    yield { type: 'eof', stream: 0, channel, total: this.#total };
  }
}

/** What is wrong with a frame for a command that was started like that; for one of an earlier courier, sbd says it. */
export function faultOf(frame: Frame, run: RunRequest | undefined): string | undefined {
  switch (frame.type) {
    case 'data':
    case 'eof':
      if (frame.channel !== CHANNEL.input) return 'output is the command’s';
      return run && !run.stdin ? 'the command reads nothing' : undefined;
    case 'resize':
      return terminalFault(run);
    case 'signal':
      return frame.scope === 'foreground' ? terminalFault(run) : undefined;
    default:
      return `a command is sent no ${frame.type}`;
  }
}

const terminalFault = (run: RunRequest | undefined): string | undefined =>
  run && !run.pty ? 'the command has no terminal' : undefined;
