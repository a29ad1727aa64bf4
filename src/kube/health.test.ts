import { expect } from 'chai';
import { Registry } from 'prom-client';
import { request } from 'undici';
import { collectProcessMetrics, serveHealth, type HealthServer } from './health.ts';
import { createMetrics } from './metrics.ts';

/** What dashboards and alerts written for controller-runtime and client-go ask for. */
const NAMES = [
  'controller_runtime_reconcile_total',
  'controller_runtime_reconcile_errors_total',
  'controller_runtime_terminal_reconcile_errors_total',
  'controller_runtime_reconcile_panics_total',
  'controller_runtime_reconcile_timeouts_total',
  'controller_runtime_reconcile_time_seconds_bucket',
  'controller_runtime_active_workers',
  'controller_runtime_max_concurrent_reconciles',
  'workqueue_depth',
  'workqueue_adds_total',
  'workqueue_retries_total',
  'workqueue_queue_duration_seconds_bucket',
  'workqueue_work_duration_seconds_bucket',
  'workqueue_unfinished_work_seconds',
  'workqueue_longest_running_processor_seconds',
  'rest_client_requests_total',
  'leader_election_master_status',
  'nodejs_eventloop_lag_p99_seconds',
];

describe('health server', () => {
  let health: HealthServer;
  let ready: boolean;
  const registry = new Registry();
  const get = async (path: string): Promise<{ status: number; text: string }> => {
    const { statusCode, body } = await request(`http://127.0.0.1:${health.port}${path}`);
    return { status: statusCode, text: await body.text() };
  };
  before(async () => {
    collectProcessMetrics(registry, '1.2.3');
    const checks = { caches: () => ready };
    health = await serveHealth({ port: 0, host: '127.0.0.1', registry, ready: checks });
  });
  after(() => health.close());

  it('says which check is not ready', async () => {
    ready = false;
    expect(await get('/readyz')).to.deep.equal({ status: 503, text: '[-] caches\nfailed\n' });
    ready = true;
    expect(await get('/readyz?verbose')).to.deep.equal({ status: 200, text: '[+] caches\nok\n' });
  });

  it('is live as long as it answers, however unready', async () => {
    ready = false;
    expect((await get('/healthz')).status).to.equal(200);
    expect((await get('/else')).status).to.equal(404);
  });

  it('takes a check that throws for a no', async () => {
    const throws = (): boolean => {
      throw new Error('broken');
    };
    const other = await serveHealth({ port: 0, host: '127.0.0.1', registry, ready: {}, live: { throws } });
    const { statusCode } = await request(`http://127.0.0.1:${other.port}/healthz`);
    await other.close();
    expect(statusCode).to.equal(503);
  });

  it('serves the metrics that operators know', async () => {
    const metrics = createMetrics(registry);
    const controller = metrics.controller('trial', {
      concurrency: 4,
      started: () => [performance.now() - 1000],
    });
    controller.reconciled('success', 12);
    controller.queue.added();
    controller.queue.retried();
    controller.queue.depth(-100, 3);
    controller.queue.waited(5);
    controller.active(1);
    metrics.request('GET', '200');
    metrics.leader('sb-operator', true);
    // Pods of Trials and of Sandboxes have a watch each.
    for (const silentMs of [1500, 90_000, 20]) metrics.watched('pods', () => silentMs);
    const { text } = await get('/metrics');
    for (const name of NAMES) expect(text).to.match(new RegExp(`^${name}[{ ]`, 'm'));
    expect(text).to.include('workqueue_depth{name="trial",controller="trial",priority="-100"} 3');
    expect(text).to.include('sb_watch_silent_seconds{resource="pods"} 90');
    expect(text).to.include(`sb_build_info{version="1.2.3",node="${process.version}"} 1`);
    expect(text).to.match(/workqueue_longest_running_processor_seconds\{[^}]*\} 1\.0/);
  });

  it('rejects when the port is taken', async () => {
    const again = serveHealth({ port: health.port, host: '127.0.0.1', registry, ready: {} });
    const outcome = await again.then(
      () => 'listens',
      () => 'rejected',
    );
    expect(outcome).to.equal('rejected');
  });
});
