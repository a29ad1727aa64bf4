/** Hosts outside the cluster, played by its nodes: addresses on the loopback of each, where its kubelet speaks TLS. */
import { docker, nodes } from '../cluster/index.ts';

/** By who uses them. Files of stories go on beside each other, so that an address that two of them had would be taken away by the first to end. */
export const OUTSIDE = {
  metadata: '169.254.169.254',
  trials: '8.8.4.4',
  sandboxes: ['8.8.4.5', '8.8.4.7'],
  models: '8.8.4.6',
  tunnels: ['8.8.4.8', '8.8.4.9'],
} as const;

const eachNode = async (verb: 'replace' | 'del', addresses: readonly string[]): Promise<void> => {
  for (const node of nodes)
    for (const address of addresses)
      await docker(['exec', node, 'ip', 'address', verb, `${address}/32`, 'dev', 'lo']);
};

export const playHosts = (...addresses: string[]): Promise<void> => eachNode('replace', addresses);
export const endHosts = (...addresses: string[]): Promise<void> => eachNode('del', addresses);
