/** Pure: the image of a TaskBuild: what it is made of, where it goes, and whether it may go there. */
import { imageHash } from '../../crds/content.ts';
import type { BuildFailedReason } from '../../crds/reasons.ts';
import type { BuildAttempt, TaskBuild, TaskBuildStatus } from '../../crds/task-build.ts';
import { sha256 } from '../../crds/names.ts';

/** What an installation says of its images. */
export interface ImageRules {
  /** Repository of images that name none, for example `registry:5000/sandboxes`. */
  repository: string;
  /** What else `spec.repository` may name: repositories, or, with `/*` at the end, all below one. */
  repositories: string[];
  /** Image of the operator and the courier, whose repository no build may push to. */
  ownImage: string;
  /** Platform of images that name none. */
  platform: string;
  /** Whether an image that was built for one namespace serves the others. */
  sharing: 'Shared' | 'Namespace';
}

/** Where the image of a build comes from; recorded before it is started. */
export type Origin = Required<Pick<TaskBuildStatus, 'contentHash' | 'contextSha256' | 'platform' | 'shared'>>;

/** Set by the operator: what mounts of a daemon's cache belong to, and what reads Dockerfiles. */
export const MOUNT_NAMESPACE = 'BUILDKIT_CACHE_MOUNT_NS';
const RESERVED = new Map([
  [MOUNT_NAMESPACE, 'is set by the operator, so that cache mounts stay apart'],
  ['BUILDKIT_SYNTAX', 'is reserved for the operator; name the frontend in the Dockerfile'],
]);

/** Linux hands a program no variable of more than 128 KiB, and builders hand arguments over in one, in base64. */
const ARGUMENTS_MAX = 65_536;

interface Refusal {
  reason: BuildFailedReason;
  message: string;
}

/** Why a build is not begun, whatever exists. */
export function refusalOf({ spec }: TaskBuild, rules: ImageRules): Refusal | undefined {
  const { repository, buildArgs = {} } = spec;
  if (repository !== undefined && !isAllowed(repository, rules))
    return {
      reason: 'RepositoryNotAllowed',
      message: `spec.repository: ${repository} is not a repository that this operator pushes to; it allows ${[rules.repository, ...rules.repositories].join(', ')}`,
    };
  const size = Object.entries(buildArgs).reduce((sum, pair) => sum + Buffer.byteLength(pair.join('=')), 0);
  if (size > ARGUMENTS_MAX)
    return {
      reason: 'BuildRejected',
      message: `spec.buildArgs: ${size} bytes in all are more than the ${ARGUMENTS_MAX} that a program can be handed`,
    };
  for (const [name, value] of Object.entries(buildArgs)) {
    const why = problemOfArgument(name, value);
    if (why !== undefined)
      return { reason: 'BuildRejected', message: `spec.buildArgs: ${JSON.stringify(name)} ${why}` };
  }
  return undefined;
}

function problemOfArgument(name: string, value: string): string | undefined {
  // No program can be given one; between two arguments it makes one that nobody looked at.
  if (`${name}${value}`.includes('\0')) return 'has a NUL character in it';
  return RESERVED.get(name) ?? (name.includes('=') ? 'is no name of an argument' : undefined);
}

/** As distribution’s grammar has the path of a repository: no tag, no digest, no capitals, no dots alone. */
const PATH = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;

/** Compared as it is written, so that no other spelling of a name is another name. */
function isAllowed(repository: string, { repository: own, repositories, ownImage }: ImageRules): boolean {
  if (repository === repositoryOf(ownImage) || repository.endsWith(CACHE_SUFFIX)) return false;
  // A login is for one registry alone.
  if (hostOf(repository) !== hostOf(own)) return false;
  return [own, ...repositories].some((allowed) =>
    allowed.endsWith('/*')
      ? repository.startsWith(allowed.slice(0, -1)) && PATH.test(repository.slice(allowed.length - 1))
      : repository === allowed,
  );
}

const hostOf = (repository: string): string => repository.slice(0, repository.indexOf('/'));

/** A reference without tag and digest. */
export const repositoryOf = (image: string): string => image.replace(/@.*$/, '').replace(/:[^/:]*$/, '');

/** What is added to a repository's name to keep its builds’ layers in. */
const CACHE_SUFFIX = '-cache';

/** An image whose base images took a login is the namespace's own, too: others have no such login. */
function isShared({ spec }: TaskBuild, { sharing }: ImageRules): boolean {
  return sharing === 'Shared' && (spec.secretRefs ?? []).length === 0;
}

const domainOf = ({ metadata }: TaskBuild, shared: boolean): string =>
  shared ? '' : (metadata.namespace ?? '');

/** The origin of a TaskBuild's image, made of this context. */
export function originOf(taskBuild: TaskBuild, contextSha256: string, rules: ImageRules): Origin {
  const { spec } = taskBuild;
  const platform = spec.platforms?.[0] ?? rules.platform;
  const shared = isShared(taskBuild, rules);
  const content = { trustDomain: domainOf(taskBuild, shared), contextSha256, platform, build: spec };
  return { contentHash: imageHash(content), contextSha256, platform, shared };
}

/** As it was recorded with the attempt under way; undefined where an earlier version of the operator began that. */
export function recordedOrigin({ status = {} }: TaskBuild): Origin | undefined {
  const { contentHash, contextSha256, platform, shared } = status;
  if (contentHash === undefined || contextSha256 === undefined) return undefined;
  if (platform === undefined || shared === undefined) return undefined;
  return { contentHash, contextSha256, platform, shared };
}

/** Token of the attempt that comes next, made of the object's UID and the attempt's number: the same after a crash, another for another object. */
export function nextAttempt({ metadata, status }: TaskBuild): Pick<BuildAttempt, 'number' | 'token'> {
  const number = (status?.attempts?.length ?? 0) + 1;
  return { number, token: `sb-build-${sha256(`${metadata.uid}/${number}`).slice(0, 20)}` };
}

const TAG_MAX = 128;

const tagged = (prefix: string, rest: string): string => `${prefix.slice(0, TAG_MAX - rest.length)}${rest}`;

/** Where the image goes: `<beginning>-<12 digits of the hash>`; with the attempt's own digits where that tag is taken, or a build is forced. */
export function imageNames(taskBuild: TaskBuild, { contentHash }: Origin, rules: ImageRules) {
  const { tag = 'ctx', repository = rules.repository } = taskBuild.spec;
  const hash = `-${contentHash.slice(0, 12)}`;
  const own = nextAttempt(taskBuild).token.replace(/^sb-build/, '');
  return {
    repository,
    image: `${repository}:${tagged(tag, hash)}`,
    ownImage: `${repository}:${tagged(tag, `${hash}${own}`)}`,
  };
}

/**
 * Where layers are kept from build to build, by trust domain and readable name: a repository of its own, so that no layer cache is ever an
 * image. Undefined where no other build would look: without a name of its own.
 */
export function layerCache(taskBuild: TaskBuild, image: string, shared: boolean): string | undefined {
  const { tag } = taskBuild.spec;
  if (tag === undefined) return undefined;
  const domain = shared ? 'shared.' : `ns.${taskBuild.metadata.namespace}.`;
  return `${repositoryOf(image)}${CACHE_SUFFIX}:${`${domain}${tag}`.slice(0, TAG_MAX)}`;
}

/** Arguments of the Dockerfile and of BuildKit: cache mounts of a daemon that many builds share are kept apart as images are. */
export function argumentsOf(taskBuild: TaskBuild, shared: boolean): Record<string, string> {
  const domain = domainOf(taskBuild, shared);
  return { ...taskBuild.spec.buildArgs, ...(domain !== '' && { [MOUNT_NAMESPACE]: domain }) };
}
