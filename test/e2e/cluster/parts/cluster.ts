import { mkdirSync } from 'node:fs';
import { removeLeftovers } from '../../../support/temporary.ts';
import { inspect } from '../machine/containers.ts';
import { paths } from '../machine/paths.ts';
import { docker, kubectl, succeeds, until } from '../machine/process.ts';
import { say } from '../machine/progress.ts';
import type { Flavour } from '../images/flavour.ts';
import { nodes } from '../versions.ts';
import { configOf, createNodes, removeNodes, writeKubeconfig } from './kind.ts';
import { ensureNames, ensurePodNetwork } from './network.ts';

// Written into the nodes when all is done: a cluster without it was never completed.
const mark = '/kind/sb-cluster';

/** Makes sure that both nodes run what this checkout asks for and are Ready; a cluster that cannot be repaired quickly is made anew. */
export async function ensureCluster(flavour: Flavour): Promise<void> {
  mkdirSync(paths.checkout, { recursive: true });
  const broken = await repair(flavour);
  if (!broken) return;
  say(`making the cluster: ${broken}`);
  await removeNodes();
  await createNodes(flavour);
  await settle(flavour, 90);
  for (const node of nodes)
    await docker(['exec', '-i', node, 'sh', '-c', `cat > ${mark}`], { input: configOf(flavour) });
}

/** Starts what has stopped; gives the reason why that is not enough, none when the cluster is well. */
async function repair(flavour: Flavour): Promise<string | undefined> {
  const since = Date.now();
  const found = await Promise.all(nodes.map((node) => inspect(node)));
  if (found.every((container) => container === undefined)) return 'there is none';
  if (found.some((container) => container === undefined)) return 'a node is missing';
  const stopped = nodes.filter((_, index) => !found[index]?.running);
  await Promise.all(stopped.map((node) => startAgain(node, found[nodes.indexOf(node)]?.paused)));
  for (const node of nodes) {
    const made = await docker(['exec', node, 'cat', mark]).catch(() => '');
    if (made !== configOf(flavour))
      return made === '' ? 'it was never completed' : 'its configuration has changed';
  }
  try {
    await writeKubeconfig();
    await settle(flavour, 60);
    for (const node of stopped) await until(`${node} reports again`, 60, () => hasReported(node, since));
  } catch (error) {
    return (error as Error).message;
  }
  return undefined;
}

async function startAgain(node: string, paused: boolean | undefined): Promise<void> {
  say(`${node} is ${paused ? 'paused' : 'stopped'}: starting it`);
  await succeeds('docker', [paused ? 'unpause' : 'start', node]);
}

async function settle(flavour: Flavour, seconds: number): Promise<void> {
  const ready = () => succeeds('kubectl', ['get', '--raw', '/readyz'], { timeoutSeconds: 5 });
  await until('the API server', seconds, ready);
  await removeLeftovers(kubectl);
  await ensurePodNetwork(flavour, seconds);
  await ensureNames();
  const limit = `--timeout=${seconds}s`;
  await kubectl(['wait', '--for=condition=Ready', ...nodes.map((node) => `node/${node}`), limit]);
  // kind's own wait does not include CoreDNS.
  await kubectl(['-n', 'kube-system', 'rollout', 'status', 'deployment/coredns', limit]);
  const taints = await kubectl(['get', 'nodes', '-o', 'jsonpath={.items[*].spec.taints[*].key}']);
  const key = 'node-role.kubernetes.io/control-plane';
  // Fails for the nodes that never had it.
  if (taints.includes(key)) await succeeds('kubectl', ['taint', 'nodes', '--all', `${key}-`]);
}

// Ready is what the kubelet said last: a node that was started again has to renew its lease first.
async function hasReported(node: string, since: number): Promise<boolean> {
  const query = ['-n', 'kube-node-lease', 'get', 'lease', node, '-o', 'jsonpath={.spec.renewTime}'];
  return Date.parse(await kubectl(query).catch(() => '')) > since;
}
