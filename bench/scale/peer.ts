/** The Go controller that ours is compared with, where the operator is otherwise, and its kind. */
import { join } from 'node:path';
import { load } from 'js-yaml';
import { readFile } from 'node:fs/promises';
import { KubeConfig } from '@kubernetes/client-node';
import type { Condition } from '../../src/crds/conditions.ts';
import { connect } from '../../src/kube/connect.ts';
import type { StatefulSet, Job } from '../../src/kube/kinds.ts';
import { Operator } from '../../src/kube/operator.ts';
import type { Kind, KubeObject, Store } from '../../src/kube/types.ts';
import { areEstablished, kubeconfig, kubectlOk } from '../../test/support/cluster.ts';
import { eventuallyTrue } from '../../test/support/eventually.ts';
import { recordingLog } from '../../test/support/kube.ts';
import { TEMPORARY } from '../../test/support/temporary.ts';
import { ensureProgramImage, ensureTool } from '../../test/e2e/cluster/index.ts';
import { leader, replicas } from '../support/metrics.ts';
import { GROUP, inPlaceOf, PEER, peerObjects } from './peer-objects.ts';

const FOLDER = join(import.meta.dirname, 'peer');

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

/** What is watched of its kind. */
export interface Peer extends AsyncDisposable {
  peers: Watcher['peers'] & Store<PeerTrial>;
}

/** The Pods of its Jobs are ours, but for what belongs to the operator alone: labels, annotations, tokens for the broker. */
export function foreignJob({ spec }: Job): NonNullable<Job['spec']> {
  const { selector: _, template, ...rest } = structuredClone(spec!);
  for (const { projected } of template.spec?.volumes ?? [])
    for (const { serviceAccountToken } of projected?.sources ?? [])
      if (serviceAccountToken) serviceAccountToken.audience = GROUP;
  return { ...rest, template: { spec: template.spec! } };
}

/** Installs its kind and watches it, as the kinds of ours are watched; disposed of, both are gone. */
export async function installPeerKind(): Promise<Peer> {
  const definition = load(await readFile(join(FOLDER, 'crd.yaml'), 'utf8')) as KubeObject;
  const metadata = { ...definition.metadata, labels: TEMPORARY };
  await kubectlOk(['apply', '--server-side', '-f', '-'], { ...definition, metadata });
  await areEstablished([`crd/${metadata.name}`]);
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(kubeconfig);
  const kube = connect({ kubeConfig, log: recordingLog() });
  const watcher = new Watcher({ kube, component: 'bench', identity: 'bench' });
  await watcher.start();
  await watcher.whenSynced();
  return {
    peers: watcher.peers,
    [Symbol.asyncDispose]: async () => {
      await watcher.stop();
      await kube.close();
      await kubectlOk(['delete', 'crd', '--ignore-not-found', metadata.name]);
    },
  };
}

/** Starts it where `operator` was, and waits until it leads; disposed of, it is gone. */
export async function startPeer(
  { peers }: Peer,
  operator: StatefulSet,
  job: NonNullable<Job['spec']>,
): Promise<Peer> {
  // What is measured is built as what is released.
  const program = await ensureTool(PEER.name, { module: FOLDER, path: '.', inlined: true });
  const statefulSet = inPlaceOf(operator, await ensureProgramImage(program));
  const list = { apiVersion: 'v1', kind: 'List', items: peerObjects(statefulSet, job) };
  const stop = async (): Promise<void> => {
    await kubectlOk(['delete', '--ignore-not-found', '--timeout=120s', '-f', '-'], list);
  };
  try {
    await kubectlOk(['apply', '--server-side', '-f', '-'], list);
    const rollout = ['rollout', 'status', `statefulset/${PEER.name}`, '--timeout=120s'];
    await kubectlOk(['-n', PEER.namespace, ...rollout]);
    const leads = async () => (await replicas(PEER)).includes(await leader(PEER).catch(() => ''));
    await eventuallyTrue('a replica of the peer leads', leads, 60);
  } catch (error) {
    await stop();
    throw error;
  }
  return { peers, [Symbol.asyncDispose]: stop };
}
