/** The Go controller that ours is compared with, as a process beside the cluster, and its kind. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import type { Condition } from '../../src/crds/conditions.ts';
import { connect } from '../../src/kube/connect.ts';
import type { Job } from '../../src/kube/kinds.ts';
import { Operator } from '../../src/kube/operator.ts';
import type { Kind, KubeObject, Store } from '../../src/kube/types.ts';
import { areEstablished, kubeconfig, kubectlOk } from '../../test/support/cluster.ts';
import { recordingLog } from '../../test/support/kube.ts';
import { startServer } from '../../test/support/programs.ts';
import { ensureTool } from '../../test/e2e/cluster/index.ts';
import { parseMetrics, type Sample } from '../support/metrics.ts';

const GROUP = 'peer.bench';
const CRD = join(import.meta.dirname, 'peer/crd.yaml');

export interface PeerTrial extends KubeObject {
  spec: object;
  status?: { conditions?: Condition[] };
}

export const PeerTrial: Kind<PeerTrial> = {
  group: GROUP,
  version: 'v1alpha1',
  kind: 'PeerTrial',
  plural: 'peertrials',
  namespaced: true,
};

class Watcher extends Operator {
  readonly peers = this.watch(PeerTrial);

  protected override init(): Promise<void> {
    return Promise.resolve();
  }
}

export interface Peer extends AsyncDisposable {
  peers: Watcher['peers'] & Store<PeerTrial>;
  metrics(this: void): Promise<Sample[]>;
}

/** The Pods of its Jobs are ours, but for what belongs to the operator alone: labels, annotations, tokens for the broker. */
export function foreignJob({ spec }: Job): NonNullable<Job['spec']> {
  const { selector: _, template, ...rest } = structuredClone(spec!);
  for (const { projected } of template.spec?.volumes ?? [])
    for (const { serviceAccountToken } of projected?.sources ?? [])
      if (serviceAccountToken) serviceAccountToken.audience = GROUP;
  return { ...rest, template: { spec: template.spec! } };
}

/** Installs its kind and starts it; disposed of, both are gone. */
export async function startPeer(job: NonNullable<Job['spec']>): Promise<Peer> {
  const program = await ensureTool('peer', { module: join(import.meta.dirname, 'peer'), path: '.' });
  await kubectlOk(['apply', '--server-side', '-f', CRD]);
  await areEstablished([`crd/${PeerTrial.plural}.${GROUP}`]);
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(kubeconfig);
  const kube = connect({ kubeConfig, log: recordingLog() });
  const watcher = new Watcher({ kube, component: 'bench', identity: 'bench' });
  await watcher.start();
  await watcher.whenSynced();
  const server = await startServer(program, async (address, folder) => {
    const file = join(folder, 'job.json');
    await writeFile(file, JSON.stringify(job));
    return { args: ['--kubeconfig', kubeconfig, '--metrics', address, '--job', file] };
  });
  return {
    peers: watcher.peers,
    metrics: async () => parseMetrics(await (await fetch(`http://${server.address}/metrics`)).text()),
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await watcher.stop();
      await kube.close();
      await kubectlOk(['delete', '--ignore-not-found', '-f', CRD]);
    },
  };
}
