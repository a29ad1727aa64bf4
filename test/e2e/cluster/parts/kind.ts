import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { digest, paths } from '../machine/paths.ts';
import { kind, succeeds } from '../machine/process.ts';
import type { Flavour } from '../images/flavour.ts';
import { nodeImage } from '../images/node-image.ts';
import { clusterName, nodes } from '../versions.ts';

/** Makes both nodes; they are not Ready before they have their pod network. */
export async function createNodes(flavour: Flavour): Promise<void> {
  const config = join(paths.state, 'kind.json');
  writeFileSync(config, JSON.stringify(clusterConfig(flavour)));
  const image = flavour === 'made' ? ['--image', nodeImage()] : [];
  const flags = [
    '--name',
    clusterName,
    '--config',
    config,
    '--kubeconfig',
    paths.kubeconfig,
    '--retain',
    ...image,
  ];
  await kind(['create', 'cluster', ...flags]);
}

/** Ends the node containers with all that is in them. */
export async function removeNodes(): Promise<void> {
  await Promise.all(nodes.map((node) => succeeds('docker', ['rm', '-f', '-v', node])));
}

export async function writeKubeconfig(): Promise<void> {
  writeFileSync(
    paths.kubeconfig,
    await kind(['get', 'kubeconfig', '--name', clusterName], { secret: true }),
    { mode: 0o600 },
  );
}

/** Whatever a story has killed again and again comes back at once, not after five minutes. */
const KUBELET = {
  kind: 'KubeletConfiguration',
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  featureGates: { KubeletCrashLoopBackOffMax: true },
  crashLoopBackOff: { maxContainerRestartPeriod: '2s' },
};

/** There is one control plane: a lease that a busy machine renews too late would only start these again. */
const ALONE = { 'leader-elect': 'false' };

/** What the cluster is made from; JSON is YAML too. */
export function clusterConfig(flavour: Flavour): object {
  // The job controller's default of 20 calls a second makes 5 Jobs a second: the slowest part of any test. kind speaks kubeadm's v1beta3.
  const extraArgs = {
    'kube-api-qps': '300',
    'kube-api-burst': '600',
    'concurrent-job-syncs': '20',
    // Half of the default: a node that is lost is missed sooner.
    'node-monitor-grace-period': '25s',
    ...ALONE,
  };
  return {
    kind: 'Cluster',
    apiVersion: 'kind.x-k8s.io/v1alpha4',
    // kindnet's image cannot be made here: `made` nodes get a bridge and routes of ours.
    networking: { disableDefaultCNI: flavour === 'made' },
    nodes: [{ role: 'control-plane' }, { role: 'worker' }],
    containerdConfigPatches:
      flavour === 'made'
        ? ['[plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = "/etc/containerd/certs.d"\n']
        : [],
    kubeadmConfigPatches: [{ kind: 'ClusterConfiguration', controllerManager: { extraArgs } }, KUBELET].map(
      (patch) => JSON.stringify(patch),
    ),
  };
}

/** Changes when the cluster would be made differently. */
export const configOf = (flavour: Flavour) =>
  digest(JSON.stringify(clusterConfig(flavour)), flavour === 'made' ? nodeImage() : '');
