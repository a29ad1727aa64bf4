/** The ports that bring an installation's images along on AWS, with the user's own credentials, every call retried. */
import type { ArtifactStore } from '../artifact-store/port.ts';
import type { ImageRegistry } from '../image-registry/port.ts';
import { retried } from '../retry.ts';
import type { ToolBuilder } from '../tool-builder/port.ts';
import { clientStore } from './s3.ts';

export interface ToolsPlace {
  region: string;
  stack: string;
  /** CodeBuild project. */
  project: string;
  /** ARN of the role that may push. */
  role: string;
  bucket: string;
  kmsKeyId?: string;
  /** BuildKit, as it is called once it is copied. */
  buildKit: string;
  /** Fresh at each call. */
  credentials: () => Promise<{ accessKeyId: string; secretAccessKey: string; sessionToken?: string }>;
  sleep: (ms: number) => Promise<unknown>;
}

export interface ToolPorts {
  builder: ToolBuilder;
  /** Of any repository of the account's registry. */
  registry(repositoryUri: string): ImageRegistry;
  store: ArtifactStore;
}

export async function openTools(place: ToolsPlace): Promise<ToolPorts> {
  // Loaded here: `sb` starts without them.
  const [{ codeBuildTools }, { ecrImageRegistry }] = await Promise.all([
    import('../image-builder/tools.ts'),
    import('../image-registry/ecr.ts'),
  ]);
  const { region, credentials, sleep, bucket, kmsKeyId } = place;
  return {
    builder: retried(codeBuildTools(place), { sleep }),
    registry: (repositoryUri) => retried(ecrImageRegistry({ region, repositoryUri, credentials }), { sleep }),
    store: clientStore({ bucket, region, ...(kmsKeyId && { kmsKeyId }) }, credentials),
  };
}
