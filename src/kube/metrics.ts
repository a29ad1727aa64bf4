import type { Gauge, Registry } from 'prom-client';
import { counter, gauge, histogram } from '../metrics/table.ts';
import type { QueueMetrics } from './work/queue.ts';

export type Outcome = 'success' | 'error' | 'requeue_after';

/** What one controller reports. Durations in milliseconds. */
export interface ControllerMetrics {
  reconciled(outcome: Outcome, ms: number): void;
  failed(kind: 'terminal' | 'panic' | 'timeout'): void;
  active(workers: number): void;
  queue: QueueMetrics;
}

/** What this folder reports, under the names that dashboards for controller-runtime and client-go know. */
export interface Metrics {
  registry: Registry;
  /** `started` gives the start times (monotonic milliseconds) of the keys being worked on. */
  controller(name: string, settings: { concurrency: number; started: () => number[] }): ControllerMetrics;
  request(this: void, method: string, code: string): void;
  reflector(resource: string, what: 'list' | 'watch'): void;
  reflectorFailed(resource: string, reason: string): void;
  /** `silentMs` gives the time since the API server said anything to a watch. */
  watched(resource: string, silentMs: () => number): void;
  leader(lease: string, leading: boolean): void;
}

function reconcileMetrics(registry: Registry) {
  return {
    total: counter(registry, 'controller_runtime_reconcile_total'),
    errors: counter(registry, 'controller_runtime_reconcile_errors_total'),
    terminal: counter(registry, 'controller_runtime_terminal_reconcile_errors_total'),
    panics: counter(registry, 'controller_runtime_reconcile_panics_total'),
    timeouts: counter(registry, 'controller_runtime_reconcile_timeouts_total'),
    time: histogram(registry, 'controller_runtime_reconcile_time_seconds'),
    active: gauge(registry, 'controller_runtime_active_workers'),
    workers: gauge(registry, 'controller_runtime_max_concurrent_reconciles'),
  };
}

/** Of the keys being worked on, by controller: how many seconds each has taken so far. */
type Ages = () => Iterable<readonly [controller: string, seconds: number[]]>;

function workqueueMetrics(registry: Registry, ages: Ages) {
  const ofAges =
    (reduce: (seconds: number[]) => number) =>
    (found: Gauge<'name' | 'controller'>): void => {
      for (const [name, seconds] of ages()) found.set({ name, controller: name }, reduce(seconds));
    };
  gauge(
    registry,
    'workqueue_unfinished_work_seconds',
    ofAges((seconds) => seconds.reduce((sum, age) => sum + age, 0)),
  );
  gauge(
    registry,
    'workqueue_longest_running_processor_seconds',
    ofAges((seconds) => Math.max(0, ...seconds)),
  );
  return {
    depth: gauge(registry, 'workqueue_depth'),
    adds: counter(registry, 'workqueue_adds_total'),
    retries: counter(registry, 'workqueue_retries_total'),
    waited: histogram(registry, 'workqueue_queue_duration_seconds'),
    worked: histogram(registry, 'workqueue_work_duration_seconds'),
  };
}

type Reconciles = ReturnType<typeof reconcileMetrics>;
type Workqueues = ReturnType<typeof workqueueMetrics>;

function reconcileReporter(metrics: Reconciles, controller: string): Omit<ControllerMetrics, 'queue'> {
  const failures = { terminal: metrics.terminal, panic: metrics.panics, timeout: metrics.timeouts };
  for (const each of [metrics.errors, ...Object.values(failures)]) each.inc({ controller }, 0);
  return {
    reconciled(result, ms) {
      metrics.total.inc({ controller, result });
      if (result === 'error') metrics.errors.inc({ controller });
      metrics.time.observe({ controller }, ms / 1000);
    },
    failed: (kind) => failures[kind].inc({ controller }),
    active: (workers) => metrics.active.set({ controller }, workers),
  };
}

function queueReporter(metrics: Workqueues, controller: string): QueueMetrics {
  const labels = { name: controller, controller };
  return {
    added: () => metrics.adds.inc(labels),
    retried: () => metrics.retries.inc(labels),
    depth: (priority, keys) => metrics.depth.set({ ...labels, priority: String(priority) }, keys),
    waited: (ms) => metrics.waited.observe(labels, ms / 1000),
  };
}

/** Two caches may watch the same resource; the one that has heard nothing for longer is told of. */
function watchMetrics(registry: Registry): Pick<Metrics, 'reflector' | 'reflectorFailed' | 'watched'> {
  const rounds = counter(registry, 'sb_watch_rounds_total');
  const failures = counter(registry, 'sb_watch_failures_total');
  const silences: { resource: string; silentMs: () => number }[] = [];
  gauge(registry, 'sb_watch_silent_seconds', (found) => {
    found.reset();
    for (const [resource, all] of Map.groupBy(silences, (one) => one.resource))
      found.set({ resource }, Math.max(...all.map(({ silentMs }) => silentMs())) / 1000);
  });
  return {
    reflector: (resource, verb) => rounds.inc({ resource, verb }),
    reflectorFailed: (resource, reason) => failures.inc({ resource, reason }),
    watched: (resource, silentMs) => void silences.push({ resource, silentMs }),
  };
}

export function createMetrics(registry: Registry): Metrics {
  const controllers = new Map<string, () => number[]>();
  const seconds = (since: number): number => (performance.now() - since) / 1000;
  const reconciles = reconcileMetrics(registry);
  const queues = workqueueMetrics(registry, () =>
    [...controllers].map(([name, started]) => [name, started().map(seconds)] as const),
  );
  const requests = counter(registry, 'rest_client_requests_total');
  const leader = gauge(registry, 'leader_election_master_status');
  return {
    registry,
    ...watchMetrics(registry),
    controller(name, { concurrency, started }) {
      controllers.set(name, started);
      reconciles.workers.set({ controller: name }, concurrency);
      const reporter = reconcileReporter(reconciles, name);
      const labels = { name, controller: name };
      return {
        ...reporter,
        reconciled(outcome, ms) {
          reporter.reconciled(outcome, ms);
          queues.worked.observe(labels, ms / 1000);
        },
        queue: queueReporter(queues, name),
      };
    },
    request: (method, code) => requests.inc({ method, code }),
    leader: (name, leading) => leader.set({ name }, leading ? 1 : 0),
  };
}
