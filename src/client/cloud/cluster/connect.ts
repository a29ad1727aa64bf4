/** A connection to a cluster of EKS that needs no kubeconfig: address and CA from EKS, tokens of our own making. */
import { KubeConfig } from '@kubernetes/client-node';
import { connect, type Kube } from '../../../kube/connect.ts';
import type { Log } from '../../../kube/types.ts';
import { eksToken } from '../../../providers/profiles/eks.ts';
import type { CloudContext, ClusterAddress } from '../steps.ts';

/** Owner of the fields that `sb cloud init` applies: what an admin changes by hand is put back only where it is one of these. */
export const FIELD_MANAGER = 'sb-cloud';

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** Somebody has to close it. */
export function connectCluster(cloud: CloudContext, { name, endpoint, authority }: ClusterAddress): Kube {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromClusterAndUser(
    { name, server: endpoint, caData: authority, skipTLSVerify: false },
    { name },
  );
  const token = async (): Promise<string> =>
    eksToken({ cluster: name, region: cloud.region }, await cloud.credentials(), cloud.now()).token;
  return connect({ kubeConfig, token, fieldManager: FIELD_MANAGER, log: silent });
}

/** Does something in the cluster; `otherwise` where there is none. */
export async function inCluster<T>(
  cloud: CloudContext,
  otherwise: T,
  work: (kube: Kube, address: ClusterAddress) => Promise<T>,
): Promise<T> {
  const address = await cloud.cluster();
  if (!address) return otherwise;
  const kube = connectCluster(cloud, address);
  try {
    return await work(kube, address);
  } finally {
    await kube.close();
  }
}
