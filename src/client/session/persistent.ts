/** Requests to the API server and the store that outlive a restart of either. */
import { sleep, systemClock, type Clock } from '../../async/clock.ts';
import { retry } from '../../async/retry.ts';
import { ApiError } from '../../kube/errors.ts';
import { ProviderError } from '../../providers/errors.ts';
import { isNotLoggedIn } from '../failures/explain.ts';

export interface Persistence {
  /** Ends it; a pause then rejects with the signal's reason. */
  signal: AbortSignal;
  /** Told before every pause. */
  onWait?: (error: ApiError | ProviderError) => void;
  /** Pauses between tries, in milliseconds, beyond the store's own retries; default: a minute and a half in all. */
  pausesMs?: readonly number[];
  clock?: Clock;
  random?: () => number;
}

/** An API server of a single node is away for about half a minute when it restarts. */
const PAUSES_MS = [250, 500, 1000, 2000, 4000, ...Array.from({ length: 10 }, () => 8000)];

/**
 * A refusal that concerns this object alone: validation, or a field that the API does not know, which the server calls an error of its own
 * (500) where the object is applied.
 */
export const isAboutObject = (error: unknown): error is ApiError =>
  error instanceof ApiError && concernsObject(error);

const concernsObject = ({ status, message }: ApiError): boolean =>
  status === 400 || status === 422 || message.includes('field not declared in schema');

/** The store may answer the next time, and nobody has to do anything for it. */
export const mayPass = (error: unknown): error is ProviderError =>
  error instanceof ProviderError &&
  error.transient &&
  error.reason !== 'QuotaExceeded' &&
  !isNotLoggedIn(error);

/** No answer, overload, a server that is going down, a quota's counter that somebody else changed at the same time. */
function isPassing(error: unknown): error is ApiError | ProviderError {
  if (mayPass(error)) return true;
  if (!(error instanceof ApiError) || concernsObject(error)) return false;
  return error.status === 0 || error.status === 409 || error.status === 429 || error.status >= 500;
}

/** How often a refusal is heard before it is believed. */
const REFUSALS = 5;

/** An API server that has just started knows neither roles nor tokens, for a moment. Quotas and policies speak otherwise. */
const mayHaveStarted = (error: unknown): error is ApiError =>
  error instanceof ApiError &&
  (error.status === 401 || (error.status === 403 && /User ".*" cannot \w+ resource/.test(error.message)));

function patience(): typeof isPassing {
  let refusals = 0;
  return (error) => isPassing(error) || (mayHaveStarted(error) && ++refusals < REFUSALS);
}

/** Does it again while the failure is one that passes. What is done must bear being done twice: an answer may have been lost. */
export function persistently<T>(work: () => Promise<T>, options: Persistence): Promise<T> {
  const { signal, onWait, pausesMs = PAUSES_MS, clock = systemClock, random = Math.random } = options;
  const passes = patience();
  const pauseMs = (error: unknown, failures: number): number | undefined => {
    const pause = pausesMs[failures - 1];
    if (pause === undefined || !passes(error) || signal.aborted) return undefined;
    onWait?.(error);
    return pause * (1 + random() / 4);
  };
  return retry(work, { pauseMs, signal, sleep: (ms) => sleep(clock, ms, signal) });
}
