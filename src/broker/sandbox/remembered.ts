/** Answers of the API server that are good for a while: whoever asks the same again, or meanwhile, gets the same. */
import { Lru } from '../../async/lru.ts';

interface Entry<V> {
  answer: Promise<V>;
  /** Infinite while there is no answer yet. */
  untilMs: number;
}

export interface RememberedOptions<V> {
  /** Entries at most. */
  size: number;
  now: () => Date;
  /** How long an answer is good for. */
  goodMs: (answer: V) => number;
}

/** A bounded number of answers. One that failed is forgotten. */
export class Remembered<V> {
  readonly #entries: Lru<Entry<V>>;
  readonly #options: RememberedOptions<V>;

  constructor(options: RememberedOptions<V>) {
    this.#options = options;
    this.#entries = new Lru(options.size);
  }

  /** The answer that is known, else that of `ask`; undefined where it is not known and `mayAsk` says no. */
  answer(key: string, mayAsk: () => boolean, ask: () => Promise<V>): Promise<V> | undefined {
    const entry = this.#entries.get(key);
    if (entry && entry.untilMs > this.#options.now().getTime()) return entry.answer;
    this.#entries.delete(key);
    return mayAsk() ? this.#keep(key, ask()) : undefined;
  }

  #keep(key: string, answer: Promise<V>): Promise<V> {
    const { now, goodMs } = this.#options;
    const entry: Entry<V> = { answer, untilMs: Infinity };
    this.#entries.set(key, entry);
    answer.then(
      (value) => (entry.untilMs = now().getTime() + goodMs(value)),
      () => this.#entries.delete(key),
    );
    return answer;
  }
}
