/** `npm run dev`: the operator from source on this machine, in the place of the one in the cluster, which comes back at the end. */
import { KubeConfig } from '@kubernetes/client-node';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { pino } from 'pino';
import { OPERATOR, OPERATOR_SELECTOR, operatorUser } from '../../src/installation/names.ts';
import { connect } from '../../src/kube/connect.ts';
import { ConfigMap, Pod, Secret, StatefulSet } from '../../src/kube/kinds.ts';
import type { KubeClient } from '../../src/kube/types.ts';
import { docker, paths } from './cluster/index.ts';
import { scratchFolder } from './cluster/machine/paths.ts';
import { until } from './cluster/machine/process.ts';

type Variables = Record<string, string>;

type Spec = NonNullable<StatefulSet['spec']>;
type EnvSource = NonNullable<NonNullable<Spec['template']['spec']>['containers'][number]['envFrom']>[number];

const { namespace } = OPERATOR;
const say = (line: string): void => void process.stdout.write(`dev: ${line}\n`);

async function main(): Promise<number> {
  const kubeconfig = process.env['KUBECONFIG'] ?? paths.kubeconfig;
  if (!existsSync(kubeconfig))
    throw new Error(`there is no ${kubeconfig}; npm run cluster:up makes a local cluster`);
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(kubeconfig);
  const kube = connect({ kubeConfig, log: pino({ level: 'silent' }) });
  try {
    const statefulSet = await kube.client.get(StatefulSet, OPERATOR);
    if (!statefulSet)
      throw new Error('no operator is installed in this cluster; npm run cluster:up installs it');
    const own = resolve(kubeconfig) === paths.kubeconfig ? await addressesOfThisMachine() : {};
    const settings = { ...(await settingsOf(kube.client, statefulSet)), ...own, ...setHere() };
    using scratch = scratchFolder('dev');
    const access = join(scratch.path, 'kubeconfig');
    await writeFile(access, asOperator(kubeConfig), { mode: 0o600 });
    return (await inPlaceOf(kube.client, statefulSet, () => runOperator(settings, access))) ?? 130;
  } finally {
    await kube.close();
  }
}

/** The same access under the operator's name: its rights, and what admission takes from nobody else. */
function asOperator(kubeConfig: KubeConfig): string {
  const config = JSON.parse(kubeConfig.exportConfig()) as { users: { user: object }[] };
  const users = config.users.map(({ user, ...rest }) => ({ ...rest, user: { ...user, as: operatorUser() } }));
  return JSON.stringify({ ...config, users });
}

/** What the StatefulSet gives its container: one truth for both places. */
async function settingsOf(kube: KubeClient, { spec }: StatefulSet): Promise<Variables> {
  const { env = [], envFrom = [] } = spec?.template.spec?.containers[0] ?? {};
  const sets = await Promise.all(envFrom.map((source) => variablesOf(kube, source)));
  const plain = env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]));
  return Object.assign({}, ...sets, Object.fromEntries(plain)) as Variables;
}

async function variablesOf(kube: KubeClient, { configMapRef, secretRef }: EnvSource): Promise<Variables> {
  const name = (configMapRef ?? secretRef)?.name ?? '';
  if (configMapRef) return (await kube.get(ConfigMap, { namespace, name }))?.data ?? {};
  const secret = await kube.get(Secret, { namespace, name });
  const entries = Object.entries(secret?.data ?? {});
  return Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]));
}

/** Addresses that both this machine and Pods of the local cluster reach: those on kind's network. Names there are known to Pods alone. */
async function addressesOfThisMachine(): Promise<Variables> {
  const format = '{{range .IPAM.Config}}{{println .Gateway}}{{end}}';
  const gateways = (await docker(['network', 'inspect', 'kind', '-f', format])).split('\n');
  const gateway = gateways.find((address) => /^[\d.]+$/.test(address));
  const s3 = await docker(['inspect', '-f', '{{.NetworkSettings.Networks.kind.IPAddress}}', 'sb-s3']);
  const registry = 'http://127.0.0.1:5000';
  const hosts = ['docker.io', 'public.ecr.aws', 'localhost:5000', 'sb-registry:5000'];
  const port = process.env['SB_BROKER_PORT'] ?? '8443';
  return {
    SB_BROKER_URL: `https://${gateway}:${port}`,
    SB_S3_ENDPOINT: `http://${s3.trim()}:7070`,
    SB_REGISTRY_MIRRORS: hosts.map((host) => `${host}=${registry}`).join(','),
  };
}

/** What was set on the command line goes before everything else. */
const setHere = (): Variables =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => entry[0].startsWith('SB_') && entry[1] !== undefined,
    ),
  );

/** Ends the operator in the cluster, so that its lease is free, and brings it back afterwards. */
async function inPlaceOf<T>(
  kube: KubeClient,
  { spec }: StatefulSet,
  work: () => Promise<T>,
): Promise<T | undefined> {
  const scale = (replicas: number) => kube.patch(StatefulSet, OPERATOR, { spec: { replicas } });
  let interrupted = false;
  // Ctrl-C ends the operator; this process stays to bring the replicas back.
  process.on('SIGINT', () => (interrupted = true));
  // An earlier run that was killed has left none.
  const replicas = spec?.replicas || 2;
  say(`stopping the ${spec?.replicas ?? 1} replicas in the cluster`);
  await scale(0);
  try {
    await until('the end of the replicas', 60, async () => {
      return (await kube.list(Pod, { namespace, labelSelector: OPERATOR_SELECTOR })).length === 0;
    });
    return interrupted ? undefined : await work();
  } finally {
    await scale(replicas);
    say(`the ${replicas} replicas in the cluster are back`);
  }
}

async function runOperator(settings: Variables, kubeconfig: string): Promise<number> {
  say(`broker at ${settings['SB_BROKER_URL']}, metrics on port ${settings['SB_METRICS_PORT'] ?? '8080'}`);
  say(`couriers run from the image ${settings['SB_COURIER_IMAGE']}; npm run cluster:up makes a new one`);
  const identity = { POD_NAME: `dev-${hostname()}`, POD_NAMESPACE: namespace };
  const child = spawn(process.execPath, [join(paths.root, 'src/operator.ts')], {
    env: { ...process.env, ...settings, ...identity, KUBECONFIG: kubeconfig },
    stdio: 'inherit',
  });
  // Ctrl-C reaches the operator by itself; this comes to one process alone.
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`dev: ${error instanceof Error ? error.message : String(error)}\n`);
  return 1;
});
