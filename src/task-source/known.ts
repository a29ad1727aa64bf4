/** Tasks that were read before. */
import type { TaskRead } from './read.ts';

/** Of what was read; what is parsed of it takes some three times as much. */
const MAX_BYTES = 8 * 2 ** 20;
/** What an entry takes however little was read. */
const ENTRY_BYTES = 2048;

/** `bytes`: how much was read. Only there where its key will never mean another task. */
export type Fetched = TaskRead & { bytes?: number };

const sizeOf = ({ bytes = 0 }: Fetched): number => bytes + ENTRY_BYTES;

export class KnownTasks {
  /** The one that was used last comes last. */
  readonly #found = new Map<string, Fetched>();
  readonly #asked = new Map<string, Promise<Fetched>>();
  #bytes = 0;

  /** What `fetch` says of a key; Trials that ask at the same time ask once. */
  async get(key: string, fetch: () => Promise<Fetched>): Promise<TaskRead> {
    const known = this.#found.get(key);
    if (known) {
      this.#found.delete(key);
      this.#found.set(key, known);
      return known;
    }
    const asked = this.#asked.get(key) ?? this.#ask(key, fetch);
    return await asked;
  }

  #ask(key: string, fetch: () => Promise<Fetched>): Promise<Fetched> {
    const answer = fetch().finally(() => this.#asked.delete(key));
    this.#asked.set(key, answer);
    return answer.then((read) => {
      if (read.bytes !== undefined) this.#keep(key, read);
      return read;
    });
  }

  #keep(key: string, read: Fetched): void {
    this.#found.set(key, read);
    this.#bytes += sizeOf(read);
    for (const [oldest, known] of this.#found) {
      if (this.#bytes <= MAX_BYTES) return;
      this.#found.delete(oldest);
      this.#bytes -= sizeOf(known);
    }
  }
}
