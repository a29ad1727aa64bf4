/** Environment → image: the one that it names, or the one that its TaskBuild made, as the registry has it. It only reads: the caller creates the TaskBuild. */
import { conditionOf } from '../crds/conditions.ts';
import type { Condition } from '../crds/conditions.ts';
import { buildName, configMapHash, differences } from '../crds/content.ts';
import type { Files } from '../crds/content.ts';
import { TaskBuild as TaskBuildKind } from '../crds/kinds.ts';
import type { BuildTemplate, TaskBuild } from '../crds/task-build.ts';
import type { KubeClient, ObjectKey, Store } from '../kube/types.ts';
import { ProviderError } from '../providers/errors.ts';
import type { ImageRegistry } from '../providers/image-registry/port.ts';
import type { ImageFailedReason, ImageSeen, ImageWanted } from './image.ts';
import type { Lookups } from './lookups.ts';

export interface ImageSources {
  kube: Pick<KubeClient, 'get'>;
  /** Resolves the files of a ConfigMap; undefined where there is none. */
  filesOf: (configMap: ObjectKey) => Promise<Files | undefined>;
  taskBuilds: Store<TaskBuild>;
  registry: ImageRegistry;
  lookups: Lookups;
  /** Platform of the nodes, for example `linux/amd64`. */
  platform: string;
}

type Failed = ImageSeen & { kind: 'failed' };

const failed = (reason: ImageFailedReason, message: string): Failed => ({ kind: 'failed', reason, message });

/** What is known of an image. What a registry says of it, refusals included, is a value; rejects with what the API server fails with. */
export async function seeImage(sources: ImageSources, wanted: ImageWanted): Promise<ImageSeen> {
  const { image, buildRef, build } = wanted.environment;
  if (image !== undefined) return lookUp(sources, wanted, image);
  if (build) return seeOwnBuild(sources, wanted, build);
  return seeReferred(sources, wanted, buildRef?.name ?? '');
}

async function seeReferred(sources: ImageSources, wanted: ImageWanted, name: string): Promise<ImageSeen> {
  const { namespace, field } = wanted;
  // Whoever makes both at once may have the other object seen first.
  const key = { namespace, name };
  const found = sources.taskBuilds.get(key) ?? (await sources.kube.get(TaskBuildKind, key));
  if (found) return seeBuild(sources, wanted, found);
  return failed('BuildNotFound', `${field}.buildRef.name: there is no TaskBuild ${name} in this namespace`);
}

/** The TaskBuild of the template, by its name: whoever may make TaskBuilds may have made another one under it. */
async function seeOwnBuild(
  sources: ImageSources,
  wanted: ImageWanted,
  template: BuildTemplate,
): Promise<ImageSeen> {
  const context = await seeContext(sources, wanted, template);
  if (context && 'reason' in context) return context;
  const taskBuild = buildName(template, context);
  const found = sources.taskBuilds.get({ namespace: wanted.namespace, name: taskBuild });
  if (!found) return { kind: 'toBuild', taskBuild };
  const different = differences(found.spec, template).map((field) => `spec.${field}`);
  const built = found.status?.contextSha256;
  if (context && built !== undefined && built !== configMapHash(context))
    different.push('the files of its ConfigMap');
  if (different.length === 0) return seeBuild(sources, wanted, found);
  return failed(
    'NameConflict',
    `TaskBuild ${taskBuild} is not the build that ${wanted.field}.build asks for: ${different.join(', ')} differ; delete that TaskBuild`,
  );
}

/** The ConfigMap of a template, where it has one. */
async function seeContext(
  { filesOf }: ImageSources,
  { namespace, field }: ImageWanted,
  { context: { configMap } }: BuildTemplate,
): Promise<Files | Failed | undefined> {
  if (!configMap) return undefined;
  const { name } = configMap;
  const message = `${field}.build.context.configMap.name: there is no ConfigMap ${namespace}/${name}`;
  return (await filesOf({ namespace, name })) ?? failed('BuildFailed', message);
}

async function seeBuild(sources: ImageSources, wanted: ImageWanted, build: TaskBuild): Promise<ImageSeen> {
  const taskBuild = build.metadata.name;
  const condition = conditionOf(build, 'Succeeded');
  if (condition?.status === 'False') return afterFailure(wanted, build, condition);
  const { image, digest } = build.status ?? {};
  if (image === undefined || digest === undefined)
    return {
      kind: 'building',
      taskBuild,
      message: `TaskBuild ${taskBuild}: ${condition?.reason ?? 'Pending'}`,
    };
  const seen = await lookUp(sources, wanted, `${image}@${digest}`);
  return seen.kind === 'ready' ? { kind: 'ready', image: { ...seen.image, taskBuild } } : seen;
}

function afterFailure(
  { environment, since }: ImageWanted,
  stale: TaskBuild,
  { reason, message, lastTransitionTime }: Condition,
): ImageSeen {
  const taskBuild = stale.metadata.name;
  if (environment.build && lastTransitionTime < since) return { kind: 'toBuild', taskBuild, stale };
  return failed('BuildFailed', `TaskBuild ${taskBuild}: ${reason}: ${message}`);
}

const lookUp = (sources: ImageSources, { namespace }: ImageWanted, reference: string): Promise<ImageSeen> =>
  sources.lookups.answer(namespace, reference, () => resolve(sources, reference));

async function resolve({ registry, platform }: ImageSources, reference: string): Promise<ImageSeen> {
  try {
    const resolved = await registry.resolve(reference);
    if (!resolved) return failed('ImageNotFound', `the registry has no image ${reference}`);
    const config = await registry.config(resolved, platform);
    return { kind: 'ready', image: { reference: resolved.reference, digest: resolved.digest, config } };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    const { message, reason, transient } = error;
    if (transient) return { kind: 'unavailable', message };
    return failed(reason === 'AccessDenied' ? 'ImageAccessDenied' : 'ImageNotFound', message);
  }
}
