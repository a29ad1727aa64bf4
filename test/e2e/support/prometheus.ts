/** A real Prometheus on this machine, which scrapes the replicas of the operator through the API server and has the chart's rules. */
import { KubeConfig } from '@kubernetes/client-node';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { METRICS_PORT, OPERATOR, OPERATOR_SELECTOR } from '../../../src/installation/names.ts';
import { kubeconfig, kubectlOk, root } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { findProgram, skipWithout, startProgram } from '../../support/programs.ts';
import { ensurePrometheus } from '../cluster/index.ts';

export interface Prometheus {
  /** Values of the expression, as they are now: its labels and the last sample of each series. */
  now(expr: string): Promise<Sample[]>;
  /** How many series it had since `from`. */
  seriesSince(expr: string, from: Date): Promise<number>;
  /** Whether each rule of the chart could be evaluated, by name. */
  rules(): Promise<Record<string, string>>;
  stop(): Promise<void>;
}

export interface Sample {
  metric: Record<string, string>;
  value: number;
}

/** Every second: stories are short. */
const INTERVAL = '1s';

const podNames = async (): Promise<string[]> => {
  const list = ['get', 'pods', '-n', OPERATOR.namespace, '-l', OPERATOR_SELECTOR];
  return (await kubectlOk([...list, '-o', 'jsonpath={.items[*].metadata.name}'])).split(' ');
};

/** Writes what it reads into the folder; gives its configuration. */
async function configured(folder: string): Promise<object> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const [cluster, user] = [config.getCurrentCluster(), config.getCurrentUser()];
  const file = async (name: string, data: string | undefined): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, Buffer.from(data ?? '', 'base64'), { mode: 0o600 });
    return path;
  };
  const server = new URL(cluster?.server ?? '');
  const { namespace } = OPERATOR;
  const path = (pod: string): string =>
    `/api/v1/namespaces/${namespace}/pods/${pod}:${METRICS_PORT}/proxy/metrics`;
  return {
    global: { scrape_interval: INTERVAL, evaluation_interval: INTERVAL },
    rule_files: [join(root, 'charts/sb-operator/files/rules.yaml')],
    scrape_configs: [
      {
        job_name: 'sb-operator',
        scheme: server.protocol.replace(':', ''),
        honor_labels: true,
        tls_config: {
          ca_file: await file('ca.crt', cluster?.caData),
          cert_file: await file('client.crt', user?.certData),
          key_file: await file('client.key', user?.keyData),
        },
        static_configs: (await podNames()).map((pod) => ({
          targets: [server.host],
          labels: { __metrics_path__: path(pod), pod, namespace },
        })),
      },
    ],
  };
}

/** Starts it and waits until all replicas are scraped; marks the tests as pending where it cannot be had. */
export async function startPrometheus(context: Mocha.Context): Promise<Prometheus> {
  await ensurePrometheus().catch((error: Error) => process.stderr.write(`      ${error.message}\n`));
  if (findProgram('prometheus') === undefined) skipWithout('prometheus', context);
  const running = await startProgram('prometheus', async (address, folder) => {
    const file = join(folder, 'prometheus.yaml');
    // It reads YAML, which JSON is.
    await writeFile(file, JSON.stringify(await configured(folder)), { mode: 0o600 });
    const data = `--storage.tsdb.path=${join(folder, 'data')}`;
    return { args: [`--config.file=${file}`, data, `--web.listen-address=${address}`] };
  });
  if (!running) skipWithout('prometheus', context);
  const prometheus = clientOf(running.address, () => running.stop());
  const replicas = (await podNames()).length;
  await eventually(
    'all replicas of the operator are scraped',
    async () => ((await prometheus.now('up == 1')).length === replicas ? true : undefined),
    30,
  ).catch(async (error: unknown) => {
    await prometheus.stop();
    throw error;
  });
  return prometheus;
}

interface Answer {
  result: { metric: Record<string, string>; value: [number, string] }[];
}

function clientOf(address: string, stop: () => Promise<void>): Prometheus {
  const ask = async <Data>(path: string, query: Record<string, string> = {}): Promise<Data> => {
    const response = await fetch(`http://${address}/api/v1/${path}?${new URLSearchParams(query).toString()}`);
    const { status, data, error } = (await response.json()) as { status: string; data: Data; error?: string };
    if (status !== 'success') throw new Error(`Prometheus: ${error} (${query['query']})`);
    return data;
  };
  return {
    async now(query) {
      const { result } = await ask<Answer>('query', { query });
      return result.map(({ metric, value: [, value] }) => ({ metric, value: Number(value) }));
    },
    async seriesSince(query, from) {
      const range = { start: from.toISOString(), end: new Date().toISOString(), step: '1' };
      return (await ask<Answer>('query_range', { query, ...range })).result.length;
    },
    async rules() {
      type Rules = { groups: { rules: { name: string; health: string }[] }[] };
      const { groups } = await ask<Rules>('rules');
      return Object.fromEntries(
        groups.flatMap(({ rules }) => rules.map(({ name, health }) => [name, health] as const)),
      );
    },
    stop,
  };
}
