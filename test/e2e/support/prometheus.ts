/** A real Prometheus on this machine, which scrapes the replicas of the operator through ports of this machine and has the chart's rules. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { METRICS_PORT, OPERATOR, OPERATOR_SELECTOR } from '../../../src/installation/names.ts';
import { kubectlOk, root } from '../../support/cluster.ts';
import { eventually } from '../../support/eventually.ts';
import { forwardTo } from '../../support/port-forward.ts';
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

interface Target {
  pod: string;
  port: number;
}

const configured = (targets: Target[]): object => ({
  global: { scrape_interval: INTERVAL, evaluation_interval: INTERVAL },
  rule_files: [join(root, 'charts/sb-operator/files/rules.yaml')],
  scrape_configs: [
    {
      job_name: 'sb-operator',
      honor_labels: true,
      static_configs: targets.map(({ pod, port }) => ({
        targets: [`127.0.0.1:${port}`],
        labels: { pod, namespace: OPERATOR.namespace },
      })),
    },
  ],
});

/** Starts it and waits until all replicas are scraped; marks the tests as pending where it cannot be had. */
export async function startPrometheus(context: Mocha.Context): Promise<Prometheus> {
  await ensurePrometheus().catch((error: Error) => process.stderr.write(`      ${error.message}\n`));
  if (findProgram('prometheus') === undefined) skipWithout('prometheus', context);
  const forwards = new AsyncDisposableStack();
  const targets = await Promise.all(
    (await podNames()).map(async (name) => {
      const { port } = forwards.use(await forwardTo({ ...OPERATOR, name }, METRICS_PORT));
      return { pod: name, port };
    }),
  );
  const running = await startProgram('prometheus', async (address, folder) => {
    const file = join(folder, 'prometheus.yaml');
    // It reads YAML, which JSON is.
    await writeFile(file, JSON.stringify(configured(targets)));
    const data = `--storage.tsdb.path=${join(folder, 'data')}`;
    return { args: [`--config.file=${file}`, data, `--web.listen-address=${address}`] };
  });
  if (!running) {
    await forwards.disposeAsync();
    skipWithout('prometheus', context);
  }
  const prometheus = clientOf(running.address, async () => {
    await running.stop();
    await forwards.disposeAsync();
  });
  const isReady = async (): Promise<boolean> => (await fetch(`http://${running.address}/-/ready`)).ok;
  await eventually(
    'all replicas of the operator are scraped',
    async () =>
      (await isReady()) && (await prometheus.now('up == 1')).length === targets.length ? true : undefined,
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
