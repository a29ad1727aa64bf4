import { setTimeout as sleep } from 'node:timers/promises';
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
  for (let tries = 0; ; tries += 1) {
    try {
      return await call();
    } catch (error) {
      const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tries) * (0.5 + random());
      firstFailure ??= performance.now();
      const over = performance.now() + pauseMs - firstFailure > totalMs;
      const passes = isTransient(error) || mayPass(error);
      if (
        over ||
        !passes ||
        !(await pause(pauseMs, stop, () => note(`${what} failed, trying again: ${explain(error)}`)))
      )
        throw error;
    }
  }
}

/** False when told to stop, be it meanwhile. */
async function pause(ms: number, stop: AbortSignal | undefined, before: () => void): Promise<boolean> {
  if (stop?.aborted) return false;
  before();
  try {
    await sleep(ms, undefined, stop ? { signal: stop } : {});
    return true;
  } catch {
    return false;
  }
}
