/** Every read of the TaskBuild controller. */
import { isFinished } from '../../crds/conditions.ts';
import { configMapHash } from '../../crds/content.ts';
import { identityOf } from '../../crds/names.ts';
import { unreadable } from '../../crds/namespace-rules.ts';
import type { NamespaceRules } from '../../crds/namespace-rules.ts';
import { present } from '../../crds/present.ts';
import type { BuildAttempt, TaskBuild } from '../../crds/task-build.ts';
import { ConfigMap } from '../../kube/kinds.ts';
import type { KubeClient, ObjectKey, Store } from '../../kube/types.ts';
import type { ArtifactStore } from '../../providers/artifact-store/port.ts';
import { taskKey } from '../../providers/artifact-store/port.ts';
import { ProviderError } from '../../providers/errors.ts';
import type { ImageBuilder } from '../../providers/image-builder/port.ts';
import type { ImageRegistry } from '../../providers/image-registry/port.ts';
import { handleOf } from './build-states.ts';
import type { BuildStates, StateSeen } from './build-states.ts';
import { imageNames, originOf, recordedOrigin, refusalOf, repositoryOf } from './image.ts';
import type { ImageRules, Origin } from './image.ts';
import { openAttempt } from './queue.ts';
import type { QueuePosition } from './queue.ts';
import type { Failure } from './decide.ts';
import { readRecord } from './record.ts';
import type { Slots } from './slots.ts';

/** What record and registry say of the image. */
export type ImageSeen =
  | { kind: 'notAsked' }
  | { kind: 'absent' }
  | { kind: 'present'; digest: string }
  | { kind: 'unavailable'; message: string }
  /** The bucket does not say what is on record. */
  | { kind: 'recordUnread'; message: string }
  /** The registry will never take this name from us. */
  | { kind: 'refused'; message: string };

/** What is known of the context. */
export type ContextSeen =
  | { kind: 'notAsked' }
  /** `version` of its object, where the bucket keeps versions. */
  | { kind: 'present'; version?: string }
  | { kind: 'unavailable'; message: string }
  | { kind: 'missing'; message: string };

/** What this operator lets a build ask for at most. */
export type BuildLimits = Pick<TaskBuild['spec'], 'timeoutSeconds' | 'queueTimeoutSeconds'>;

/** Everything that a decision about a TaskBuild rests on. */
export interface Observed {
  taskBuild: TaskBuild;
  /** The builder of this operator. */
  backend: ImageBuilder['backend'];
  limits: BuildLimits;
  /** Where the image goes, or is, with its tag; undefined where the context that names it is missing. */
  image?: string;
  /** What it is made of. */
  origin?: Origin;
  /** Why it is not built; nothing else was looked at then. */
  refusal?: Failure;
  context: ContextSeen;
  /** The attempt under way. */
  open?: BuildAttempt;
  /** What the builder says of it; undefined before it was handed over. */
  state?: StateSeen;
  existing: ImageSeen;
  /** Its position in the queue, where it waits and its turn has not come; nothing else was looked at then. */
  position?: QueuePosition;
  now: Date;
}

export interface TaskBuildSources {
  kube: KubeClient;
  taskBuilds: Store<TaskBuild>;
  slots: Slots;
  states: BuildStates;
  backend: ImageBuilder['backend'];
  limits: BuildLimits;
  registry: ImageRegistry;
  artifacts: ArtifactStore;
  rules: ImageRules;
  /** What the admins decided for a namespace. */
  rulesOf: (namespace: string) => Promise<NamespaceRules>;
  now: () => Date;
}

const NOT_ASKED = { kind: 'notAsked' } as const;

/** Resolves undefined where there is nothing to decide. */
export async function observe(sources: TaskBuildSources, key: ObjectKey): Promise<Observed | undefined> {
  const { taskBuilds, backend, limits, now } = sources;
  const taskBuild = taskBuilds.get(key);
  if (!taskBuild || taskBuild.metadata.deletionTimestamp !== undefined || isFinished(taskBuild))
    return undefined;
  const open = openAttempt(taskBuild);
  const seen = { taskBuild, backend, limits, now: now(), existing: NOT_ASKED, context: NOT_ASKED };
  if (taskBuild.spec.cancelled) return { ...seen, ...present({ open }) };
  return open ? seeAttempt(sources, { ...seen, open }) : seeNeed(sources, seen);
}

/** Whether there is anything to build, and of what. */
async function seeNeed(sources: TaskBuildSources, seen: Observed): Promise<Observed> {
  const { taskBuild } = seen;
  const refusal = refusalOf(taskBuild, sources.rules);
  if (refusal) return { ...seen, refusal };
  const position = sources.slots.isQueued(taskBuild) ? sources.slots.positionOf(taskBuild) : undefined;
  if (position) return { ...seen, position };
  const source = await seeSource(sources, taskBuild);
  if (source.contextSha256 === undefined) return { ...seen, context: source.context };
  const origin = originOf(taskBuild, source.contextSha256, sources.rules);
  const needed = { ...seen, origin, ...(await seeExisting(sources, taskBuild, origin)) };
  if (needed.existing.kind !== 'absent') return needed;
  const context = source.context.kind === 'notAsked' ? await seeArchive(sources, taskBuild) : source.context;
  return { ...needed, context };
}

/** The image that this operator built of the same, if it is there still, else where a new one goes. Of a forced build nothing that exists counts. */
async function seeExisting(
  sources: TaskBuildSources,
  taskBuild: TaskBuild,
  origin: Origin,
): Promise<Required<Pick<Observed, 'image' | 'existing'>>> {
  const names = imageNames(taskBuild, origin, sources.rules);
  if (taskBuild.spec.force) return { image: names.ownImage, existing: { kind: 'absent' } };
  const found = await asImageSeen(() => seeBuilt(sources, names.repository, origin));
  if (found.existing.kind !== 'absent') return { image: names.image, ...found };
  // What has the tag without being on record may be anybody's: it is neither believed nor overwritten.
  const { existing } = await asImageSeen(() => seeImage(sources, names.image));
  if (existing.kind === 'present') return { image: names.ownImage, existing: { kind: 'absent' } };
  return { image: names.image, existing };
}

/** The image on record, in this repository. */
async function seeBuilt(
  sources: TaskBuildSources,
  repository: string,
  { contentHash }: Origin,
): Promise<{ image?: string; existing: ImageSeen }> {
  const record = await readRecord(sources.artifacts, contentHash).catch(asUnread);
  if (record && 'kind' in record) return { existing: record };
  if (!record || repositoryOf(record.image) !== repository) return { existing: { kind: 'absent' } };
  const { image, digest } = record;
  return { image, ...(await seeImage(sources, `${repository}@${digest}`)) };
}

async function seeAttempt(
  sources: TaskBuildSources,
  seen: Observed & { open: BuildAttempt },
): Promise<Observed> {
  const { taskBuild, open } = seen;
  const handle = handleOf(taskBuild);
  const state = handle && (await sources.states.stateOf(handle));
  const image = taskBuild.status?.image;
  const pushed = state?.kind === 'succeeded' && image !== undefined ? `${image}@${state.digest}` : undefined;
  const { existing } =
    pushed === undefined ? { existing: NOT_ASKED } : await asImageSeen(() => seeImage(sources, pushed));
  return { ...seen, open, ...present({ state, image, origin: recordedOrigin(taskBuild) }), existing };
}

/** The hash of the context: as the spec claims it of an archive, as it is of a ConfigMap. The build checks both against what it has. */
async function seeSource(
  sources: TaskBuildSources,
  taskBuild: TaskBuild,
): Promise<{ contextSha256?: string; context: ContextSeen }> {
  const { s3, configMap } = taskBuild.spec.context;
  const { namespace } = identityOf(taskBuild);
  if (!configMap) {
    const problem = await problemOfUri(sources, taskBuild);
    return problem === undefined
      ? { contextSha256: s3?.sha256 ?? '', context: NOT_ASKED }
      : { context: { kind: 'missing', message: `spec.context.s3.uri: ${problem}` } };
  }
  const found = await sources.kube.get(ConfigMap, { namespace, name: configMap.name });
  if (found) return { contextSha256: configMapHash(found), context: { kind: 'present' } };
  const message = `spec.context.configMap.name: there is no ConfigMap ${namespace}/${configMap.name}`;
  return { context: { kind: 'missing', message } };
}

/** Why the context may not be taken from where the spec says. An image of it that exists already is not handed out then, either. */
async function problemOfUri(
  { artifacts, rulesOf }: TaskBuildSources,
  taskBuild: TaskBuild,
): Promise<string | undefined> {
  const uri = taskBuild.spec.context.s3?.uri ?? '';
  const key = taskKey(uri, artifacts.bucket);
  if (key === undefined)
    return `${uri} is not under s3://${artifacts.bucket}/tasks/, where contexts are taken from`;
  const { namespace } = identityOf(taskBuild);
  return unreadable(await rulesOf(namespace), { key, namespace });
}

async function seeArchive({ artifacts }: TaskBuildSources, { spec }: TaskBuild): Promise<ContextSeen> {
  const uri = spec.context.s3?.uri ?? '';
  try {
    const found = await artifacts.head(taskKey(uri, artifacts.bucket) ?? '');
    if (!found) return { kind: 'missing', message: `there is no object ${uri}` };
    return { kind: 'present', ...present({ version: found.versionId }) };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return { kind: error.transient ? 'unavailable' : 'missing', message: error.message };
  }
}

async function seeImage({ registry }: TaskBuildSources, reference: string): Promise<{ existing: ImageSeen }> {
  const found = await registry.resolve(reference);
  return { existing: found ? { kind: 'present', digest: found.digest } : { kind: 'absent' } };
}

function asUnread(error: unknown): ImageSeen & { kind: 'recordUnread' } {
  if (!(error instanceof ProviderError)) throw error;
  return { kind: 'recordUnread', message: error.message };
}

/** What a registry that fails says is a value, too. */
async function asImageSeen<T extends { existing: ImageSeen }>(
  see: () => Promise<T>,
): Promise<T | { existing: ImageSeen }> {
  try {
    return await see();
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return { existing: { kind: error.transient ? 'unavailable' : 'refused', message: error.message } };
  }
}
