/** ImageRegistry over Amazon ECR: its own API for the operator's repository, the OCI protocol for everything else. */
import { DescribeImagesCommand, DescribeRepositoriesCommand, type ECRClient } from '@aws-sdk/client-ecr';
import type { ImageConfig } from '../../crds/image-config.ts';
import { ProviderError } from '../errors.ts';
import { ecrClient, ecrError, type EcrPlace } from './ecr/client.ts';
import { ecrLogins } from './ecr/login.ts';
import { ociImageRegistry } from './oci.ts';
import type { ImageRegistry, ResolvedImage } from './port.ts';
import { formatReference, parseReference, pinned, type ImageReference } from './reference.ts';

export interface EcrSettings extends EcrPlace {
  /** `<account>.dkr.ecr.<region>.amazonaws.com/<name>`, as `ecrRepositoryUri` finds it. */
  repositoryUri: string;
  /** Base URL that answers for a host, for the OCI protocol. */
  mirrors?: Record<string, string>;
  /** Milliseconds since the epoch. */
  now?: () => number;
}

class EcrImageRegistry implements ImageRegistry {
  readonly #region: string;
  readonly #uri: string;
  readonly #client: ECRClient;
  readonly #oci: ImageRegistry;

  constructor({ repositoryUri, mirrors = {}, now = Date.now, ...place }: EcrSettings) {
    this.#region = place.region;
    this.#uri = repositoryUri;
    this.#client = ecrClient(place);
    const own = { client: this.#client, host: parseReference(repositoryUri).host };
    this.#oci = ociImageRegistry({ mirrors, credentials: ecrLogins(place, own, now), now });
  }

  async resolve(text: string): Promise<ResolvedImage | undefined> {
    const reference = parseReference(text);
    if (`${reference.host}/${reference.repository}` !== this.#uri) return this.#oci.resolve(text);
    const digest = await this.#digest(reference);
    return digest === undefined ? undefined : { reference: pinned(reference, digest), digest };
  }

  config(image: ResolvedImage, platform: string): Promise<ImageConfig> {
    return this.#oci.config(image, platform);
  }

  /** One call. An archived image has its tag still, but nobody can pull it: only ACTIVE ones exist. */
  async #digest(reference: ImageReference): Promise<string | undefined> {
    const { repository, tag, digest } = reference;
    const imageId = digest === undefined ? { imageTag: tag } : { imageDigest: digest };
    const command = new DescribeImagesCommand({ repositoryName: repository, imageIds: [imageId] });
    try {
      const { imageDetails = [] } = await this.#client.send(command);
      const active = imageDetails.find(({ imageStatus = 'ACTIVE' }) => imageStatus === 'ACTIVE');
      return active?.imageDigest;
    } catch (error) {
      if ((error as Error).name === 'ImageNotFoundException') return undefined;
      const call = `resolve ${formatReference(reference)}`;
      throw ecrError({ call, action: 'ecr:DescribeImages', region: this.#region, repository }, error);
    }
  }
}

export const ecrImageRegistry = (settings: EcrSettings): ImageRegistry => new EcrImageRegistry(settings);

/**
 * Address of a repository, `<account>.dkr.ecr.<region>.amazonaws.com/<name>`. Throws `NotFound` with the command that makes it
 * where it does not exist, and `AccessDenied` naming the missing permission.
 */
export async function ecrRepositoryUri({
  repository,
  ...place
}: EcrPlace & { repository: string }): Promise<string> {
  const { region } = place;
  const call = `find ECR repository ${repository} in ${region}`;
  const client = ecrClient(place);
  try {
    const command = new DescribeRepositoriesCommand({ repositoryNames: [repository] });
    const { repositories: [found] = [] } = await client.send(command);
    if (found?.repositoryUri !== undefined) return found.repositoryUri;
    throw new ProviderError('Unavailable', `${call}: the answer names no address`);
  } catch (error) {
    throw ecrError({ call, action: 'ecr:DescribeRepositories', region, repository }, error);
  } finally {
    client.destroy();
  }
}
