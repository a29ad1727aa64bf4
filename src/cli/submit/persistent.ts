/** Requests to the API server that outlive its restart. */
import { sleep, type Clock } from '../../kube/clock.ts';
import { ApiError } from '../../kube/errors.ts';

export interface Persistence {
  clock: Clock;
  random: () => number;
  signal: AbortSignal;
  /** Told before every pause. */
  onWait?: (error: ApiError) => void;
}

/** In all a minute and a half: an API server of a single node is away for about half a minute when it restarts. */
const PAUSES_MS = [250, 500, 1000, 2000, 4000, ...Array.from({ length: 10 }, () => 8000)];

/**
 * A refusal that concerns this object alone: validation, or a field that the API does not know, which the server calls an error of its own
 * (500) where the object is applied.
 */
export const isAboutObject = (error: unknown): error is ApiError =>
  error instanceof ApiError && concernsObject(error);

const concernsObject = ({ status, message }: ApiError): boolean =>
  status === 400 || status === 422 || message.includes('field not declared in schema');

/** No answer, overload, a server that is going down, a quota's counter that somebody else changed at the same time. */
const isPassing = (error: unknown): error is ApiError =>
  error instanceof ApiError &&
  !concernsObject(error) &&
  (error.status === 0 || error.status === 409 || error.status === 429 || error.status >= 500);

/** Does it again while the failure is one that passes. What is done must bear being done twice: an answer may have been lost. */
export async function persistently<T>(work: () => Promise<T>, options: Persistence): Promise<T> {
  const { clock, random, signal, onWait } = options;
  for (const pause of PAUSES_MS) {
    try {
      return await work();
    } catch (error) {
      if (!isPassing(error)) throw error;
      onWait?.(error);
      await sleep(clock, pause * (1 + random() / 4), signal);
      signal.throwIfAborted();
    }
  }
  return work();
}
