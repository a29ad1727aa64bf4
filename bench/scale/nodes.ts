/** Nodes without machines, whose kubelets KWOK plays. */
import { PLAYED, startKwok, type Times } from '../../test/e2e/support/kwok.ts';
import { kubectlOk } from '../../test/support/cluster.ts';
import { removeLeftovers, TEMPORARY } from '../../test/support/temporary.ts';

const NODES = 5;

/** Sends Pods to these nodes, which nobody else's Pods come to. */
export const PLACING = {
  nodeSelector: { [PLAYED.key]: PLAYED.value },
  tolerations: [{ key: PLAYED.key, operator: 'Equal', value: PLAYED.value, effect: 'NoSchedule' }],
};

const names = Array.from({ length: NODES }, (_, index) => `bench-${index}`);
const items = names.map((name) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    name,
    annotations: { [PLAYED.key]: PLAYED.value },
    labels: {
      [PLAYED.key]: PLAYED.value,
      'kubernetes.io/hostname': name,
      'kubernetes.io/os': 'linux',
      ...TEMPORARY,
    },
  },
  spec: { taints: [{ key: PLAYED.key, value: PLAYED.value, effect: 'NoSchedule' }] },
}));

/** Makes the nodes and waits until they are Ready. Disposed of, they are gone. Pods that an interrupted run left would come to them: they go first. */
export async function startNodes(times: Times): Promise<AsyncDisposable> {
  await removeLeftovers(kubectlOk);
  const kwok = await startKwok(times);
  const stop = async (): Promise<void> => {
    await kubectlOk(['delete', 'node', '--ignore-not-found', ...names]);
    await kwok.stop();
  };
  try {
    await kubectlOk(['apply', '-f', '-'], { apiVersion: 'v1', kind: 'List', items });
    await kubectlOk([
      'wait',
      '--for=condition=Ready',
      '--timeout=60s',
      ...names.map((name) => `node/${name}`),
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { [Symbol.asyncDispose]: stop };
}
