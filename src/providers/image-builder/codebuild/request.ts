/** The request that starts a build. Pure. */
import type { EnvironmentType, EnvironmentVariable, StartBuildCommandInput } from '@aws-sdk/client-codebuild';
import { posix } from 'node:path';
import { partitionOf } from '../../aws/partition.ts';
import { ProviderError } from '../../errors.ts';
import type { Build } from '../port.ts';
import { sourcePolicy } from '../source-policy.ts';
import { BUILDSPEC } from './buildspec.ts';

export interface RequestSettings {
  region: string;
  /** CodeBuild project. */
  project: string;
  /** Logins of base images are `<stack>/<name>` in Secrets Manager: JSON with `username` and `password` of Docker Hub. */
  stack: string;
  /** Platform that the project's machines are of. */
  platform: string;
  /** Image of the builder, where the build environment brings none. */
  buildkitImage: string;
  /** Prefixes of base images' names, and what they are pulled from instead: `docker.io/library` → `public.ecr.aws/docker/library`. */
  baseImageMirrors: Record<string, string>;
}

/** Names the build to those who lost its id; CodeBuild itself forgets its tokens after five minutes. */
export const TOKEN_VARIABLE = 'SB_BUILD_TOKEN';
export const OWNER_VARIABLE = 'SB_TASK_BUILD_UID';

/** ECR Public. */
const PUBLIC_REGISTRY = 'public.ecr.aws';

/** What CodeBuild takes for its own limits; those of the port are kept inside them. */
const TIMEOUT_MINUTES = { min: 5, max: 2160 };
const QUEUE_MINUTES = { min: 5, max: 480 };
/** The build's limit counts from its Dockerfile's first step, CodeBuild's from the end of the queue. */
export const PREPARATION_MINUTES = 10;

const IMAGE = /^([a-z0-9.-]+(?::\d+)?)\/[a-z0-9._/-]+:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

const minutes = (seconds: number, { min, max }: { min: number; max: number }): number =>
  Math.min(max, Math.max(min, Math.ceil(seconds / 60)));

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function invalid(what: string): ProviderError {
  return new ProviderError('Invalid', what);
}

interface Place {
  bucket: string;
  key: string;
}

function contextOf({ context }: Build): Place & { versionId?: string; sha256: string } {
  if (context.kind === 'configMap')
    throw invalid('spec.context.configMap: CodeBuild builds contexts out of S3 only');
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/.exec(context.uri) ?? [];
  if (bucket === undefined || key === undefined)
    throw invalid(`spec.context.s3.uri: ${context.uri} is not s3://bucket/key`);
  // Of anything else CodeBuild finds out only when the build runs, and that looks like a fault of its own.
  if (!key.endsWith('.zip')) throw invalid(`spec.context.s3.uri: ${context.uri} does not end in .zip`);
  return { ...context, bucket, key };
}

function registryOf({ image }: Build): string {
  const [, registry] = IMAGE.exec(image) ?? [];
  if (registry === undefined) throw invalid(`${image} is not registry/repository:tag`);
  return registry;
}

/** Arguments end in NUL; a TaskBuild with one of those in an argument is refused before. */
const argumentList = (buildArgs: Record<string, string>): string =>
  base64(
    Object.entries(buildArgs)
      .map(([name, value]) => `${name}=${value}\0`)
      .join(''),
  );

function plainVariables(build: Build, settings: RequestSettings): Record<string, string | undefined> {
  const { bucket, key, versionId, sha256 } = contextOf(build);
  const policy = sourcePolicy(settings.baseImageMirrors);
  return {
    [TOKEN_VARIABLE]: build.token,
    [OWNER_VARIABLE]: build.owner.uid,
    SB_TASK_BUILD: `${build.owner.namespace}/${build.owner.name}`,
    SB_IMAGE: build.image,
    SB_REGISTRY: registryOf(build),
    SB_PUBLIC_REGISTRY: partitionOf(settings.region).publicRegistry ? PUBLIC_REGISTRY : undefined,
    SB_CACHE: build.layers?.reference,
    SB_KEEP_LAYERS: String(build.layers?.keep ?? false),
    SB_PLATFORM: build.platform,
    SB_DOCKERFILE: posix.normalize(`/${build.dockerfile}`).slice(1),
    SB_TARGET: build.target,
    SB_BUILD_ARGS: argumentList(build.buildArgs),
    SB_TIMEOUT_SECONDS: String(build.timeoutSeconds),
    SB_CONTEXT_BUCKET: bucket,
    SB_CONTEXT_KEY: key,
    SB_CONTEXT_VERSION: versionId,
    SB_CONTEXT_SHA256: sha256,
    SB_BUILDKIT_IMAGE: settings.buildkitImage,
    SB_SOURCE_POLICY: policy && base64(policy),
  };
}

/** Resolved by CodeBuild within the build: neither the request nor its record ever holds the login. */
function secretVariables({ secret }: Build, { stack }: RequestSettings): EnvironmentVariable[] {
  if (secret === undefined) return [];
  return ['username', 'password'].map((key) => ({
    name: `SB_DOCKERHUB_${key.toUpperCase()}`,
    value: `${stack}/${secret}:${key}`,
    type: 'SECRETS_MANAGER',
  }));
}

/** CodeBuild's own machines by platform. */
const MACHINES: Readonly<
  Record<string, { environmentTypeOverride: EnvironmentType; imageOverride: string }>
> = {
  'linux/amd64': {
    environmentTypeOverride: 'LINUX_CONTAINER',
    imageOverride: 'aws/codebuild/standard:8.0',
  },
  'linux/arm64': {
    environmentTypeOverride: 'ARM_CONTAINER',
    imageOverride: 'aws/codebuild/amazonlinux-aarch64-standard:4.0',
  },
};

/** A machine of another platform than the project's, where there is one: the project's would emulate it, many times slower. */
function machineFor(platform: string, ofProject: string): Partial<StartBuildCommandInput> {
  const machine = platform === ofProject ? undefined : MACHINES[platform];
  return machine === undefined ? {} : { ...machine, imagePullCredentialsTypeOverride: 'CODEBUILD' };
}

/**
 * The same for the same build, since CodeBuild refuses a token that comes again with other parameters.
 * @throws ProviderError `Invalid` for a build that CodeBuild cannot do.
 */
export function startRequest(build: Build, settings: RequestSettings): StartBuildCommandInput {
  const { bucket, key, versionId } = contextOf(build);
  const plain = Object.entries(plainVariables(build, settings)).flatMap(([name, value]) =>
    value ? [{ name, value, type: 'PLAINTEXT' as const }] : [],
  );
  return {
    projectName: settings.project,
    idempotencyToken: build.token,
    sourceTypeOverride: 'S3',
    sourceLocationOverride: `${bucket}/${key}`,
    ...(versionId === undefined ? {} : { sourceVersion: versionId }),
    buildspecOverride: BUILDSPEC,
    environmentVariablesOverride: [...plain, ...secretVariables(build, settings)],
    artifactsOverride: { type: 'NO_ARTIFACTS' },
    ...machineFor(build.platform, settings.platform),
    privilegedModeOverride: true,
    timeoutInMinutesOverride: minutes(build.timeoutSeconds + PREPARATION_MINUTES * 60, TIMEOUT_MINUTES),
    ...(build.queueTimeoutSeconds === undefined
      ? {}
      : { queuedTimeoutInMinutesOverride: minutes(build.queueTimeoutSeconds, QUEUE_MINUTES) }),
    // A retry of CodeBuild's own would be a build under an id that nobody recorded.
    autoRetryLimitOverride: 0,
  };
}
