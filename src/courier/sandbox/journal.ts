/** The last bytes of one channel of a command, by their offsets. It holds no more than was written: a quiet command costs nothing. */

/** Bytes of a block that small pieces share. */
const BLOCK = 32 * 1024;

interface Block {
  /** Offset of its first byte. */
  at: number;
  bytes: Buffer;
  filled: number;
}

/** Blocks that were let go, for the next ones: so passing bytes make no garbage. */
const spare: Buffer[] = [];
const SPARE_MAX = 32;

export class Journal {
  readonly #blocks: Block[] = [];
  #start = 0;
  #head = 0;

  /** Of the first byte that it has. */
  get start(): number {
    return this.#start;
  }

  /** Of the next byte that comes. */
  get head(): number {
    return this.#head;
  }

  /** Memory that it holds. */
  get held(): number {
    return this.#blocks.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  append(bytes: Uint8Array): void {
    for (let rest = bytes; rest.length > 0;) {
      const block = this.#room(rest.length);
      const piece = rest.subarray(0, block.bytes.length - block.filled);
      block.bytes.set(piece, block.filled);
      block.filled += piece.length;
      this.#head += piece.length;
      rest = rest.subarray(piece.length);
    }
  }

  /** Goes on at a later offset: what lies in between never came. */
  skipTo(offset: number): void {
    if (offset <= this.#head) return;
    this.#blocks.length = 0;
    this.#start = offset;
    this.#head = offset;
  }

  /** Bytes from an offset that it has, as many as lie in one piece, at most `max`; none at its head. They are good until the next `trim`. */
  read(offset: number, max: number): Buffer {
    const block = this.#blocks.find(({ at, filled }) => offset < at + filled);
    if (!block) return Buffer.alloc(0);
    const from = offset - block.at;
    return block.bytes.subarray(from, Math.min(block.filled, from + max));
  }

  /** Lets the oldest bytes go beyond the last `keep`, but none from `needed` on. */
  trim(keep: number, needed = this.#head): void {
    const start = Math.max(this.#start, Math.min(needed, this.#head - keep));
    this.#start = start;
    while (this.#blocks[0] && this.#blocks[0].at + this.#blocks[0].filled <= start) {
      const { bytes } = this.#blocks.shift() as Block;
      if (bytes.length === BLOCK && spare.length < SPARE_MAX) spare.push(bytes);
    }
  }

  /** The last block where that has room; else a new one, twice as large as that was. */
  #room(wanted: number): Block {
    const last = this.#blocks.at(-1);
    if (last && last.filled < last.bytes.length) return last;
    const size = Math.min(BLOCK, Math.max(wanted, (last?.bytes.length ?? 0) * 2, 256));
    const bytes = (size === BLOCK ? spare.pop() : undefined) ?? Buffer.allocUnsafeSlow(size);
    const block = { at: this.#head, bytes, filled: 0 };
    this.#blocks.push(block);
    return block;
  }
}
