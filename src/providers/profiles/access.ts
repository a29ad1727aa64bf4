/** Who enters a cluster of EKS, for `sb cloud researcher` alone: with the user's own credentials, every call retried. */
import type { ClusterAccess } from '../access/port.ts';
import { retried } from '../retry.ts';

export interface AccessPlace {
  region: string;
  cluster: string;
}

export async function openAccess(place: AccessPlace): Promise<ClusterAccess> {
  // Loaded here: `sb` starts without it.
  const { eksAccess } = await import('../access/aws.ts');
  return retried(eksAccess(place));
}
