/** Tries again what a provider could not do just now. */
import { setTimeout as wait } from 'node:timers/promises';
import { ProviderError } from './errors.ts';
import { intercept } from './intercept.ts';

export interface RetryPolicy {
  /** Calls in all, the first one among them. */
  attempts?: number;
  /** Longest pause before the second call; doubles with each further one up to `maxMs`. */
  baseMs?: number;
  maxMs?: number;
  /** Within [0, 1). */
  random?: () => number;
  sleep?: (ms: number) => Promise<unknown>;
}

/** A quota frees itself in minutes, not in moments. */
const isBrief = (error: unknown): boolean =>
  error instanceof ProviderError && error.transient && error.reason !== 'QuotaExceeded';

/**
 * The port, with calls that fail for a transient reason made again after a random pause ("full jitter"), so that many callers do not
 * come back together. A conditional put whose answer was lost may then find its own object: `PreconditionFailed` means that
 * somebody wrote it, perhaps we.
 */
export function retried<P extends object>(port: P, policy: RetryPolicy = {}): P {
  const { attempts = 4, baseMs = 200, maxMs = 5_000, random = Math.random, sleep = wait } = policy;
  return intercept(port, {
    async call(_method, first, again) {
      for (let attempt = 1; ; attempt++) {
        try {
          return await (attempt === 1 ? first : again());
        } catch (error) {
          if (attempt >= attempts || !isBrief(error)) throw error;
          await sleep(random() * Math.min(maxMs, baseMs * 2 ** (attempt - 1)));
        }
      }
    },
  });
}
