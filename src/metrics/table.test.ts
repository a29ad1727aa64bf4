import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { Registry } from 'prom-client';
import { recordingLog } from '../../test/support/kube.ts';
import { promtool } from '../../test/support/prometheus.ts';
import { brokerMetrics, certificateMetric } from '../broker/metrics.ts';
import { issueAuthority } from '../broker/tls/issue.ts';
import { businessMetrics } from '../controllers/metrics/metrics.ts';
import { Sandbox, TaskBuild, Trial } from '../crds/kinds.ts';
import { ObjectCache } from '../kube/cache/cache.ts';
import { traceExporter } from '../controllers/traces/export.ts';
import { collectProcessMetrics } from '../kube/health.ts';
import { createMetrics } from '../kube/metrics.ts';
import { providerMetrics } from '../providers/metered.ts';
import { METRICS } from './table.ts';

/** A registry with all that src/operator.ts registers. */
async function everything(): Promise<Registry> {
  const registry = new Registry();
  const now = new Date();
  const { cert } = await issueAuthority(now);
  collectProcessMetrics(registry, '1.2.3');
  createMetrics(registry);
  providerMetrics(registry);
  brokerMetrics(registry);
  certificateMetric(registry, () => ({ cert }));
  businessMetrics({
    metrics: registry,
    trials: new ObjectCache(Trial),
    taskBuilds: new ObjectCache(TaskBuild),
    sandboxes: new ObjectCache(Sandbox),
    leading: () => false,
    now: () => now,
  });
  traceExporter({ endpoint: 'http://127.0.0.1:1', version: '1.2.3', metrics: registry, log: recordingLog() });
  return registry;
}

const isNodes = (name: string): boolean => /^(nodejs|process)_/.test(name);

describe('The table of metrics', () => {
  it('has every metric that the operator registers, and no other', async () => {
    const registered = (await everything()).getMetricsAsArray().map(({ name }) => name);
    expect(registered.filter((name) => !isNodes(name)).sort()).to.deep.equal(Object.keys(METRICS).sort());
  });

  it('has no label of which there are as many values as Trials', () => {
    const labels = Object.values(METRICS).flatMap((metric): readonly string[] => metric.labels);
    // Of queues, `name` is that of a controller, and of the leader election that of the lease.
    expect(labels.filter((label) => /trial|task|run|pod|image|uid|model|title/.test(label))).to.deep.equal(
      [],
    );
  });

  it('says when the certificate expires', async () => {
    const registry = new Registry();
    const { cert } = await issueAuthority(new Date('2026-01-01T00:00:00Z'));
    certificateMetric(registry, () => ({ cert }));
    const [, seconds] = /timestamp_seconds (\d+)/.exec(await registry.metrics()) ?? [];
    expect(new Date(Number(seconds) * 1000).getUTCFullYear()).to.equal(2035);
  });

  it('keeps to what promtool asks of metrics', async function () {
    this.timeout(180_000);
    const tool = await promtool(this);
    const text = await (await everything()).metrics();
    const ours = text.replace(/^.*\bnodejs_.*\n?/gm, '');
    expect(() => execFileSync(tool, ['check', 'metrics'], { input: ours, encoding: 'utf8' })).not.to.throw();
  });
});
