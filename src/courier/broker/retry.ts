import { retry } from '../../async/retry.ts';
import { explain } from '../failure.ts';
import { HttpFailure } from './http.ts';

/** How long and how often to try. */
export interface Patience {
  /** Milliseconds from the first failure after which the last one is thrown. */
  totalMs: number;
  note: (line: string) => void;
  /** Aborted: no further try. */
  stop?: AbortSignal;
  /** Further failures that may pass. */
  mayPass?: (error: unknown) => boolean;
  random?: () => number;
}

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 8000;
/** Answers that another replica, or the same one later, may not give. */
const TRANSIENT = new Set([408, 425, 429, 500, 502, 503, 504]);

/** True for failures that may pass: every failure to get an answer at all, and some answers. */
export const isTransient = (error: unknown): boolean =>
  !(error instanceof HttpFailure) || TRANSIENT.has(error.status);

const FRESH_URLS = 3;

/** The answer to a presigned URL that has expired: it passes with a fresh one, if that is all. */
export function expiredFewTimes(): (error: unknown) => boolean {
  let left = FRESH_URLS;
  return (error) => error instanceof HttpFailure && error.status === 403 && left-- > 0;
}

/** Calls until it succeeds, fails for good, or patience is over. Both replicas of the operator may be gone for a minute. */
export async function patiently<T>(what: string, call: () => Promise<T>, patience: Patience): Promise<T> {
  const { totalMs, note, stop, mayPass = () => false, random = Math.random } = patience;
  let firstFailure: number | undefined;
  let last: unknown;
  const pauseMs = (error: unknown, failures: number): number | undefined => {
    last = error;
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1)) * (0.5 + random());
    firstFailure ??= performance.now();
    const isOver = performance.now() + pause - firstFailure > totalMs;
    const passes = isTransient(error) || mayPass(error);
    if (isOver || !passes || stop?.aborted) return undefined;
    note(`${what} failed, trying again: ${explain(error)}`);
    return pause;
  };
  try {
    return await retry(call, { pauseMs, signal: stop });
  } catch (error) {
    // Told to stop while it waited: why it waited says more than that.
    throw stop?.aborted ? last : error;
  }
}
