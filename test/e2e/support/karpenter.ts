/** Karpenter itself, as a process beside the cluster, with its provider whose nodes have no machines: KWOK plays their kubelets. */
import { load } from 'js-yaml';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inParallel } from '../../../src/async/in-parallel.ts';
import { TRIAL_NODES, type NodePool } from '../../../src/installation/aws/cluster/nodes.ts';
import type { KubeObject } from '../../../src/kube/types.ts';
import { areEstablished, kubeconfig, kubectl, kubectlOk } from '../../support/cluster.ts';
import { freePort, startServer } from '../../support/programs.ts';
import { ensureTool, paths } from '../cluster/index.ts';
import { goEnvironment } from '../cluster/machine/compiler.ts';
import { run } from '../cluster/machine/process.ts';
import { PLAYED } from './kwok.ts';

/** Its version is in the `go.mod` there. */
const module = join(paths.assets, 'go/karpenter');

async function fromSource(file: string): Promise<KubeObject> {
  const inModule = { cwd: module, env: goEnvironment };
  await run('go', ['mod', 'download', 'sigs.k8s.io/karpenter'], inModule);
  const folder = await run('go', ['list', '-m', '-f', '{{.Dir}}', 'sigs.k8s.io/karpenter'], inModule);
  return load(await readFile(join(folder.trim(), file), 'utf8')) as KubeObject;
}

/** Karpenter's own definition of a kind. */
export const karpenterCrd = (plural: 'nodepools' | 'nodeclaims'): Promise<KubeObject> =>
  fromSource(`pkg/apis/crds/karpenter.sh_${plural}.yaml`);

const CLASS = { group: 'karpenter.kwok.sh', kind: 'KWOKNodeClass', name: TRIAL_NODES };

/** The pool as it is, but for the class of its nodes, which EKS alone knows. */
export function onPlayedNodes(pool: NodePool): NodePool {
  const played = structuredClone(pool);
  played.spec.template.spec.nodeClassRef = CLASS;
  return played;
}

/** Types of EC2 as far as requirements ask for them: what a node has, and its price by the hour. */
const TYPES = [
  { name: 'c6i.large', cpus: 2, gibibytes: 4, usd: 0.085 },
  { name: 'm6i.4xlarge', cpus: 16, gibibytes: 64, usd: 0.768 },
  { name: 'g4dn.xlarge', cpus: 4, gibibytes: 16, usd: 0.526, gpu: 't4', gpus: 1 },
  { name: 'g5.12xlarge', cpus: 48, gibibytes: 192, usd: 5.672, gpu: 'a10g', gpus: 4 },
];

const is = (key: string, value: string) => ({ key, operator: 'In', values: [value] });

function typeOf({ name, cpus, gibibytes, usd, gpu, gpus }: (typeof TYPES)[number]): object {
  const [, category = '', generation = ''] = /^([a-z])(\d)/.exec(name) ?? [];
  const labels = [
    is('topology.kubernetes.io/zone', 'us-east-1a'),
    is('eks.amazonaws.com/instance-category', category),
    is('eks.amazonaws.com/instance-generation', generation),
    ...(gpu === undefined ? [] : [is('eks.amazonaws.com/instance-gpu-name', gpu)]),
  ];
  const offering = (capacity: string, share: number) => ({
    Price: usd * share,
    Available: true,
    Requirements: [is('karpenter.sh/capacity-type', capacity), ...labels],
  });
  return {
    name,
    architecture: 'amd64',
    operatingSystems: ['linux'],
    offerings: [offering('spot', 0.4), offering('on-demand', 1)],
    resources: {
      cpu: String(cpus),
      memory: `${gibibytes}Gi`,
      'ephemeral-storage': '100Gi',
      ...(gpus !== undefined && { 'nvidia.com/gpu': String(gpus) }),
    },
  };
}

const CRDS = ['nodepools.karpenter.sh', 'nodeclaims.karpenter.sh', 'kwoknodeclasses.karpenter.kwok.sh'];

/** What is left once Karpenter has ended, whose finalizers would keep it. */
async function removeNodes(): Promise<void> {
  for (const what of [['nodepools'], ['nodeclaims'], ['nodes', '-l', `${PLAYED.key}=${PLAYED.value}`]]) {
    const { stdout } = await kubectl(['get', ...what, '-o', 'name']);
    const names = stdout.split('\n').filter(Boolean);
    const free = (name: string) =>
      kubectl(['patch', name, '--type=merge', '-p', '{"metadata":{"finalizers":null}}']);
    await inParallel(names, free, { width: 4 });
    if (names.length > 0) await kubectlOk(['delete', '--ignore-not-found', ...names]);
  }
  await kubectlOk(['delete', 'crd', '--ignore-not-found', ...CRDS]);
}

async function startProcess(program: string): Promise<{ stop: () => Promise<void> }> {
  const health = await freePort();
  return startServer(program, async (address, folder) => {
    const types = join(folder, 'types.json');
    await writeFile(types, JSON.stringify(TYPES.map(typeOf)));
    return {
      args: [],
      env: {
        KUBECONFIG: kubeconfig,
        DISABLE_LEADER_ELECTION: 'true',
        INSTANCE_TYPES_FILE_PATH: types,
        METRICS_PORT: address.split(':').at(-1) ?? '',
        HEALTH_PROBE_PORT: String(health),
      },
      log: join(paths.log, 'karpenter.log'),
    };
  });
}

/** Starts it with these pools. Disposed of, it is gone with its kinds and all of its nodes. */
export async function startKarpenter(pools: readonly NodePool[]): Promise<AsyncDisposable> {
  const program = await ensureTool('karpenter', { module, path: 'sigs.k8s.io/karpenter/kwok' });
  const crds = await Promise.all([
    karpenterCrd('nodepools'),
    karpenterCrd('nodeclaims'),
    fromSource('kwok/apis/crds/karpenter.kwok.sh_kwoknodeclasses.yaml'),
  ]);
  const apply = (items: readonly object[]) =>
    kubectlOk(['apply', '--server-side', '-f', '-'], { apiVersion: 'v1', kind: 'List', items });
  try {
    await apply(crds);
    await areEstablished(CRDS.map((name) => `crd/${name}`));
    const { group, kind, name } = CLASS;
    await apply([{ apiVersion: `${group}/v1alpha1`, kind, metadata: { name } }, ...pools]);
    const server = await startProcess(program);
    return {
      [Symbol.asyncDispose]: async () => {
        await server.stop();
        await removeNodes();
      },
    };
  } catch (error) {
    await removeNodes();
    throw error;
  }
}
