import { sleep, type Clock } from '../../async/clock.ts';
import { retry } from '../../async/retry.ts';
import { ApiError } from '../errors.ts';
import type { ApiRequest } from './transport.ts';

export interface RetryOptions {
  request: ApiRequest;
  maxRetries: number;
  clock: Clock;
  random: () => number;
}

/** A GET that lost its connection is sent again this often; a write never is, since it may have been carried out. */
const LOST_GET_RETRIES = 3;
const LOST_GET_DELAY_MS = 100;

/** client-go's rule: 429 and 5xx are sent again, and only when the server said when. */
const invites = (error: ApiError): boolean =>
  (error.status === 429 || error.status >= 500) && error.retryAfterMs !== undefined;

function delayMs(error: unknown, tries: number, options: RetryOptions): number | undefined {
  if (!(error instanceof ApiError)) return undefined;
  // The server asks all clients to come back at the same second; a quarter of jitter spreads them.
  const jitter = 1 + options.random() / 4;
  if (invites(error)) return tries < options.maxRetries ? (error.retryAfterMs ?? 0) * jitter : undefined;
  const lostGet = error.reason === 'Unreachable' && options.request.method === 'GET';
  const again = lostGet && tries < Math.min(LOST_GET_RETRIES, options.maxRetries);
  return again ? LOST_GET_DELAY_MS * 2 ** tries * jitter : undefined;
}

/** Runs `attempt` until it succeeds, fails for good, or `request.signal` fires during a wait. */
export const withRetries = <T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> => {
  const { signal } = options.request;
  return retry(attempt, {
    pauseMs: (error, failures) => delayMs(error, failures - 1, options),
    signal,
    sleep: (ms) => sleep(options.clock, ms, signal),
  });
};
