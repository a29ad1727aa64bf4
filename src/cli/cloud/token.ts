/** `sb cloud token`: logs kubectl, and every program that reads a kubeconfig, into a cluster of EKS. */
import { execCredential } from '../../client/cloud/cluster/exec-credential.ts';
import { seenHere } from '../../client/cloud/machine/seen.ts';
import type { Io } from '../types.ts';

export interface TokenFlags {
  cluster?: string;
  region?: string;
}

export async function cloudToken({ cluster, region }: TokenFlags, io: Io): Promise<number> {
  const { env, now, terminal } = io;
  const seen = await seenHere({ ...(region !== undefined && { region }) }, env);
  terminal.out(
    `${JSON.stringify(await execCredential({ cluster: cluster ?? seen.stack, region: seen.region ?? '' }, { env, now }))}\n`,
  );
  return 0;
}
