import { OPERATOR, STORE_SECRET } from '../../installation/names.ts';
import type { KubeClient } from '../../kube/types.ts';
import type { ArtifactStore } from '../../providers/artifact-store/port.ts';
import { StoreClosed } from '../../providers/profiles/profile.ts';
import { openStore } from '../../providers/profiles/profiles.ts';
import { CliError } from '../failures/error.ts';
import type { ClientConfig, Surroundings } from './types.ts';

/** The installation's bucket with the user's own credentials, every call retried. Throws SB-E012 where there are none. */
export async function storeOf(
  client: ClientConfig,
  { kube, env }: { kube: KubeClient; env: Surroundings['env'] },
): Promise<ArtifactStore> {
  const secret = { namespace: OPERATOR.namespace, name: STORE_SECRET };
  try {
    return await openStore(client, { kube, env, secret });
  } catch (error) {
    throw error instanceof StoreClosed ? new CliError('SB-E012', error) : error;
  }
}
