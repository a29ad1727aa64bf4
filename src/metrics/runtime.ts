/** Metrics of the controller runtime and the process, under the names that dashboards for controller-runtime and client-go know. */
import type { Described } from './describe.ts';

const RECONCILE_SECONDS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2,
  2.5, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];
const QUEUE_SECONDS = Array.from({ length: 11 }, (_, power) => 10 ** (power - 7));

const CONTROLLER = ['controller'] as const;
const QUEUE = ['name', 'controller'] as const;

export const RUNTIME = {
  controller_runtime_reconcile_total: {
    type: 'counter',
    help: 'Reconciles by result',
    labels: ['controller', 'result'],
    stability: 'stable',
  },
  controller_runtime_reconcile_errors_total: {
    type: 'counter',
    help: 'Reconciles that failed',
    labels: CONTROLLER,
    stability: 'stable',
  },
  controller_runtime_terminal_reconcile_errors_total: {
    type: 'counter',
    help: 'Reconciles that failed for good',
    labels: CONTROLLER,
    stability: 'stable',
  },
  controller_runtime_reconcile_panics_total: {
    type: 'counter',
    help: 'Reconciles that failed by a programming error',
    labels: CONTROLLER,
    stability: 'stable',
  },
  controller_runtime_reconcile_timeouts_total: {
    type: 'counter',
    help: 'Reconciles that ran into their deadline',
    labels: CONTROLLER,
    stability: 'stable',
  },
  controller_runtime_reconcile_time_seconds: {
    type: 'histogram',
    help: 'Length of reconciles',
    labels: CONTROLLER,
    stability: 'stable',
    buckets: RECONCILE_SECONDS,
  },
  controller_runtime_active_workers: {
    type: 'gauge',
    help: 'Workers that are reconciling',
    labels: CONTROLLER,
    stability: 'stable',
  },
  controller_runtime_max_concurrent_reconciles: {
    type: 'gauge',
    help: 'Workers',
    labels: CONTROLLER,
    stability: 'stable',
  },
  workqueue_depth: {
    type: 'gauge',
    help: 'Keys ready to run',
    labels: [...QUEUE, 'priority'],
    stability: 'stable',
  },
  workqueue_adds_total: { type: 'counter', help: 'Keys added', labels: QUEUE, stability: 'stable' },
  workqueue_retries_total: {
    type: 'counter',
    help: 'Keys added again after a failure',
    labels: QUEUE,
    stability: 'stable',
  },
  workqueue_queue_duration_seconds: {
    type: 'histogram',
    help: 'Time from ready to running',
    labels: QUEUE,
    stability: 'stable',
    buckets: QUEUE_SECONDS,
  },
  workqueue_work_duration_seconds: {
    type: 'histogram',
    help: 'Time from running to done',
    labels: QUEUE,
    stability: 'stable',
    buckets: QUEUE_SECONDS,
  },
  workqueue_unfinished_work_seconds: {
    type: 'gauge',
    help: 'Time spent on keys not yet done',
    labels: QUEUE,
    stability: 'stable',
  },
  workqueue_longest_running_processor_seconds: {
    type: 'gauge',
    help: 'Age of the oldest key not yet done',
    labels: QUEUE,
    stability: 'stable',
  },
  rest_client_requests_total: {
    type: 'counter',
    help: 'Requests to the API server',
    labels: ['method', 'code'],
    stability: 'stable',
  },
  leader_election_master_status: {
    type: 'gauge',
    help: 'Whether this process is leader',
    labels: ['name'],
    stability: 'stable',
  },
  sb_watch_rounds_total: {
    type: 'counter',
    help: 'Lists and watches begun',
    labels: ['resource', 'verb'],
    stability: 'alpha',
  },
  sb_watch_failures_total: {
    type: 'counter',
    help: 'Lists and watches that broke off',
    labels: ['resource', 'reason'],
    stability: 'beta',
  },
  sb_watch_silent_seconds: {
    type: 'gauge',
    help: 'Time since the API server said anything about a resource, if only that nothing has changed; it does so at least every 45 seconds',
    labels: ['resource'],
    stability: 'beta',
  },
  sb_build_info: {
    type: 'gauge',
    help: '1, with the version of the operator and of Node',
    labels: ['version', 'node'],
    stability: 'beta',
  },
} as const satisfies Record<string, Described>;
