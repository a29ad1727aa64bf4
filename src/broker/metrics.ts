import { Counter, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import type { RefusalReason } from './refusal.ts';

/** What the broker reports of each request it answered. */
export interface BrokerMetrics {
  answered(answer: { route: string; status: number; seconds: number; refusal?: RefusalReason }): void;
}

export function brokerMetrics(registry: Registry): BrokerMetrics {
  const registers = [registry];
  const requests = new Counter({
    name: 'sb_broker_requests_total',
    help: 'Requests of couriers by route and HTTP status',
    labelNames: ['route', 'code'],
    registers,
  });
  const refusals = new Counter({
    name: 'sb_broker_refusals_total',
    help: 'Requests that were not served, by reason',
    labelNames: ['reason'],
    registers,
  });
  const time = new Histogram({
    name: 'sb_broker_request_seconds',
    help: 'Time from the end of the request’s headers to the answer',
    labelNames: ['route'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20],
    registers,
  });
  return {
    answered({ route, status, seconds, refusal }) {
      requests.inc({ route, code: String(status) });
      time.observe({ route }, seconds);
      if (refusal) refusals.inc({ reason: refusal });
    },
  };
}
