/** Tries again what a provider could not do just now. */
import { retry } from '../async/retry.ts';
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
  const { attempts = 4, baseMs = 200, maxMs = 5_000, random = Math.random, sleep } = policy;
  const pauseMs = (error: unknown, failures: number): number | undefined =>
    failures < attempts && isBrief(error)
      ? random() * Math.min(maxMs, baseMs * 2 ** (failures - 1))
      : undefined;
  return intercept(port, {
    call: (_method, first, again) =>
      retry((failures) => (failures === 0 ? first : again()), { pauseMs, ...(sleep && { sleep }) }),
  });
}
