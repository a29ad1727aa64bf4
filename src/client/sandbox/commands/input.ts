/** What a command reads: sent once, and kept until it is known to have arrived. */
import { STDIN_WINDOW } from '../../../wire/hand/protocol.ts';
import type { Outflow } from '../../../hand/stream.ts';

/** Bytes are in pieces of this size, so that no more is kept than has to be. */
const PIECE = 32 * 1024;

/** Missing bytes cannot be sent again. */
export class InputLost extends Error {
  override readonly name = 'InputLost';
}

export class Input {
  readonly #room: () => Promise<void>;
  /** The last bytes that were written; whoever receives them allows no more than a window beyond what it has. */
  #tail: Buffer = Buffer.alloc(0);
  #written = 0;
  #isOver = false;
  #outflow = Promise.withResolvers<Outflow | undefined>();

  /** `room` resolves when there is room on the link. */
  constructor(room: () => Promise<void>) {
    this.#room = room;
  }

  /** Goes on with a stream on which so many bytes have arrived before. Rejects with InputLost. */
  async attach(outflow: Outflow, arrived: number): Promise<void> {
    const missing = this.#written - arrived;
    if (missing > this.#tail.length)
      throw new InputLost(`${missing} bytes that were written to the command have not arrived`);
    if (missing > 0) await outflow.write(this.#tail.subarray(this.#tail.length - missing));
    if (this.#isOver) outflow.end();
    this.#outflow.resolve(outflow);
  }

  /** The stream is no more; what is written waits for the next. */
  detach(): void {
    this.#outflow = Promise.withResolvers<Outflow | undefined>();
  }

  /** No stream follows. */
  close(): void {
    this.#outflow.resolve(undefined);
    this.#outflow = Promise.withResolvers<Outflow | undefined>();
    this.#outflow.resolve(undefined);
  }

  /** Resolves when it is on its way; false where nobody reads any more. */
  async write(bytes: Uint8Array): Promise<boolean> {
    for (let at = 0; at < bytes.length; at += PIECE) {
      const piece = bytes.subarray(at, at + PIECE);
      await this.#room();
      const outflow = await this.#outflow.promise;
      if (!outflow) return false;
      this.#tail = Buffer.concat([this.#tail.subarray(-STDIN_WINDOW), piece]);
      this.#written += piece.length;
      const taken = await outflow.write(piece);
      // A later stream brings it, where there is one.
      if (!taken && outflow === (await this.#outflow.promise)) return false;
    }
    return true;
  }

  async end(): Promise<void> {
    const outflow = await this.#outflow.promise;
    this.#isOver = true;
    outflow?.end();
  }
}
