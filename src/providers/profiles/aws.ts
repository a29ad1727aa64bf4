/** AWS: S3, ECR, CodeBuild and CloudWatch Logs of one region. Their other endpoints are the SDK's own `AWS_ENDPOINT_URL_…`. */
import type { Pattern, Reader } from '../../config/reader.ts';
import { s3ArtifactStore } from '../artifact-store/s3.ts';
import { REGION } from '../aws/partition.ts';
import { settling } from '../aws/settling.ts';
import type { Costs } from '../costs/port.ts';
import { cloudwatchLogLinks } from '../log-links/cloudwatch.ts';
import type { AdapterNeeds, Profile } from './profile.ts';
import { bucketSettings, clientStore, HTTP, type BucketSettings } from './s3.ts';

export interface AwsSettings {
  s3: BucketSettings;
  /** `SB_AWS_REGION`. */
  region: string;
  /** `SB_STACK`: prefix of what belongs together, of secrets in Secrets Manager among them. */
  stack: string;
  /** `SB_ECR_REPO`: name of the repository; account and host are asked of ECR. */
  ecrRepository: string;
  /** `SB_CODEBUILD_PROJECT`. */
  codebuildProject: string;
  /** `SB_BUILDKIT_IMAGE`: what a build on CodeBuild runs as its BuildKit daemon. */
  buildkitImage: string;
  /** `SB_K8S_NAMESPACE`: where Trials are when nothing else is said. */
  trialNamespace: string;
  /** `SB_LOG_GROUP`: CloudWatch log group into which the cluster ships the Pods' logs. */
  logGroup: string;
  /** `SB_BUDGET_CORRECTION`: whether budgets of namespaces are held against what AWS charges. */
  budgetCorrection: 'Off' | 'CostExplorer';
}

/** BuildKit that understands `EXPERIMENTAL_BUILDKIT_SOURCE_POLICY` and writes cache manifests that ECR takes. */
const BUILDKIT_IMAGE = 'docker.io/moby/buildkit:v0.27.1';

// Patterns of the services’ own API references.
const AWS_REGION: Pattern = { is: REGION, called: 'an AWS region' };
const STACK: Pattern = {
  is: /^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/,
  called: 'a name of letters, digits and hyphens',
};
const ECR_REPOSITORY: Pattern = {
  is: /^(?=.{2,256}$)(?!\d{12}\.dkr\.)(?:[a-z0-9]+(?:[._-][a-z0-9]+)*\/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$/,
  called: 'the name of an ECR repository (no host, no tag)',
};
const PROJECT: Pattern = {
  is: /^[A-Za-z0-9][A-Za-z0-9_-]{1,149}$/,
  called: 'the name of a CodeBuild project',
};
const LOG_GROUP: Pattern = { is: /^[.\-_/#A-Za-z0-9]{1,512}$/, called: 'the name of a log group' };
const NAMESPACE: Pattern = { is: /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, called: 'a namespace' };

export const aws: Profile<AwsSettings> = {
  defaults: {
    // Docker Hub limits pulls by address, which many builds share; AWS keeps a copy of the official images without such a limit.
    baseImageMirrors: 'docker.io/library=public.ecr.aws/docker/library',
    sharing: ['Shared', 'Namespace'],
    // Each build has a machine of its own.
    maxConcurrentBuilds: 20,
  },
  settings(read) {
    const region = read.text('SB_AWS_REGION', undefined, AWS_REGION);
    return {
      s3: bucketOf(read, region),
      region,
      stack: read.text('SB_STACK', 'abundant-sb', STACK),
      ecrRepository: read.text('SB_ECR_REPO', 'abundant-sb-sandboxes', ECR_REPOSITORY),
      codebuildProject: read.text('SB_CODEBUILD_PROJECT', 'abundant-sb-build', PROJECT),
      buildkitImage: read.text('SB_BUILDKIT_IMAGE', BUILDKIT_IMAGE),
      trialNamespace: read.text('SB_K8S_NAMESPACE', 'agents', NAMESPACE),
      logGroup: read.text('SB_LOG_GROUP', '/sb/eks/logs', LOG_GROUP),
      budgetCorrection: read.choice('SB_BUDGET_CORRECTION', ['Off', 'CostExplorer'] as const),
    };
  },
  repository: ({ ecrRepository }) => ['SB_ECR_REPO', ecrRepository],
  async adapters(settings, needs) {
    const { region, stack, buildkitImage, baseImageMirrors, registryMirrors: mirrors } = settings;
    // Loaded here, so that a client, which needs the store alone, starts without them.
    const { ecrImageRegistry, ecrRepositoryUri } = await import('../image-registry/ecr.ts');
    const { codebuildImageBuilder } = await import('../image-builder/codebuild.ts');
    const repository = await ecrRepositoryUri({ region, repository: settings.ecrRepository });
    const [project, platform] = [settings.codebuildProject, settings.imagePlatform];
    const own = { region, stack, project, platform };
    const builder = codebuildImageBuilder({ ...own, buildkitImage, baseImageMirrors });
    const settled = settledBy(needs);
    return {
      artifacts: settled(s3ArtifactStore(settings.s3), 'artifact-store'),
      registry: settled(ecrImageRegistry({ repositoryUri: repository, region, mirrors }), 'image-registry'),
      builder: settled(builder, 'image-builder'),
      logLinks: cloudwatchLogLinks({ region, group: settings.logGroup }),
      repository,
      ...(await costsOf(settings, needs)),
    };
  },
  store: async (place) => clientStore(place),
  hints: {
    BuilderAccessDenied: 'docs/aws.md',
    BuilderNotFound: 'docs/aws.md',
    PushDenied: 'docs/aws.md',
    BaseImageRateLimited: 'docs/aws.md#base-images',
    QuotaExceeded: 'docs/aws.md#4-codebuild',
  },
  foreignCredentials: () => [],
};

async function costsOf(
  { budgetCorrection, region, stack }: AwsSettings,
  { steadied }: AdapterNeeds,
): Promise<{ costs?: Costs }> {
  if (budgetCorrection === 'Off') return {};
  const { costExplorer } = await import('../costs/cost-explorer.ts');
  return { costs: steadied(costExplorer({ region, stack }), 'costs') };
}

function bucketOf(read: Reader, region: string): BucketSettings {
  const endpoint = read.optionalUrl('SB_S3_ENDPOINT', HTTP);
  const publicEndpoint = read.optionalUrl('SB_S3_PUBLIC_ENDPOINT', HTTP);
  return {
    ...bucketSettings(read, region),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(publicEndpoint === undefined ? {} : { publicEndpoint }),
  };
}

/** Steadied, and with refusals of IAM believed only when they have settled. */
const settledBy =
  ({ steadied, monotonic }: AdapterNeeds): AdapterNeeds['steadied'] =>
  (port, name) =>
    settling(steadied(port, name), monotonic);
