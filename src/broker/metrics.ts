import { X509Certificate } from 'node:crypto';
import type { Registry } from 'prom-client';
import { counter, gauge, histogram } from '../metrics/table.ts';
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
  /** A courier got URLs for files of so many bytes. */
  granted(files: readonly { size: number }[]): void;
  /** A tunnel was ended for the first bytes of its client. */
  turnedAway(): void;
  /** A program is connected with a Sandbox. The function returned is called once at its end. */
  sandboxOpened(way: Way): (why: PipeEnd, bytes: TunnelBytes) => void;
}

export function brokerMetrics(registry: Registry): BrokerMetrics {
  const requests = counter(registry, 'sb_broker_requests_total');
  const refusals = counter(registry, 'sb_broker_refusals_total');
  const time = histogram(registry, 'sb_broker_request_seconds');
  const files = counter(registry, 'sb_broker_upload_files_total');
  const bytes = counter(registry, 'sb_broker_upload_bytes_total');
  return {
    granted(uploads) {
      files.inc(uploads.length);
      bytes.inc(uploads.reduce((sum, { size }) => sum + size, 0));
    },
    ...tunnelMetrics(registry),
    ...sandboxMetrics(registry),
    turnedAway: () => refusals.inc({ reason: 'FirstBytesRefused' satisfies RefusalReason }),
    answered({ route, status, seconds, refusal }) {
      requests.inc({ route, code: String(status) });
      time.observe({ route }, seconds);
      if (refusal) refusals.inc({ reason: refusal });
    },
  };
}

function tunnelMetrics(registry: Registry): Pick<BrokerMetrics, 'tunnelOpened'> {
  const open = gauge(registry, 'sb_broker_tunnels_open');
  const bytes = counter(registry, 'sb_broker_tunnel_bytes_total');
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

function sandboxMetrics(registry: Registry): Pick<BrokerMetrics, 'sandboxOpened'> {
  const open = gauge(registry, 'sb_broker_sandbox_connections_open');
  const opened = counter(registry, 'sb_broker_sandbox_connections_total');
  const closed = counter(registry, 'sb_broker_sandbox_closings_total');
  const bytes = counter(registry, 'sb_broker_sandbox_bytes_total');
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

/** Tells when the certificate expires that the broker shows now. */
export function certificateMetric(registry: Registry, current: () => { cert: string }): void {
  gauge(registry, 'sb_broker_certificate_not_after_timestamp_seconds', (found) =>
    found.set(new X509Certificate(current().cert).validToDate.getTime() / 1000),
  );
}
