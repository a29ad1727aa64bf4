/** `sb cloud token`: logs kubectl, and every program that reads a kubeconfig, into a cluster of EKS. */
import { execCredential } from '../../client/cloud/cluster/exec-credential.ts';
import type { Io } from '../types.ts';

export interface TokenFlags {
  cluster: string;
  region: string;
}

export async function cloudToken({ cluster, region }: TokenFlags, io: Io): Promise<number> {
  const { env, now, terminal } = io;
  terminal.out(`${JSON.stringify(await execCredential({ cluster, region }, { env, now }))}\n`);
  return 0;
}
