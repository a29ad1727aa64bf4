/** A channel of a command as its reader sees it: one stream, whatever connections bring its bytes. */
import { Readable } from 'node:stream';

export class Tap extends Readable {
  /** Offset of the next byte. */
  offset = 0;
  #drained = Promise.withResolvers<void>();

  override _read(): void {
    this.#drained.resolve();
    this.#drained = Promise.withResolvers<void>();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#drained.resolve();
    done(error);
  }

  /** Passes everything on, no faster than it is read. Rejects with what the source does. */
  async fill(source: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of source) {
      this.offset += chunk.length;
      // What nobody reads any more is let go, so that the program is not held back.
      if (this.destroyed) continue;
      const drained = this.#drained.promise;
      if (!this.push(chunk)) await drained;
    }
  }

  finish(): void {
    if (!this.destroyed) this.push(null);
  }
}
