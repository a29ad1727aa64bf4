import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { metricsIn, unknownMetrics } from '../../../test/support/promql.ts';
import { promtool } from '../../../test/support/prometheus.ts';
import { dashboard } from './dashboard.ts';
import { boards } from './panels.ts';

const panels = boards.flatMap(({ panels: all }) => all);
const queries = panels.flatMap(({ title, queries: all }) => all.map(([expr]) => ({ title, expr })));

/** As Grafana fills it in where everything is chosen. */
const filledIn = (expr: string): string =>
  expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$(cluster|job|namespace)/g, '.*');

describe('The dashboard', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sb-dashboard-'));
  after(() => rmSync(folder, { recursive: true }));

  it('asks for metrics that the operator has', () => {
    for (const { title, expr } of queries) {
      expect(metricsIn(expr), title).not.to.deep.equal([]);
      expect(unknownMetrics(expr), title).to.deep.equal([]);
    }
  });

  it('would be told of one that it has not, or has no more', () => {
    expect(
      unknownMetrics('sum by (le) (rate(sb_trial_reward{namespace="sb_x"}[5m])) / sb_gone_total'),
    ).to.deep.equal(['sb_trial_reward', 'sb_gone_total']);
  });

  it('has no query that Prometheus cannot parse', async function () {
    this.timeout(180_000);
    const tool = await promtool(this);
    const check = (exprs: string[]): string => {
      const rules = exprs.map((expr, index) => ({ record: `query:${index}`, expr: filledIn(expr) }));
      const file = join(folder, 'queries.yaml');
      writeFileSync(file, JSON.stringify({ groups: [{ name: 'queries', rules }] }));
      return execFileSync(tool, ['check', 'rules', file], { encoding: 'utf8', stdio: 'pipe' });
    };
    expect(check(queries.map(({ expr }) => expr))).to.contain(`${queries.length} rules found`);
    expect(() => check(['sum by (le (rate(x[5m]))'])).to.throw('parse');
  });

  it('limits every query to the operator’s targets, wherever Prometheus serves others', () => {
    for (const { title, expr } of queries) {
      const selectors = [...expr.matchAll(/[a-z]\w*\{([^}]*)\}/g)].map(([, labels = '']) => labels);
      expect(selectors.length, title).to.be.greaterThanOrEqual(metricsIn(expr).length);
      for (const labels of selectors) expect(labels, title).to.contain('cluster=~"$cluster",job=~"$job"');
    }
  });

  it('can be given to Grafana by a file: an id of nobody, an address that stays, no place that overlaps', () => {
    const {
      id,
      uid,
      panels: all,
      templating,
    } = dashboard() as unknown as {
      id: null;
      uid: string;
      panels: { id: number; gridPos: { x: number; y: number; w: number; h: number } }[];
      templating: { list: { name: string }[] };
    };
    expect({ id, uid }).to.deep.equal({ id: null, uid: 'sb-operator' });
    expect(templating.list.map(({ name }) => name)).to.have.members([
      'datasource',
      'cluster',
      'namespace',
      'job',
    ]);
    expect(boards.map(({ title }) => title)).to.deep.equal([
      'Trials',
      'Sandboxes',
      'Queue',
      'Builds',
      'Operator',
      'Dependencies',
    ]);
    const cells = all.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`),
    );
    expect(new Set(cells).size).to.equal(cells.length);
    expect(new Set(all.map((panel) => panel.id)).size).to.equal(all.length);
  });
});
