/** Counts and times what providers are asked. */
import type { Counter, Histogram, Registry } from 'prom-client';
import { counter, histogram } from '../metrics/table.ts';
import { ProviderError } from './errors.ts';
import { intercept } from './intercept.ts';

export interface ProviderMetrics {
  /** Seconds by port and method; its count is the number of calls. */
  seconds: Histogram<'port' | 'method'>;
  failures: Counter<'port' | 'method' | 'reason'>;
}

/** Registers the metrics; once a registry. */
export const providerMetrics = (registry: Registry): ProviderMetrics => ({
  seconds: histogram(registry, 'sb_provider_call_duration_seconds'),
  failures: counter(registry, 'sb_provider_call_failures_total'),
});

const reasonOf = (error: unknown): string => (error instanceof ProviderError ? error.reason : 'Unknown');

/** The port, measured under the name `port`. Inside `retried` it sees each attempt, around it only the last. */
export function metered<P extends object>(port: P, name: string, { seconds, failures }: ProviderMetrics): P {
  const begin = (method: string) => ({
    end: seconds.startTimer({ port: name, method }),
    fail: (error: unknown) => failures.inc({ port: name, method, reason: reasonOf(error) }),
  });
  return intercept(port, {
    async call(method, first) {
      const { end, fail } = begin(method);
      try {
        return await first;
      } catch (error) {
        fail(error);
        throw error;
      } finally {
        end();
      }
    },
    async *sequence(method, sequence) {
      const { end, fail } = begin(method);
      try {
        yield* sequence;
      } catch (error) {
        fail(error);
        throw error;
      } finally {
        end();
      }
    },
  });
}
