import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { OPERATOR, podOfHolder } from '../../src/installation/names.ts';
import { ALERTS } from '../../src/installation/monitoring/alerts.ts';
import { ConfigMap } from '../../src/kube/kinds.ts';
import { kubectlOk, root } from '../support/cluster.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import { metricsOf } from '../support/operator-metrics.ts';
import { promtool } from '../support/prometheus.ts';
import { startPrometheus, type Prometheus } from './support/prometheus.ts';
import { small, userSession } from './support/sandboxes.ts';
import { ownTrial } from './support/stories.ts';
import { world } from './support/world.ts';

interface Dashboard {
  panels: { title: string; targets?: { expr: string }[] }[];
}

const dashboard = JSON.parse(
  readFileSync(join(root, 'charts/sb-operator/dashboards/sb-operator.json'), 'utf8'),
) as Dashboard;

/** As Grafana fills it in where everything is chosen. */
const filledIn = (expr: string): string =>
  expr
    .replaceAll('$__rate_interval', '1m')
    .replaceAll('$job', 'sb-operator')
    .replaceAll(/\$(cluster|namespace)/g, '.*');

/** What it is built of is new in every run, so that it is built. */
const NONCE = Date.now().toString(36);
const CONTEXT = {
  Dockerfile: `FROM debian:bookworm-slim\nCOPY files/word /word\nRUN sleep 2`,
  files__word: NONCE,
};

describe('the metrics of the operator, in a real Prometheus', () => {
  let prometheus: Prometheus;
  let namespace: string;
  const begun = new Date();

  before(async function () {
    this.timeout(180_000);
    prometheus = await startPrometheus(this);
    namespace = await world().makeNamespace();
    const session = userSession(namespace);
    const built = ownTrial(
      'measured',
      {
        given: (key) =>
          world().kube.apply(ConfigMap, {
            apiVersion: 'v1',
            kind: 'ConfigMap',
            metadata: { namespace: key.namespace, name: 'measured-context' },
            data: CONTEXT,
          }),
        spec: { environment: { build: { context: { configMap: { name: 'measured-context' } } } } },
        tests: 'sleep 2; echo 1 > /logs/verifier/reward.txt',
      },
      namespace,
    );
    const spec = { task: { name: 'e2e/none', configMap: { name: 'there-is-none' } } };
    const failed = ownTrial('failed', { spec }, namespace);
    await Promise.all([built.earns(1), failed.fails('TaskNotFound'), small(session, 'measured-box').init()]);
    await session.close();
    // A rate takes two samples.
    const ends = `sb_trials_finished_total{namespace=~"${namespace}|other"}`;
    const seen = `sum(${ends}) >= 2 and min(count_over_time(${ends}[5m])) >= 3`;
    await eventuallyTrue('Prometheus has both ends', async () => (await prometheus.now(seen)).length > 0, 60);
  });
  after(() => prometheus?.stop());

  for (const { title, targets = [] } of dashboard.panels.filter((panel) => panel.targets))
    it(`answer what the dashboard asks: ${title}`, async () => {
      for (const { expr } of targets)
        expect(await prometheus.seriesSince(filledIn(expr), begun), expr).to.be.greaterThan(0);
    });

  it('count each Trial once over all replicas', async function () {
    const finished = await prometheus.now(`sb_trials_finished_total{namespace="${namespace}"}`);
    // Of an operator that has served a hundred namespaces before.
    if (finished.length === 0) this.skip();
    const ends = finished.map(({ metric: { result, reason }, value }) => ({ result, reason, value }));
    expect(ends).to.have.deep.members([
      { result: 'succeeded', reason: 'RewardObtained', value: 1 },
      { result: 'definition', reason: 'TaskNotFound', value: 1 },
    ]);
    const [rewards] = await prometheus.now(`sum(sb_trial_reward_count{namespace="${namespace}"})`);
    expect(rewards?.value).to.equal(1);
    expect(await prometheus.now(`sb_trials{namespace="${namespace}"}`)).to.deep.equal([]);
  });

  it('have rules that Prometheus evaluates', async () => {
    const rules = await prometheus.rules();
    expect(Object.keys(rules)).to.have.members(ALERTS.map(({ name }) => name));
    expect(new Set(Object.values(rules))).to.deep.equal(new Set(['ok']));
  });

  it('tell the version and one leader', async () => {
    const [leaders] = await prometheus.now('sum(leader_election_master_status{name="sb-operator"})');
    expect(leaders?.value).to.equal(1);
    const versions = (await prometheus.now('sb_build_info')).map(({ metric }) => metric['version']);
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(new Set(versions)).to.deep.equal(new Set([version]));
  });

  it('keep to what promtool asks of metrics', async function () {
    const tool = await promtool(this);
    const lease = ['get', 'lease', OPERATOR.name, '-n', OPERATOR.namespace];
    const leader = await kubectlOk([...lease, '-o', 'jsonpath={.spec.holderIdentity}']);
    const text = await metricsOf(podOfHolder(leader));
    // Node's own are not ours to name.
    const input = text.replace(/^.*\bnodejs_.*\n?/gm, '');
    expect(() => execFileSync(tool, ['check', 'metrics'], { input, stdio: 'pipe' })).not.to.throw();
  });
});
