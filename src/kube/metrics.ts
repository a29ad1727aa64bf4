import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
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
  leader(lease: string, leading: boolean): void;
}

const RECONCILE_SECONDS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2,
  2.5, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];
const QUEUE_SECONDS = Array.from({ length: 11 }, (_, power) => 10 ** (power - 7));

type Described<L extends string> = {
  name: string;
  help: string;
  labelNames: readonly L[];
  registers: Registry[];
};

function describe<L extends string>(
  registry: Registry,
  text: [string, string],
  labelNames: L[],
): Described<L> {
  return { name: text[0], help: text[1], labelNames, registers: [registry] };
}

function reconcileMetrics(registry: Registry) {
  const prefix = 'controller_runtime';
  const counter = (name: string, help: string) =>
    new Counter(describe(registry, [`${prefix}_${name}`, help], ['controller']));
  const gauge = (name: string, help: string) =>
    new Gauge(describe(registry, [`${prefix}_${name}`, help], ['controller']));
  return {
    total: new Counter(
      describe(registry, [`${prefix}_reconcile_total`, 'Reconciles by result'], ['controller', 'result']),
    ),
    errors: counter('reconcile_errors_total', 'Reconciles that failed'),
    terminal: counter('terminal_reconcile_errors_total', 'Reconciles that failed for good'),
    panics: counter('reconcile_panics_total', 'Reconciles that failed by a programming error'),
    timeouts: counter('reconcile_timeouts_total', 'Reconciles that ran into their deadline'),
    time: new Histogram({
      ...describe(registry, [`${prefix}_reconcile_time_seconds`, 'Length of reconciles'], ['controller']),
      buckets: RECONCILE_SECONDS,
    }),
    active: gauge('active_workers', 'Workers that are reconciling'),
    workers: gauge('max_concurrent_reconciles', 'Workers'),
  };
}

function workqueueMetrics(registry: Registry) {
  const labels = ['name', 'controller'] as const;
  const text = (name: string, help: string) => describe(registry, [`workqueue_${name}`, help], [...labels]);
  const buckets = QUEUE_SECONDS;
  return {
    depth: new Gauge(
      describe(registry, ['workqueue_depth', 'Keys ready to run'], ['name', 'controller', 'priority']),
    ),
    adds: new Counter(text('adds_total', 'Keys added')),
    retries: new Counter(text('retries_total', 'Keys added again after a failure')),
    waited: new Histogram({ ...text('queue_duration_seconds', 'Time from ready to running'), buckets }),
    worked: new Histogram({ ...text('work_duration_seconds', 'Time from running to done'), buckets }),
    unfinished: new Gauge(text('unfinished_work_seconds', 'Time spent on keys not yet done')),
    longest: new Gauge(text('longest_running_processor_seconds', 'Age of the oldest key not yet done')),
  };
}

type Reconciles = ReturnType<typeof reconcileMetrics>;
type Workqueues = ReturnType<typeof workqueueMetrics>;

function reconcileReporter(metrics: Reconciles, controller: string): Omit<ControllerMetrics, 'queue'> {
  const failures = { terminal: metrics.terminal, panic: metrics.panics, timeout: metrics.timeouts };
  for (const counter of [metrics.errors, ...Object.values(failures)]) counter.inc({ controller }, 0);
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

function requestMetrics(registry: Registry) {
  const counter = <L extends string>(name: string, help: string, labels: L[]) =>
    new Counter(describe(registry, [name, help], labels));
  return {
    requests: counter('rest_client_requests_total', 'Requests to the API server', ['method', 'code']),
    rounds: counter('reflector_rounds_total', 'Lists and watches begun', ['resource', 'verb']),
    failures: counter('reflector_failures_total', 'Lists and watches that broke off', ['resource', 'reason']),
    leader: new Gauge(
      describe(registry, ['leader_election_master_status', 'Whether this process is leader'], ['name']),
    ),
  };
}

export function createMetrics(registry: Registry): Metrics {
  const reconciles = reconcileMetrics(registry);
  const queues = workqueueMetrics(registry);
  const requests = requestMetrics(registry);
  const controllers = new Map<string, () => number[]>();
  const ages = (name: string): number[] =>
    (controllers.get(name)?.() ?? []).map((since) => (performance.now() - since) / 1000);
  const collect = (gauge: Gauge<'name' | 'controller'>, reduce: (seconds: number[]) => number): void => {
    Object.assign(gauge, {
      collect() {
        for (const name of controllers.keys()) gauge.set({ name, controller: name }, reduce(ages(name)));
      },
    });
  };
  collect(queues.unfinished, (seconds) => seconds.reduce((sum, age) => sum + age, 0));
  collect(queues.longest, (seconds) => Math.max(0, ...seconds));
  return {
    registry,
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
    request: (method, code) => requests.requests.inc({ method, code }),
    reflector: (resource, verb) => requests.rounds.inc({ resource, verb }),
    reflectorFailed: (resource, reason) => requests.failures.inc({ resource, reason }),
    leader: (name, leading) => requests.leader.set({ name }, leading ? 1 : 0),
  };
}
