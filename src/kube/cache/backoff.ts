import type { Clock } from '../../async/clock.ts';

export interface Backoff {
  /** How long to wait before the next try, in milliseconds. */
  next(): number;
}

export interface BackoffOptions {
  clock: Pick<Clock, 'monotonic'>;
  random: () => number;
  firstMs: number;
  maxMs: number;
  /** After this long without a failure the next one is treated as the first. */
  resetAfterMs: number;
}

/** As client-go's reflector, but for 20 s at most where that waits for a minute: 800 ms, doubled, up to twice as long by chance, forgotten after 2 healthy minutes. */
export const REFLECTOR_BACKOFF = { firstMs: 800, maxMs: 10_000, resetAfterMs: 120_000 };

export function createBackoff(options: BackoffOptions): Backoff {
  const { clock, random, firstMs, maxMs, resetAfterMs } = options;
  let failures = 0;
  let last = Number.NEGATIVE_INFINITY;
  return {
    next() {
      const now = clock.monotonic();
      if (now - last > resetAfterMs) failures = 0;
      last = now;
      return Math.min(maxMs, firstMs * 2 ** failures++) * (1 + random());
    },
  };
}
