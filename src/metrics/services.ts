/** Metrics of the broker, and of what the operator asks of object storage, image registry and image builder. */
import type { Described } from './describe.ts';

export const SERVICES = {
  sb_provider_call_duration_seconds: {
    type: 'histogram',
    help: 'Duration of calls to object storage, image registry and image builder; its count is the number of calls',
    labels: ['port', 'method'],
    stability: 'beta',
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
  },
  sb_provider_call_failures_total: {
    type: 'counter',
    help: 'Calls to object storage, image registry and image builder that failed',
    labels: ['port', 'method', 'reason'],
    stability: 'beta',
  },
  sb_trace_exports_total: {
    type: 'counter',
    help: 'Traces of Trials for the collector, where there is one; result: sent or lost',
    labels: ['result'],
    stability: 'alpha',
    of: 'leader',
  },
  sb_broker_requests_total: {
    type: 'counter',
    help: 'Requests of couriers, and for Sandboxes, by route and HTTP status',
    labels: ['route', 'code'],
    stability: 'beta',
  },
  sb_broker_refusals_total: {
    type: 'counter',
    help: 'Requests that were not served, by reason',
    labels: ['reason'],
    stability: 'beta',
  },
  sb_broker_request_seconds: {
    type: 'histogram',
    help: 'Time from the end of the request’s headers to the answer',
    labels: ['route'],
    stability: 'beta',
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20],
  },
  sb_broker_upload_files_total: {
    type: 'counter',
    help: 'Files that couriers got URLs to store, those asked for again among them',
    labels: [],
    stability: 'beta',
  },
  sb_broker_upload_bytes_total: {
    type: 'counter',
    help: 'Bytes of these files',
    labels: [],
    stability: 'beta',
  },
  sb_broker_tunnels_open: {
    type: 'gauge',
    help: 'Open tunnels of Pods, by purpose',
    labels: ['purpose'],
    stability: 'alpha',
  },
  sb_broker_tunnel_bytes_total: {
    type: 'counter',
    help: 'Bytes through tunnels that have ended, by purpose and direction as seen by the Pod',
    labels: ['purpose', 'direction'],
    stability: 'alpha',
  },
  sb_broker_sandbox_connections_open: {
    type: 'gauge',
    help: 'Open connections of programs to Sandboxes',
    labels: [],
    stability: 'alpha',
  },
  sb_broker_sandbox_connections_total: {
    type: 'counter',
    help: 'Connections of programs to Sandboxes, by how the caller proved who it is',
    labels: ['way'],
    stability: 'alpha',
  },
  sb_broker_sandbox_closings_total: {
    type: 'counter',
    help: 'Connections of programs to Sandboxes that have ended, by why',
    labels: ['reason'],
    stability: 'alpha',
  },
  sb_broker_sandbox_bytes_total: {
    type: 'counter',
    help: 'Bytes through connections of programs to Sandboxes that have ended, by direction as seen by the program',
    labels: ['direction'],
    stability: 'alpha',
  },
  sb_broker_certificate_not_after_timestamp_seconds: {
    type: 'gauge',
    help: 'When the broker’s certificate expires, in seconds since 1970',
    labels: [],
    stability: 'beta',
  },
} as const satisfies Record<string, Described>;
