/** How many builds may be under way: as many as the operator is set to, and no more than the builder takes. Its quota is the account's, and nobody says how much of that others use. */

/** After so long without a refusal, one build more is tried. */
const RAISE_MS = 60_000;

export class Limit {
  readonly #most: number;
  readonly #now: () => number;
  #learnt: { limit: number; at: number } | undefined;

  /** `now`: milliseconds that never jump. */
  constructor(most: number, now: () => number) {
    this.#most = most;
    this.#now = now;
  }

  get value(): number {
    if (!this.#learnt) return this.#most;
    const { limit, at } = this.#learnt;
    return Math.min(this.#most, limit + Math.floor((this.#now() - at) / RAISE_MS));
  }

  /**
   * The builder was full with so many of ours. Half of them are enough to keep it busy, as it queues several for each that it runs. Refusals
   * that follow one another are one: of them counts the highest.
   */
  refused(taken: number): void {
    const half = Math.max(1, Math.ceil(taken / 2));
    const before = this.#learnt;
    const isSame = before !== undefined && this.#now() - before.at < RAISE_MS;
    this.#learnt = isSame
      ? { ...before, limit: Math.max(half, before.limit) }
      : { limit: half, at: this.#now() };
  }
}
