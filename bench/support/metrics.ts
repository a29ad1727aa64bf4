/** Counters of the API server and of the operator, read from their /metrics. */
import { OPERATOR, podOfHolder } from '../../src/installation/names.ts';
import { docker, nodes } from '../../test/e2e/cluster/index.ts';
import { kubectlOk } from '../../test/support/cluster.ts';
import { metricsOf } from '../../test/support/operator-metrics.ts';

/** One line of a metrics page. */
export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** Reads Prometheus' text format. */
export function parseMetrics(page: string): Sample[] {
  return page.split('\n').flatMap((line) => {
    const [, name, labels = '', value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line) ?? [];
    if (name === undefined) return [];
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', text = '']) => [
      key,
      text,
    ]);
    return [{ name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) }];
  });
}

/** Writes of the operator by `verb resource[/subresource] code`, as the API server has counted them so far. True only while nobody else uses the cluster. */
export async function operatorWrites(): Promise<Record<string, number>> {
  const samples = parseMetrics(await kubectlOk(['get', '--raw', '/metrics']));
  const counts: Record<string, number> = {};
  for (const { name, labels, value } of samples) {
    const write = name === 'apiserver_request_total' && isOperatorWrite(labels);
    if (!write) continue;
    const key = `${labels['verb']} ${labels['resource']}${labels['subresource'] ? `/${labels['subresource']}` : ''} ${labels['code']}`;
    counts[key] = (counts[key] ?? 0) + value;
  }
  return counts;
}

/** What only the operator does here: Trials and Sandboxes are made by the bench, and Jobs are deleted by the garbage collector. */
const OPERATOR_WRITES = [
  'PUT trials/status',
  'PUT sandboxes/status',
  'PUT taskbuilds/status',
  'POST taskbuilds',
  'POST jobs',
];

const isOperatorWrite = ({ verb, resource, subresource }: Sample['labels']): boolean =>
  OPERATOR_WRITES.includes(`${verb} ${resource}${subresource ? `/${subresource}` : ''}`);

export function difference(
  after: Record<string, number>,
  before: Record<string, number>,
): Record<string, number> {
  const changed = Object.entries(after).map(([key, value]): [string, number] => [
    key,
    value - (before[key] ?? 0),
  ]);
  return Object.fromEntries(changed.filter(([, value]) => value !== 0));
}

/** A StatefulSet whose Pods carry its name as a label, and whose leader holds a lease of that name. */
export interface Replicated {
  name: string;
  namespace: string;
}

/** Name of the Pod that holds the lease. client-go, too, puts something of its own behind it. */
export async function leader({ name, namespace }: Replicated = OPERATOR): Promise<string> {
  const holder = ['get', 'lease', name, '-o', 'jsonpath={.spec.holderIdentity}'];
  return podOfHolder(await kubectlOk(['-n', namespace, ...holder]));
}

/** A gauge of the leading operator. */
export async function operatorGauge(name: string): Promise<number> {
  const sample = parseMetrics(await metricsOf(await leader())).find((found) => found.name === name);
  if (!sample) throw new Error(`the operator tells no ${name}`);
  return sample.value;
}

/** Names of its Pods. */
export async function replicas({ name, namespace }: Replicated = OPERATOR): Promise<string[]> {
  const selector = `app.kubernetes.io/name=${name}`;
  const printed = await kubectlOk(['-n', namespace, 'get', 'pods', '-l', selector, '-o', 'name']);
  return printed
    .split('\n')
    .filter(Boolean)
    .map((pod) => pod.replace('pod/', ''));
}

/** What the leader and the other replica say of themselves. */
export async function replicaMetrics(of: Replicated): Promise<Record<string, Sample[]>> {
  const [first, pods] = await Promise.all([leader(of), replicas(of)]);
  const pages = pods.map(async (pod) => {
    const is = pod === first ? 'leader' : 'standby';
    return [is, parseMetrics(await metricsOf(pod, of.namespace))] as const;
  });
  return Object.fromEntries(await Promise.all(pages));
}

/** What etcd says of itself. It says so on its own node alone. */
export async function etcdPage(): Promise<Sample[]> {
  const ask = 'exec 3<>/dev/tcp/127.0.0.1/2381; printf "GET /metrics HTTP/1.0\\r\\n\\r\\n" >&3; cat <&3';
  return parseMetrics(await docker(['exec', nodes[0], 'bash', '-c', ask]));
}

export const cpuOf = (samples: Sample[]): number =>
  samples.find(({ name }) => name === 'process_cpu_seconds_total')?.value ?? NaN;

/** Processor seconds so far, of all replicas of the operator, of the API server, of all kubelets. */
export async function cpuSeconds(): Promise<Record<'operator' | 'apiServer' | 'kubelets', number>> {
  const page = (path: string): Promise<string> => kubectlOk(['get', '--raw', path]);
  const sumOf = async (pages: Promise<string>[]): Promise<number> =>
    (await Promise.all(pages)).reduce((sum, text) => sum + cpuOf(parseMetrics(text)), 0);
  const kubelets = nodes.map((node) => page(`/api/v1/nodes/${node}/proxy/metrics`));
  return {
    operator: await sumOf((await replicas()).map((pod) => metricsOf(pod))),
    apiServer: await sumOf([page('/metrics')]),
    kubelets: await sumOf(kubelets),
  };
}
