/** When Pods of pools are taken. */

/** Pods of one pool that are taken one soon after the other; milliseconds since the epoch. */
export interface Burst {
  since: number;
  last: number;
}

/** A burst is over after so long without one. */
const PAUSE_MS = 1000;
/** One that lasts longer is how the pool is used, and it is filled beside it. */
const LONGEST_MS = 5000;

/** What this process knows of it: another leader begins anew, and fills pools a moment sooner. */
export class Takings {
  readonly #bursts = new Map<string, Burst>();

  /** One is being taken of the pool with this UID. */
  note(pool: string, at: number): void {
    const before = this.#bursts.get(pool);
    const since = before && isWithin(at - before.last, PAUSE_MS) ? before.since : at;
    this.#bursts.set(pool, { since, last: at });
  }

  of(pool: string): Burst | undefined {
    return this.#bursts.get(pool);
  }

  forget(pool: string): void {
    this.#bursts.delete(pool);
  }
}

/** Clocks may be put back. */
const isWithin = (ms: number, most: number): boolean => ms >= 0 && ms < most;

/** Milliseconds until a burst is over, or has lasted for too long; undefined where it is, or has. */
export function burstLeftMs({ since, last }: Burst, now: Date): number | undefined {
  const [pause, length] = [now.getTime() - last, now.getTime() - since];
  return isWithin(pause, PAUSE_MS) && isWithin(length, LONGEST_MS)
    ? Math.min(PAUSE_MS - pause, LONGEST_MS - length)
    : undefined;
}
