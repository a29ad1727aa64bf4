/** The environment → one checked, frozen Config. Nobody else reads `process.env`. */
import { reader, type Env, type Pattern, type Reader } from './config/reader.ts';

/** Settings of every profile; each comes from the environment variable named beside it. */
interface CommonConfig {
  /** `POD_NAMESPACE`: namespace of the lease and of the broker's certificate. */
  namespace: string;
  /** `POD_NAME`: identity in the leader election. */
  identity: string;
  s3: {
    /** `SB_S3_BUCKET`. */
    bucket: string;
    /** `SB_S3_REGION`; on AWS the default is `SB_AWS_REGION`. */
    region: string;
    /** `SB_S3_ENDPOINT`: what Pods reach; left out on AWS, where it is S3 itself. */
    endpoint?: string;
    /** `SB_S3_PUBLIC_ENDPOINT`: what a browser reaches. */
    publicEndpoint?: string;
    /** `SB_KMS_KEY_ID`: id of the KMS key that objects are encrypted with; without it the bucket decides. */
    kmsKeyId?: string;
  };
  /** `SB_IMAGE_PLATFORM`: of the nodes, and of builds that name none. */
  imagePlatform: string;
  /**
   * `SB_IMAGE_SHARING`: whether an image that was built for one namespace serves the others. That is as safe as the place where builds run: on
   * CodeBuild nobody of a namespace reaches into one; a build of BuildKit is a Pod in the TaskBuild's namespace.
   */
  imageSharing: 'Shared' | 'Namespace';
  /** `SB_IMAGE_REPOSITORIES`: what a TaskBuild's `repository` may name beside the default, as `host/one,host/team/*`. */
  imageRepositories: string[];
  /** `SB_REGISTRY_MIRRORS`: host → base URL, as `host=url,host=url`. */
  registryMirrors: Record<string, string>;
  /** `SB_BASE_IMAGE_MIRRORS`: name prefix in a Dockerfile → where builds pull it from, as `docker.io/library=mirror/library`. */
  baseImageMirrors: Record<string, string>;
  /** `SB_MAX_CONCURRENT_BUILDS`: builds that may be under way at the same time. */
  maxConcurrentBuilds: number;
  /** `SB_MAX_BUILDS_PER_NAMESPACE`: how many of them one namespace may have; without it a namespace alone has all. */
  maxBuildsPerNamespace: number;
  /** `SB_MAX_BUILD_SECONDS` and `SB_MAX_BUILD_QUEUE_SECONDS`: the longest limits that a TaskBuild may ask for. */
  buildLimits: { timeoutSeconds: number; queueTimeoutSeconds: number };
  /** `SB_REQUIRE_TASK_PREFIXES`: a namespace without the annotation `sb.abundant.ai/task-prefixes` may read no task. */
  requireTaskPrefixes: boolean;
  /** `SB_COURIER_IMAGE`: the operator's own image, by digest: a tag could be pushed anew. */
  courierImage: string;
  /** `SB_IMAGE_PULL_SECRETS`: Secrets of each Trial's namespace that its Pod pulls with, as `one,two`; none where nodes may pull by themselves. */
  imagePullSecrets: string[];
  /** `SB_USER_NAMESPACES`: whether nodes can give Pods user namespaces of their own (`hostUsers: false`). */
  userNamespaces: boolean;
  broker: {
    /** `SB_BROKER_URL`: what couriers reach. */
    url: string;
    /** `SB_BROKER_PORT`. */
    port: number;
  };
  /** `SB_WORK_FOLDER`: a folder that outlives the process, not the Pod, to note in what is being worked on; nothing is noted without it. */
  workFolder?: string;
  /** `SB_METRICS_PORT`: /metrics, /healthz, /readyz. */
  metricsPort: number;
  /** `SB_LOG_LEVEL`. */
  logLevel: string;
}

/** Any S3 endpoint, any OCI registry, BuildKit. */
export interface LocalConfig extends CommonConfig {
  profile: 'local';
  s3: CommonConfig['s3'] & { endpoint: string; publicEndpoint: string };
  /** `SB_IMAGE_REPOSITORY`: where built images go. */
  imageRepository: string;
  buildkit: {
    /** `SB_BUILDKIT_ADDR`, for example `tcp://buildkit:1234`. */
    address: string;
    /** `SB_BUILDCTL_IMAGE`: an image with `buildctl` and `sh`. */
    buildctlImage: string;
  };
}

/** S3, ECR, CodeBuild and CloudWatch Logs of one region. Their other endpoints are the SDK's own `AWS_ENDPOINT_URL_…`. */
export interface AwsConfig extends CommonConfig {
  profile: 'aws';
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
}

export type Config = LocalConfig | AwsConfig;

/** Thrown with every problem at once, one line each: variable, value, reason. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

/** BuildKit that understands `EXPERIMENTAL_BUILDKIT_SOURCE_POLICY` and writes cache manifests that ECR takes. */
const BUILDKIT_IMAGE = 'docker.io/moby/buildkit:v0.27.1';
/** Docker Hub limits pulls by address, which many builds share; AWS keeps a copy of the official images without such a limit. */
const AWS_BASE_IMAGES = 'docker.io/library=public.ecr.aws/docker/library';

/** One BuildKit and nodes of a few cores: more builds at once only slow each other down. On AWS each has a machine of its own. */
const LOCAL_BUILDS = 4;
const AWS_BUILDS = 20;
const BUILDS: [number, number] = [1, 10_000];
/** CodeBuild’s own limit by default; eight hours. */
const LONGEST_BUILD = 28_800;
const BUILD_SECONDS: [number, number] = [1, 2_592_000];

const HTTP = /^https?:$/;
const PORTS: [number, number] = [0, 65_535];
const IMAGE_PREFIX = '[a-z0-9][a-z0-9.-]*(?::\\d+)?(?:/[a-z0-9._-]+)*';

// Patterns of the services’ own API references.
const BUCKET: Pattern = { is: /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, called: 'the name of a bucket' };
const REGION: Pattern = { is: /^[a-z]{2}(-[a-z]+)+-\d$/, called: 'an AWS region' };
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
const SECRET: Pattern = { is: /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, called: 'the name of a Secret' };
const PLATFORM: Pattern = {
  is: /^[a-z0-9]+\/[a-z0-9]+(\/[a-z0-9]+)?$/,
  called: 'a platform such as linux/amd64',
};
const PINNED: Pattern = {
  is: /^[^@\s]+@sha256:[0-9a-f]{64}$/,
  called: 'an image by digest (name@sha256:…); a tag may come to mean another image',
};
const REPOSITORIES: Pattern = {
  is: new RegExp(`^${IMAGE_PREFIX}(?:/\\*)?$`),
  called: 'a repository, or host/path/* for all below a path',
};
const MIRROR_URL: Pattern = { is: /^https?:\/\/.+$/, called: 'host=url' };
const IMAGE_MIRROR: Pattern = { is: new RegExp(`^${IMAGE_PREFIX}$`), called: 'from=to with image names' };

/** Reads and checks all settings; throws `ConfigError` naming each one that is missing or wrong. */
export function readConfig(env: Env): Config {
  const problems: string[] = [];
  const read = reader(env, problems);
  const profile = read.choice('SB_PROFILE', ['local', 'aws'] as const);
  const config = profile === 'aws' ? awsConfig(read) : localConfig(read);
  problems.push(...ownRepositoryProblem(config));
  if (problems.length > 0) throw new ConfigError(problems.join('\n'));
  return Object.freeze(config);
}

/** Builds of anybody go to the images' repository: not where the operator itself is pulled from. */
function ownRepositoryProblem(config: Config): string[] {
  const [variable, repository] =
    config.profile === 'aws'
      ? ['SB_ECR_REPO', config.ecrRepository]
      : ['SB_IMAGE_REPOSITORY', config.imageRepository];
  const own = config.courierImage.replace(/(:[^/:]*)?@.*$/, '');
  const isOwn = own !== '' && (own === repository || own.endsWith(`/${repository}`));
  return isOwn ? [`${variable}: ${repository} is the repository of the operator's own image`] : [];
}

function localConfig(read: Reader): LocalConfig {
  return {
    profile: 'local',
    ...commonConfig(read, {
      baseImageMirrors: '',
      sharing: ['Namespace', 'Shared'],
      maxConcurrentBuilds: LOCAL_BUILDS,
    }),
    s3: {
      ...bucket(read, 'us-east-1'),
      endpoint: read.url('SB_S3_ENDPOINT', HTTP),
      publicEndpoint: read.url('SB_S3_PUBLIC_ENDPOINT', HTTP),
    },
    imageRepository: read.text('SB_IMAGE_REPOSITORY'),
    buildkit: {
      address: read.url('SB_BUILDKIT_ADDR', /^(tcp|unix):$/),
      buildctlImage: read.text('SB_BUILDCTL_IMAGE'),
    },
  };
}

function awsConfig(read: Reader): AwsConfig {
  const region = read.text('SB_AWS_REGION', undefined, REGION);
  const endpoint = read.optionalUrl('SB_S3_ENDPOINT', HTTP);
  const publicEndpoint = read.optionalUrl('SB_S3_PUBLIC_ENDPOINT', HTTP);
  return {
    profile: 'aws',
    ...commonConfig(read, {
      baseImageMirrors: AWS_BASE_IMAGES,
      sharing: ['Shared', 'Namespace'],
      maxConcurrentBuilds: AWS_BUILDS,
    }),
    s3: {
      ...bucket(read, region),
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(publicEndpoint === undefined ? {} : { publicEndpoint }),
    },
    region,
    stack: read.text('SB_STACK', 'abundant-sb', STACK),
    ecrRepository: read.text('SB_ECR_REPO', 'abundant-sb-sandboxes', ECR_REPOSITORY),
    codebuildProject: read.text('SB_CODEBUILD_PROJECT', 'abundant-sb-build', PROJECT),
    buildkitImage: read.text('SB_BUILDKIT_IMAGE', BUILDKIT_IMAGE),
    trialNamespace: read.text('SB_K8S_NAMESPACE', 'agents', NAMESPACE),
    logGroup: read.text('SB_LOG_GROUP', '/sb/eks/logs', LOG_GROUP),
  };
}

function bucket(read: Reader, region: string): CommonConfig['s3'] {
  const kmsKeyId = read.optional('SB_KMS_KEY_ID');
  return {
    bucket: read.text('SB_S3_BUCKET', 'abundant-sb-artifacts', BUCKET),
    region: read.text('SB_S3_REGION', region),
    ...(kmsKeyId === undefined ? {} : { kmsKeyId }),
  };
}

type BuildSettings = 'maxConcurrentBuilds' | 'maxBuildsPerNamespace' | 'buildLimits';

function builds(read: Reader, defaultAtOnce: number): Pick<CommonConfig, BuildSettings> {
  const maxConcurrentBuilds = read.integer('SB_MAX_CONCURRENT_BUILDS', defaultAtOnce, BUILDS);
  return {
    maxConcurrentBuilds,
    maxBuildsPerNamespace: read.integer('SB_MAX_BUILDS_PER_NAMESPACE', BUILDS[1], BUILDS),
    buildLimits: {
      timeoutSeconds: read.integer('SB_MAX_BUILD_SECONDS', LONGEST_BUILD, BUILD_SECONDS),
      queueTimeoutSeconds: read.integer('SB_MAX_BUILD_QUEUE_SECONDS', LONGEST_BUILD, BUILD_SECONDS),
    },
  };
}

/** What the profiles have another default for; the first choice is the default. */
interface Defaults {
  baseImageMirrors: string;
  sharing: ['Namespace', 'Shared'] | ['Shared', 'Namespace'];
  maxConcurrentBuilds: number;
}

function commonConfig(read: Reader, defaults: Defaults): Omit<CommonConfig, 's3'> {
  const workFolder = read.optional('SB_WORK_FOLDER');
  return {
    ...(workFolder !== undefined && { workFolder }),
    namespace: read.text('POD_NAMESPACE', 'sb-system'),
    identity: read.text('POD_NAME'),
    imagePlatform: read.text('SB_IMAGE_PLATFORM', 'linux/amd64', PLATFORM),
    imageSharing: read.choice('SB_IMAGE_SHARING', defaults.sharing),
    imageRepositories: read.list('SB_IMAGE_REPOSITORIES', REPOSITORIES),
    registryMirrors: read.pairs('SB_REGISTRY_MIRRORS', MIRROR_URL),
    baseImageMirrors: read.pairs('SB_BASE_IMAGE_MIRRORS', IMAGE_MIRROR, defaults.baseImageMirrors),
    ...builds(read, defaults.maxConcurrentBuilds),
    requireTaskPrefixes: read.choice('SB_REQUIRE_TASK_PREFIXES', ['false', 'true'] as const) === 'true',
    courierImage: read.text('SB_COURIER_IMAGE', undefined, PINNED),
    imagePullSecrets: read.list('SB_IMAGE_PULL_SECRETS', SECRET),
    userNamespaces: read.choice('SB_USER_NAMESPACES', ['false', 'true'] as const) === 'true',
    broker: {
      url: read.url('SB_BROKER_URL', /^https:$/),
      port: read.integer('SB_BROKER_PORT', 8443, PORTS),
    },
    metricsPort: read.integer('SB_METRICS_PORT', 8080, PORTS),
    logLevel: read.choice('SB_LOG_LEVEL', ['info', 'debug', 'warn', 'error'] as const),
  };
}
