import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import type { TunnelPurpose } from '../wire/tunnel.ts';
import type { RefusalReason } from './refusal.ts';
import type { Way } from './sandbox/caller.ts';
import type { PipeEnd } from './sandbox/pipe.ts';

/** Bytes that the client of a tunnel, or of a Sandbox's connection, sent and received. */
export interface TunnelBytes {
  sent: number;
  received: number;
}

export interface BrokerMetrics {
  /** Of each request, that for a tunnel among them. */
  answered(answer: { route: string; status: number; seconds: number; refusal?: RefusalReason }): void;
  /** The function returned is called once at its end. */
  tunnelOpened(purpose: TunnelPurpose['kind']): (bytes: TunnelBytes) => void;
  /** A tunnel was ended for the first bytes of its client. */
  turnedAway(): void;
  /** A program is connected with a Sandbox. The function returned is called once at its end. */
  sandboxOpened(way: Way): (why: PipeEnd, bytes: TunnelBytes) => void;
}

export function brokerMetrics(registry: Registry): BrokerMetrics {
  const registers = [registry];
  const requests = new Counter({
    name: 'sb_broker_requests_total',
    help: 'Requests of couriers, and for Sandboxes, by route and HTTP status',
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
    ...tunnelMetrics(registers),
    ...sandboxMetrics(registers),
    turnedAway: () => refusals.inc({ reason: 'FirstBytesRefused' satisfies RefusalReason }),
    answered({ route, status, seconds, refusal }) {
      requests.inc({ route, code: String(status) });
      time.observe({ route }, seconds);
      if (refusal) refusals.inc({ reason: refusal });
    },
  };
}

function tunnelMetrics(registers: Registry[]): Pick<BrokerMetrics, 'tunnelOpened'> {
  const open = new Gauge({
    name: 'sb_broker_tunnels_open',
    help: 'Open tunnels of Pods, by purpose',
    labelNames: ['purpose'],
    registers,
  });
  const bytes = new Counter({
    name: 'sb_broker_tunnel_bytes_total',
    help: 'Bytes through tunnels that have ended, by purpose and direction as seen by the Pod',
    labelNames: ['purpose', 'direction'],
    registers,
  });
  return {
    tunnelOpened(purpose) {
      open.inc({ purpose });
      return ({ sent, received }) => {
        open.dec({ purpose });
        bytes.inc({ purpose, direction: 'sent' }, sent);
        bytes.inc({ purpose, direction: 'received' }, received);
      };
    },
  };
}

function sandboxMetrics(registers: Registry[]): Pick<BrokerMetrics, 'sandboxOpened'> {
  const open = new Gauge({
    name: 'sb_broker_sandbox_connections_open',
    help: 'Open connections of programs to Sandboxes',
    registers,
  });
  const opened = new Counter({
    name: 'sb_broker_sandbox_connections_total',
    help: 'Connections of programs to Sandboxes, by how the caller proved who it is',
    labelNames: ['way'],
    registers,
  });
  const closed = new Counter({
    name: 'sb_broker_sandbox_closings_total',
    help: 'Connections of programs to Sandboxes that have ended, by why',
    labelNames: ['reason'],
    registers,
  });
  const bytes = new Counter({
    name: 'sb_broker_sandbox_bytes_total',
    help: 'Bytes through connections of programs to Sandboxes that have ended, by direction as seen by the program',
    labelNames: ['direction'],
    registers,
  });
  return {
    sandboxOpened(way) {
      open.inc();
      opened.inc({ way });
      return (reason, { sent, received }) => {
        open.dec();
        closed.inc({ reason });
        bytes.inc({ direction: 'sent' }, sent);
        bytes.inc({ direction: 'received' }, received);
      };
    },
  };
}
