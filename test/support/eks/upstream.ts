/** The API server of the local cluster, and the certificate of its admin. */
import { KubeConfig } from '@kubernetes/client-node';
import type { Upstream } from './door.ts';

const decoded = (data: string | undefined): string => Buffer.from(data ?? '', 'base64').toString();

/** `kubeconfig`: path of a file with certificates in it, as kind writes it. */
export function upstreamOf(kubeconfig: string): Upstream {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const [cluster, user] = [config.getCurrentCluster(), config.getCurrentUser()];
  if (!cluster?.caData || !user?.certData || !user.keyData)
    throw new Error(`${kubeconfig} has no certificates in it`);
  return {
    url: cluster.server,
    ca: decoded(cluster.caData),
    cert: decoded(user.certData),
    key: decoded(user.keyData),
  };
}
