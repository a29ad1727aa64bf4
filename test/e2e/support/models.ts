/** A scripted model server in the cluster, under an address of the internet on the loopback of every node. */
import { agentOf } from '../../../src/agents/registry.ts';
import { basePath } from '../../../src/courier/model-proxy/assigned.ts';
import { agentsThatTake } from '../../../src/crds/agents.ts';
import { PROVIDERS, type ProviderName } from '../../../src/crds/providers.ts';
import { kubectlOk } from '../../support/cluster.ts';
import { modelServerProgram } from '../../support/model/bundle.ts';
import { standardScripts } from '../../support/model/scripts.ts';
import type { KeyTotals } from '../../support/model/log.ts';
import { ensureBaseImages } from '../cluster/index.ts';
import { OUTSIDE, playHosts } from './addresses.ts';
import { operatorImage } from './helm.ts';
import { basesOf, smallImage } from './images.ts';

/** With a folder that everybody may work in: `/work`. */
export const WORKPLACE = smallImage('agents', 'FROM debian:bookworm-slim\nRUN mkdir -m 1777 /work\n');

/** What the programs of agents are built on. */
export async function ensureProgramBases(): Promise<void> {
  const texts = agentsThatTake('program').map((agent) => agentOf(agent)?.program?.dockerfile('1') ?? '');
  await ensureBaseImages([...new Set(texts.flatMap(basesOf))]);
}

/** Several may run beside each other: each has its own name and port. */
export interface ModelsPlace {
  name: string;
  port: number;
}

/** Where a provider's programs find it, with the path that theirs begin with. */
export function modelsUrl({ port }: ModelsPlace, provider: ProviderName): string {
  return `http://${OUTSIDE.models}:${port}${basePath(PROVIDERS[provider].baseUrl)}`;
}

/** Scripts under names whose prices are known. */
const PRICED = { 'claude-sonnet-4-5': standardScripts['solve-edit'] };

export interface Models {
  /** What each key was given, by its name. */
  totals(): Promise<Record<string, KeyTotals>>;
  close(): Promise<void>;
}

/** Starts it with these keys: values by name. */
export async function startModels(place: ModelsPlace, keys: Record<string, string>): Promise<Models> {
  const { name } = place;
  // One that a run has left which was ended has other keys.
  await kubectlOk(['delete', 'namespace', name, '--ignore-not-found']);
  await playHosts(OUTSIDE.models);
  const image = await operatorImage();
  await kubectlOk(['apply', '-f', '-'], {
    apiVersion: 'v1',
    kind: 'List',
    items: await objects(image, place, keys),
  });
  await kubectlOk(['rollout', 'status', `daemonset/${name}`, '-n', name, '--timeout=90s']);
  return {
    totals: async () => {
      const pods = (await kubectlOk(['get', 'pods', '-n', name, '-o', 'name'])).trim().split('\n');
      return sumOf(await Promise.all(pods.map((pod) => totalsAt(place, pod))));
    },
    close: async () => {
      await kubectlOk(['delete', 'namespace', name, '--ignore-not-found']);
    },
  };
}

async function totalsAt({ name, port }: ModelsPlace, pod: string): Promise<Record<string, KeyTotals>> {
  const program = `fetch('http://${OUTSIDE.models}:${port}/totals').then((answer) => answer.text()).then(console.log)`;
  const said = await kubectlOk(['exec', '-n', name, pod, '--', 'node', '-e', program]);
  return JSON.parse(said) as Record<string, KeyTotals>;
}

/** A Trial's calls may come from its own node, and by the broker from another. */
function sumOf(all: readonly Record<string, KeyTotals>[]): Record<string, KeyTotals> {
  const sum: Record<string, KeyTotals> = {};
  for (const [key, totals] of all.flatMap((one) => Object.entries(one))) {
    const before = sum[key];
    sum[key] = before ? added(before, totals) : totals;
  }
  return sum;
}

const added = (one: KeyTotals, other: KeyTotals): KeyTotals => ({
  requests: one.requests + other.requests,
  replies: one.replies + other.replies,
  failures: one.failures + other.failures,
  input: one.input + other.input,
  output: one.output + other.output,
  cacheRead: one.cacheRead + other.cacheRead,
  cacheWrite: one.cacheWrite + other.cacheWrite,
  reasoning: one.reasoning + other.reasoning,
});

async function objects(
  image: string,
  { name, port }: ModelsPlace,
  keys: Record<string, string>,
): Promise<object[]> {
  const labels = { app: name };
  const metadata = { name, namespace: name };
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata,
      data: { 'server.mjs': await modelServerProgram(), 'scripts.json': JSON.stringify(PRICED) },
    },
    { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { 'keys.json': JSON.stringify(keys) } },
    {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata,
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            // At the node's own addresses.
            hostNetwork: true,
            tolerations: [{ operator: 'Exists' }],
            containers: [
              {
                name: 'server',
                image,
                command: [
                  'node',
                  '/model/server.mjs',
                  '--listen',
                  `${OUTSIDE.models}:${port}`,
                  '--keys',
                  '/keys/keys.json',
                  '--scripts',
                  '/model/scripts.json',
                ],
                volumeMounts: [
                  { name: 'program', mountPath: '/model' },
                  { name: 'keys', mountPath: '/keys' },
                ],
              },
            ],
            volumes: [
              { name: 'program', configMap: { name } },
              { name: 'keys', secret: { secretName: name } },
            ],
          },
        },
      },
    },
  ];
}
