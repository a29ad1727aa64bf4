/** Any cluster: any S3 endpoint, any OCI registry, BuildKit. */
import { Secret } from '../../kube/kinds.ts';
import type { KubeClient, ObjectKey } from '../../kube/types.ts';
import { s3ArtifactStore, type S3Settings } from '../artifact-store/s3.ts';
import { buildkitImageBuilder } from '../image-builder/buildkit.ts';
import { ociImageRegistry } from '../image-registry/oci.ts';
import { storedLogLinks } from '../log-links/stored.ts';
import { StoreClosed, type Profile } from './profile.ts';
import { bucketSettings, clientStore, HTTP, type BucketSettings } from './s3.ts';

export interface LocalSettings {
  s3: BucketSettings & { endpoint: string; publicEndpoint: string };
  /** `SB_IMAGE_REPOSITORY`: where built images go. */
  imageRepository: string;
  buildkit: {
    /** `SB_BUILDKIT_ADDR`, for example `tcp://buildkit:1234`. */
    address: string;
    /** `SB_BUILDCTL_IMAGE`: an image with `buildctl` and `sh`. */
    buildctlImage: string;
  };
}

/** The SDK's first two places; a local storage has no identity provider behind the others. */
const SDK_CREDENTIALS = ['AWS_ACCESS_KEY_ID', 'AWS_PROFILE'];

export const local: Profile<LocalSettings> = {
  defaults: {
    baseImageMirrors: '',
    sharing: ['Namespace', 'Shared'],
    // One BuildKit and nodes of a few cores: more builds at once only slow each other down.
    maxConcurrentBuilds: 4,
  },
  settings: (read) => ({
    s3: {
      ...bucketSettings(read, 'us-east-1'),
      endpoint: read.url('SB_S3_ENDPOINT', HTTP),
      publicEndpoint: read.url('SB_S3_PUBLIC_ENDPOINT', HTTP),
    },
    imageRepository: read.text('SB_IMAGE_REPOSITORY'),
    buildkit: {
      address: read.url('SB_BUILDKIT_ADDR', /^(tcp|unix):$/),
      buildctlImage: read.text('SB_BUILDCTL_IMAGE'),
    },
  }),
  repository: ({ imageRepository }) => ['SB_IMAGE_REPOSITORY', imageRepository],
  async adapters(settings, { kube, brokerCa, steadied }) {
    const { courierImage, broker, buildkit, baseImageMirrors } = settings;
    const pod = { courierImage, brokerUrl: broker.url, brokerCa, baseImageMirrors };
    return {
      artifacts: steadied(s3ArtifactStore(settings.s3), 'artifact-store'),
      registry: steadied(ociImageRegistry({ mirrors: settings.registryMirrors }), 'image-registry'),
      builder: steadied(buildkitImageBuilder({ ...buildkit, kube, ...pod }), 'image-builder'),
      logLinks: storedLogLinks(),
      repository: settings.imageRepository,
    };
  },
  async store(place, { kube, secret, env }) {
    const own = local.foreignCredentials(env).length > 0;
    return clientStore(place, own ? undefined : await storageCredentials(kube, secret));
  },
  hints: {
    RegistryUnavailable: 'is the registry up? npm run cluster:up repairs it',
    BuilderNotAnswering: 'is the builder up? npm run cluster:up repairs it',
    BuilderUnavailable: 'is the builder up? npm run cluster:up repairs it',
  },
  foreignCredentials: (env) => SDK_CREDENTIALS.filter((name) => env[name] !== undefined),
};

/** Credentials of the cluster's own storage; whoever may read this Secret is its administrator. */
async function storageCredentials(kube: KubeClient, key: ObjectKey): Promise<S3Settings['credentials']> {
  const secret = await kube.get(Secret, key);
  if (!secret)
    throw new StoreClosed({
      what: 'cannot use the store of the local cluster',
      why: `there is no Secret ${key.namespace}/${key.name}, and no AWS_ACCESS_KEY_ID in the environment`,
      fix: 'npm run cluster:up',
    });
  const value = (field: string): string => Buffer.from(secret.data?.[field] ?? '', 'base64').toString();
  return { accessKeyId: value('AWS_ACCESS_KEY_ID'), secretAccessKey: value('AWS_SECRET_ACCESS_KEY') };
}
