/** The reference of metrics in Markdown, made of their table. */
import { collectDefaultMetrics, Registry } from 'prom-client';
import { STABILITIES, type Described } from '../metrics/describe.ts';
import { RUNTIME } from '../metrics/runtime.ts';
import { SERVICES } from '../metrics/services.ts';
import { WORK } from '../metrics/work.ts';
import { table } from './reference.ts';

const code = (text: string): string => `\`${text}\``;

function metricsTable(metrics: Record<string, Described>): string {
  const rows = Object.entries(metrics).map(([name, { type, labels, stability, help, buckets = [], of }]) => [
    code(name),
    type,
    labels.map(code).join(', '),
    stability,
    [
      `${help}.`,
      ...(of === 'leader' ? ['Of the leader.'] : []),
      ...(buckets.length > 0 ? [`${buckets.length} buckets, ${buckets[0]} to ${buckets.at(-1)}.`] : []),
    ].join(' '),
  ]);
  return table(['Metric', 'Type', 'Labels', 'Stability', 'Meaning'], rows);
}

/** Of Node and its process, as prom-client has them. */
function nodesTable(): string {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const names = registry.getMetricsAsArray().map(({ name, help }) => [code(name), help]);
  return table(['Metric', 'Meaning'], names);
}

/** The page of all metrics. */
export const metricsPage = (): string =>
  [
    '# Metrics',
    'The operator serves them at `/metrics` on port 8080 of each replica. Counters begin at 0 with every process. What has “Of the leader” is told by the replica that leads, so sums over replicas are right; when another replica takes over, its counters begin where it stood.',
    'Scrape with `honor_labels: true` (PodMonitor: `honorLabels: true`): `namespace` is that of the Trial, TaskBuild or Sandbox, and Prometheus would otherwise call it `exported_namespace`.',
    'Labels have few values: words of closed lists, and the names of the first 100 namespaces that a process sees; all others are `other`. None has the name of a Trial, task, run, Pod or image; numbers of single Trials are in `jobs/<run>/result.json` ([results.md](../results.md)).',
    table(
      ['Stability', 'Name, labels and meaning'],
      Object.entries(STABILITIES).map(([level, means]) => [level, means]),
    ),
    '[Alerts](../runbooks/README.md) and a [dashboard](../../charts/sb-operator/dashboards/sb-operator.json) are made of these metrics.',
    '## Trials, TaskBuilds, Sandboxes',
    metricsTable(WORK),
    '## Broker, storage, registry, builder',
    metricsTable(SERVICES),
    '## Controllers and the API server',
    'Names that do not begin with `sb_` are those of controller-runtime and client-go.',
    metricsTable(RUNTIME),
    '## Node',
    'As prom-client has them: alpha.',
    nodesTable(),
  ].join('\n\n');
