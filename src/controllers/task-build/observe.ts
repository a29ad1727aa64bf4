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
import type { BuildHandle, BuildState, ImageBuilder } from '../../providers/image-builder/port.ts';
import type { ImageRegistry } from '../../providers/image-registry/port.ts';

/** What the registry says of the image. */
export type ImageSeen =
  | { kind: 'notAsked' }
  | { kind: 'absent' }
  | { kind: 'present'; digest: string }
  | { kind: 'unavailable'; message: string }
  /** The registry will never take this name from us. */
  | { kind: 'refused'; message: string };

/** Everything that a decision about a TaskBuild rests on. */
export interface Observed {
  taskBuild: TaskBuild;
  /** Where the image goes, with its tag; undefined where the context is missing. */
  image?: string;
  contextMissing?: string;
  /** The attempt under way. */
  open?: BuildAttempt;
  /** What the builder says of it; undefined before it was handed over. */
  state?: BuildState;
  existing: ImageSeen;
  now: Date;
}

export interface TaskBuildSources {
  kube: KubeClient;
  taskBuilds: Store<TaskBuild>;
  builder: ImageBuilder;
  registry: ImageRegistry;
  artifacts: ArtifactStore;
  /** Repository of images that name none, for example `registry:5000/sandboxes`. */
  repository: string;
  now: () => Date;
}

/** The builder's handle of an attempt; undefined before it was started. */
export const handleOf = (taskBuild: TaskBuild, attempt: BuildAttempt | undefined): BuildHandle | undefined =>
  attempt?.buildId === undefined
    ? undefined
    : { id: attempt.buildId, namespace: taskBuild.metadata.namespace ?? '' };

/** Resolves undefined where there is nothing to decide. */
export async function observe(sources: TaskBuildSources, key: ObjectKey): Promise<Observed | undefined> {
  const taskBuild = sources.taskBuilds.get(key);
  if (!taskBuild || taskBuild.metadata.deletionTimestamp !== undefined || isFinished(taskBuild))
    return undefined;
  const open = openAttempt(taskBuild);
  const handle = handleOf(taskBuild, open);
  const state = handle && (await sources.builder.states([handle])).get(handle.id);
  const context =
    open && taskBuild.status?.image
      ? { image: taskBuild.status.image }
      : await seeContext(sources, taskBuild);
  const seen = { taskBuild, now: sources.now(), ...present({ open, state }), ...context };
  return { ...seen, existing: await seeImage(sources, referenceToAsk(seen)) };
}

function openAttempt({ status }: TaskBuild): BuildAttempt | undefined {
  const last = status?.attempts?.at(-1);
  return last?.completionTime === undefined ? last : undefined;
}

/** What the registry is asked for: before a build the tag, after it the digest; undefined where it makes no difference. */
function referenceToAsk({ taskBuild, image, open, state }: Omit<Observed, 'existing'>): string | undefined {
  if (image === undefined || taskBuild.spec.cancelled) return undefined;
  if (!open) return image;
  return state?.kind === 'succeeded' ? `${image}@${state.digest}` : undefined;
}

async function seeContext(
  { kube, artifacts, repository }: TaskBuildSources,
  taskBuild: TaskBuild,
): Promise<{ image?: string; contextMissing?: string }> {
  const { spec } = taskBuild;
  const imageFor = (hash: string) => `${spec.repository ?? repository}:${spec.tag ?? `ctx-${hash}`}`;
  const { s3, configMap } = spec.context;
  if (configMap) {
    const { namespace } = identityOf(taskBuild);
    const found = await kube.get(ConfigMap, { namespace, name: configMap.name });
    if (!found)
      return {
        contextMissing: `spec.context.configMap.name: there is no ConfigMap ${namespace}/${configMap.name}`,
      };
    return { image: imageFor(buildHash(spec, found)) };
  }
  const uri = s3?.uri ?? '';
  const objectKey = keyOf(uri, artifacts.bucket);
  if (!objectKey?.startsWith('tasks/'))
    return {
      contextMissing: `spec.context.s3.uri: ${uri} is not under s3://${artifacts.bucket}/tasks/, where contexts are taken from`,
    };
  const image = imageFor(buildHash(spec));
  return (await artifacts.head(objectKey))
    ? { image }
    : { image, contextMissing: `there is no object ${uri}` };
}

async function seeImage({ registry }: TaskBuildSources, reference: string | undefined): Promise<ImageSeen> {
  if (reference === undefined) return { kind: 'notAsked' };
  try {
    const found = await registry.resolve(reference);
    return found ? { kind: 'present', digest: found.digest } : { kind: 'absent' };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return { kind: error.transient ? 'unavailable' : 'refused', message: error.message };
  }
}
