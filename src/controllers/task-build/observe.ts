/** Every read of the TaskBuild controller. */
import { isFinished } from '../../crds/conditions.ts';
import { buildHash } from '../../crds/content.ts';
import { identityOf } from '../../crds/names.ts';
import { present } from '../../crds/present.ts';
import type { BuildAttempt, TaskBuild } from '../../crds/task-build.ts';
import { ConfigMap } from '../../kube/kinds.ts';
import type { KubeClient, ObjectKey, Store } from '../../kube/types.ts';
import type { ArtifactStore } from '../../providers/artifact-store/port.ts';
import { keyOf } from '../../providers/artifact-store/port.ts';
import { ProviderError } from '../../providers/errors.ts';
import type { ImageBuilder } from '../../providers/image-builder/port.ts';
import type { ImageRegistry } from '../../providers/image-registry/port.ts';
import { handleOf } from './build-states.ts';
import type { BuildStates, StateSeen } from './build-states.ts';
import { openAttempt } from './line.ts';
import type { Place } from './line.ts';
import type { Slots } from './slots.ts';

/** What the registry says of the image. */
export type ImageSeen =
  | { kind: 'notAsked' }
  | { kind: 'absent' }
  | { kind: 'present'; digest: string }
  | { kind: 'unavailable'; message: string }
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
  /** Where the image goes, with its tag; undefined where the context that names it is missing. */
  image?: string;
  context: ContextSeen;
  /** The attempt under way. */
  open?: BuildAttempt;
  /** What the builder says of it; undefined before it was handed over. */
  state?: StateSeen;
  existing: ImageSeen;
  /** Its place in the line, where it waits and its turn has not come; nothing else was looked at then. */
  place?: Place;
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
  /** Repository of images that name none, for example `registry:5000/sandboxes`. */
  repository: string;
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
  const place = sources.slots.isInLine(taskBuild) ? sources.slots.placeOf(taskBuild) : undefined;
  if (place) return { ...seen, place };
  const named = await seeName(sources, taskBuild);
  const { image } = named;
  if (image === undefined) return { ...seen, ...named };
  const existing = await seeImage(sources, image);
  const needsContext = existing.kind === 'absent' || existing.kind === 'present';
  if (!needsContext || (existing.kind === 'present' && !taskBuild.spec.force))
    return { ...seen, ...named, existing };
  const context = named.context.kind === 'notAsked' ? await seeArchive(sources, taskBuild) : named.context;
  return { ...seen, image, existing, context };
}

async function seeAttempt(
  sources: TaskBuildSources,
  seen: Observed & { open: BuildAttempt },
): Promise<Observed> {
  const { taskBuild, open } = seen;
  const handle = handleOf(taskBuild);
  const state = handle && (await sources.states.stateOf(handle));
  const { image } = taskBuild.status?.image ? taskBuild.status : await seeName(sources, taskBuild);
  const pushed = state?.kind === 'succeeded' && image !== undefined ? `${image}@${state.digest}` : undefined;
  const existing = pushed === undefined ? NOT_ASKED : await seeImage(sources, pushed);
  return { ...seen, open, ...present({ state, image }), existing };
}

/** The image's name, out of the spec, and for a ConfigMap out of what is in that. */
async function seeName(
  { kube, repository }: TaskBuildSources,
  taskBuild: TaskBuild,
): Promise<Pick<Observed, 'image' | 'context'>> {
  const { spec } = taskBuild;
  const imageFor = (hash: string) => `${spec.repository ?? repository}:${spec.tag ?? `ctx-${hash}`}`;
  const { configMap } = spec.context;
  if (!configMap) return { image: imageFor(buildHash(spec)), context: NOT_ASKED };
  const { namespace } = identityOf(taskBuild);
  const found = await kube.get(ConfigMap, { namespace, name: configMap.name });
  if (found) return { image: imageFor(buildHash(spec, found)), context: { kind: 'present' } };
  const message = `spec.context.configMap.name: there is no ConfigMap ${namespace}/${configMap.name}`;
  return { context: { kind: 'missing', message } };
}

async function seeArchive({ artifacts }: TaskBuildSources, { spec }: TaskBuild): Promise<ContextSeen> {
  const uri = spec.context.s3?.uri ?? '';
  const objectKey = keyOf(uri, artifacts.bucket);
  if (!objectKey?.startsWith('tasks/'))
    return {
      kind: 'missing',
      message: `spec.context.s3.uri: ${uri} is not under s3://${artifacts.bucket}/tasks/, where contexts are taken from`,
    };
  try {
    const found = await artifacts.head(objectKey);
    if (!found) return { kind: 'missing', message: `there is no object ${uri}` };
    return { kind: 'present', ...present({ version: found.versionId }) };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return { kind: error.transient ? 'unavailable' : 'missing', message: error.message };
  }
}

async function seeImage({ registry }: TaskBuildSources, reference: string): Promise<ImageSeen> {
  try {
    const found = await registry.resolve(reference);
    return found ? { kind: 'present', digest: found.digest } : { kind: 'absent' };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return { kind: error.transient ? 'unavailable' : 'refused', message: error.message };
  }
}
