import { Secret } from '../../kube/kinds.ts';
import type { KubeClient } from '../../kube/types.ts';
import type { ArtifactStore } from '../../providers/artifact-store/port.ts';
import { s3ArtifactStore, type S3Settings } from '../../providers/artifact-store/s3.ts';
import { retried } from '../../providers/retry.ts';
import { CliError } from '../failures/error.ts';
import type { ClientConfig } from './types.ts';
import type { Surroundings } from './types.ts';
import { SYSTEM_NAMESPACE } from './client-config.ts';

/** Credentials of the local cluster's storage; whoever may read this Secret is its administrator. */
const LOCAL_SECRET = 'sb-s3';

/** The installation's bucket with the user's own credentials, every call retried. */
export async function openStore(
  { bucket, region, endpoint, publicEndpoint, profile }: ClientConfig,
  { kube, env }: { kube: KubeClient; env: Surroundings['env'] },
): Promise<ArtifactStore> {
  const credentials = profile === 'local' && !hasOwn(env) ? await localCredentials(kube) : undefined;
  return retried(
    s3ArtifactStore({
      bucket,
      region,
      ...(endpoint !== undefined && { endpoint }),
      ...(publicEndpoint !== undefined && { publicEndpoint }),
      ...(credentials && { credentials }),
    }),
  );
}

/** The SDK's first two places; a local storage has no identity provider behind the others. */
const hasOwn = (env: Surroundings['env']): boolean =>
  env['AWS_ACCESS_KEY_ID'] !== undefined || env['AWS_PROFILE'] !== undefined;

async function localCredentials(kube: KubeClient): Promise<S3Settings['credentials']> {
  const secret = await kube.get(Secret, { namespace: SYSTEM_NAMESPACE, name: LOCAL_SECRET });
  if (!secret)
    throw new CliError('SB-E012', {
      what: 'cannot use the store of the local cluster',
      why: `there is no Secret ${SYSTEM_NAMESPACE}/${LOCAL_SECRET}, and no AWS_ACCESS_KEY_ID in the environment`,
      fix: 'npm run cluster:up',
    });
  const value = (key: string): string => Buffer.from(secret.data?.[key] ?? '', 'base64').toString();
  return { accessKeyId: value('AWS_ACCESS_KEY_ID'), secretAccessKey: value('AWS_SECRET_ACCESS_KEY') };
}
