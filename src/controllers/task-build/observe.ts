/** Every read of the TaskBuild controller. */
import { isFinished } from '../../crds/conditions.ts';
import { configMapHash } from '../../crds/content.ts';
import { identityOf } from '../../crds/names.ts';
import { unreadable } from '../../crds/namespace-rules.ts';
import type { NamespaceRules } from '../../crds/namespace-rules.ts';
import { present } from '../../crds/present.ts';
import type { TaskBuild } from '../../crds/task-build.ts';
import { ConfigMap } from '../../kube/kinds.ts';
import type { KubeClient, ObjectKey, Store } from '../../kube/types.ts';
import type { ArtifactStore } from '../../providers/artifact-store/port.ts';
import { taskKey } from '../../providers/artifact-store/port.ts';
import { ProviderError } from '../../providers/errors.ts';
import type { ImageBuilder } from '../../providers/image-builder/port.ts';
import type { ImageRegistry } from '../../providers/image-registry/port.ts';
import type { BuildStates } from './build-states.ts';
import { needs } from './decide.ts';
import { imageNames, originOf, repositoryOf } from './image.ts';
import type { ImageRules, Origin } from './image.ts';
import type {
  Answers,
  BuildLimits,
  BuildSeen,
  ContextSeen,
  Handed,
  ImageSeen,
  Inputs,
  Observed,
  Progress,
} from './observed.ts';
import { readRecord } from './record.ts';
import type { Slots } from './slots.ts';

export interface TaskBuildSources {
  kube: KubeClient;
  taskBuilds: Store<TaskBuild>;
  slots: Slots;
  states: BuildStates;
  builder: ImageBuilder;
  limits: BuildLimits;
  registry: ImageRegistry;
  artifacts: ArtifactStore;
  rules: ImageRules;
  /** What the admins decided for a namespace. */
  rulesOf: (namespace: string) => Promise<NamespaceRules>;
  now: () => Date;
}

/** Resolves undefined where there is nothing to decide. */
export async function observe(sources: TaskBuildSources, key: ObjectKey): Promise<Observed | undefined> {
  const taskBuild = sources.taskBuilds.get(key);
  if (!taskBuild || taskBuild.metadata.deletionTimestamp !== undefined || isFinished(taskBuild))
    return undefined;
  const { slots, builder, limits, rules, now } = sources;
  const position = slots.isQueued(taskBuild) ? slots.positionOf(taskBuild) : undefined;
  const seen = { taskBuild, builder, limits, rules, now: now(), ...present({ position }) };
  return { ...seen, ...(await answers(sources, seen)) };
}

async function answers(sources: TaskBuildSources, seen: BuildSeen): Promise<Answers> {
  const asked = needs(seen);
  switch (asked.need) {
    case 'nothing':
      return asked;
    case 'progress':
      return { need: 'progress', progress: await seeProgress(sources, seen.taskBuild, asked.handed) };
    case 'inputs':
      return { need: 'inputs', inputs: await seeInputs(sources, seen.taskBuild) };
    default:
      return asked satisfies never;
  }
}

async function seeProgress(
  sources: TaskBuildSources,
  { metadata }: TaskBuild,
  handed: Handed,
): Promise<Progress> {
  const { states } = sources;
  const { buildId, image } = handed;
  const found = await states.stateOf({ id: buildId, namespace: metadata.namespace ?? '' });
  const state =
    found.kind === 'succeeded' ? { ...found, pushed: await seePushed(sources, image, found.digest) } : found;
  return { ...handed, state, againMs: Math.max(1, states.dueInMs) };
}

async function seePushed(sources: TaskBuildSources, image: string, digest: string): Promise<ImageSeen> {
  const { existing } = await asImageSeen(() => seeImage(sources, `${image}@${digest}`));
  return existing;
}

/** Whether there is anything to build, and of what. */
async function seeInputs(sources: TaskBuildSources, taskBuild: TaskBuild): Promise<Inputs> {
  const source = await seeSource(sources, taskBuild);
  if (source.kind === 'missing') return { kind: 'unnamed', message: source.message };
  const origin = originOf(taskBuild, source.contextSha256, sources.rules);
  const { image, existing } = await seeExisting(sources, taskBuild, origin);
  if (existing.kind !== 'absent') return { kind: 'existing', image, origin, existing };
  const context = taskBuild.spec.context.configMap ? PRESENT : await seeArchive(sources, taskBuild);
  return { kind: 'absent', image, origin, context };
}

/** A ConfigMap was read to name the image. */
const PRESENT = { kind: 'present' } as const;

/** The image that this operator built of the same, if it is there still, else where a new one goes. Of a forced build nothing that exists counts. */
async function seeExisting(
  sources: TaskBuildSources,
  taskBuild: TaskBuild,
  origin: Origin,
): Promise<{ image: string; existing: ImageSeen }> {
  const names = imageNames(taskBuild, origin, sources.rules);
  if (taskBuild.spec.force) return { image: names.ownImage, existing: { kind: 'absent' } };
  const found = await asImageSeen(() => seeBuilt(sources, names.repository, origin));
  if (found.existing.kind !== 'absent') return { image: names.image, ...found };
  // What has a tag may be no image that anybody can pull: ECR keeps the tags of those that it has archived.
  const isTaken = taskBuild.status?.attempts?.some(({ reason }) => reason === 'TagImmutable');
  if (isTaken) return { image: names.ownImage, existing: { kind: 'absent' } };
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

/** The hash of the context: as the spec claims it of an archive, as it is of a ConfigMap. The build checks both against what it has. */
async function seeSource(
  sources: TaskBuildSources,
  taskBuild: TaskBuild,
): Promise<{ kind: 'named'; contextSha256: string } | { kind: 'missing'; message: string }> {
  const { s3, configMap } = taskBuild.spec.context;
  const { namespace } = identityOf(taskBuild);
  if (!configMap) {
    const problem = await problemOfUri(sources, taskBuild);
    return problem === undefined
      ? { kind: 'named', contextSha256: s3?.sha256 ?? '' }
      : { kind: 'missing', message: `spec.context.s3.uri: ${problem}` };
  }
  const found = await sources.kube.get(ConfigMap, { namespace, name: configMap.name });
  if (found) return { kind: 'named', contextSha256: configMapHash(found) };
  const message = `spec.context.configMap.name: there is no ConfigMap ${namespace}/${configMap.name}`;
  return { kind: 'missing', message };
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
