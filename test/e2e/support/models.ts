/** A scripted model server in the cluster, under an address of the internet on the loopback of every node. */
import { OPERATOR } from '../../../src/installation/names.ts';
import { kubectlOk } from '../../support/cluster.ts';
import { modelServerProgram } from '../../support/model/bundle.ts';
import type { KeyTotals, LogEntry } from '../../support/model/log.ts';
import { docker, nodes } from '../cluster/index.ts';

const [ADDRESS, PORT] = ['8.8.4.6', 7999];
const NAME = 'sb-e2e-models';

/** Without the path that a provider's programs take. */
export const MODELS_URL = `http://${ADDRESS}:${PORT}`;

export interface Models {
  /** What was asked, at every node. */
  log(): Promise<LogEntry[]>;
  /** By the key's name, of every node. */
  totals(): Promise<Record<string, KeyTotals>>;
  close(): Promise<void>;
}

/** Starts it with these keys: values by name. */
export async function startModels(keys: Record<string, string>): Promise<Models> {
  for (const node of nodes)
    await docker(['exec', node, 'ip', 'address', 'replace', `${ADDRESS}/32`, 'dev', 'lo']);
  const image = await kubectlOk([
    'get',
    'deployment',
    OPERATOR.name,
    '-n',
    OPERATOR.namespace,
    '-o',
    'jsonpath={.spec.template.spec.containers[0].image}',
  ]);
  await kubectlOk(['apply', '-f', '-'], {
    apiVersion: 'v1',
    kind: 'List',
    items: await objects(image, keys),
  });
  await kubectlOk(['rollout', 'status', `daemonset/${NAME}`, '-n', NAME, '--timeout=90s']);
  const ask = async <Answer>(path: string): Promise<Answer[]> => {
    const pods = (await kubectlOk(['get', 'pods', '-n', NAME, '-o', 'name'])).trim().split('\n');
    const program = `fetch('${MODELS_URL}${path}').then((answer) => answer.text()).then(console.log)`;
    return await Promise.all(
      pods.map(async (pod) =>
        parsed<Answer>(await kubectlOk(['exec', '-n', NAME, pod, '--', 'node', '-e', program])),
      ),
    );
  };
  return {
    log: async () => (await ask<LogEntry[]>('/log')).flat(),
    totals: async () =>
      Object.assign({}, ...(await ask<Record<string, KeyTotals>>('/totals'))) as Record<string, KeyTotals>,
    close: async () => {
      await kubectlOk(['delete', 'namespace', NAME, '--ignore-not-found']);
      for (const node of nodes)
        await docker(['exec', node, 'ip', 'address', 'del', `${ADDRESS}/32`, 'dev', 'lo']);
    },
  };
}

/** JSON, or lines of it. */
function parsed<Answer>(text: string): Answer {
  try {
    return JSON.parse(text) as Answer;
  } catch {
    return text
      .trim()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as unknown) as Answer;
  }
}

async function objects(image: string, keys: Record<string, string>): Promise<object[]> {
  const labels = { app: NAME };
  const metadata = { name: NAME, namespace: NAME };
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAME } },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'server.mjs': await modelServerProgram() } },
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
                  `${ADDRESS}:${PORT}`,
                  '--keys',
                  '/keys/keys.json',
                ],
                volumeMounts: [
                  { name: 'program', mountPath: '/model' },
                  { name: 'keys', mountPath: '/keys' },
                ],
              },
            ],
            volumes: [
              { name: 'program', configMap: { name: NAME } },
              { name: 'keys', secret: { secretName: NAME } },
            ],
          },
        },
      },
    },
  ];
}
