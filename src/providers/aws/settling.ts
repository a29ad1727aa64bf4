/** IAM is eventually consistent: what was allowed a moment ago may still be refused. */
import { ProviderError } from '../errors.ts';
import { Lru } from '../../async/lru.ts';
import { intercept } from '../intercept.ts';
import type { SdkError } from './errors.ts';

/** A refusal is believed when the same has been said for so long. */
const SETTLE_MS = 120_000;
/** A refusal that was not heard for so long begins anew. */
const FORGET_MS = 5 * SETTLE_MS;
const REFUSALS_KEPT = 1_000;

/** An answer of AWS; refusals of other registries come without the SDK. */
const isRefusal = (error: unknown): error is ProviderError =>
  error instanceof ProviderError &&
  error.reason === 'AccessDenied' &&
  (error.cause as SdkError | undefined)?.$metadata !== undefined;

/** The port, whose refusals are `Unavailable` for the first two minutes. `now`: milliseconds that never jump. */
export function settling<P extends object>(port: P, now: () => number): P {
  const heard = new Lru<{ first: number; last: number }>(REFUSALS_KEPT);
  const believed = (error: ProviderError): ProviderError => {
    const known = heard.get(error.message);
    const first = known && now() - known.last < FORGET_MS ? known.first : now();
    heard.set(error.message, { first, last: now() });
    if (now() - first >= SETTLE_MS) return error;
    const message = `${error.message}; retried for two minutes, because new permissions take time to apply`;
    return new ProviderError('Unavailable', message, { cause: error });
  };
  return intercept(port, {
    call: (_method, first) =>
      first.catch((error: unknown) => {
        throw isRefusal(error) ? believed(error) : error;
      }),
  });
}
