/** Hands a build over to the builder, with the token that was recorded before. */
import { present } from '../../crds/present.ts';
import type { TaskBuild } from '../../crds/task-build.ts';
import { ProviderError } from '../../providers/errors.ts';
import type { Build, BuildContext, ImageBuilder } from '../../providers/image-builder/port.ts';
import { argumentsOf, layerCache } from './image.ts';
import type { Origin } from './image.ts';
import type { BuildSeen } from './observed.ts';
import type { Action } from './decide.ts';
import { afterRefusal } from './done.ts';
import type { Done } from './done.ts';

type Start = Action & { kind: 'start' };

/** Starts the build of an attempt. What the builder answers is a value, its refusals among them. */
export async function startBuild(builder: ImageBuilder, seen: BuildSeen, action: Start): Promise<Done> {
  try {
    return { kind: 'started', handle: await builder.start(buildFor(seen, action, builder)) };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return afterRefusal(seen, action.attempt, error);
  }
}

/** Everything here is recorded or immutable: a start that is repeated with its token must ask for the same. */
export function buildFor(
  { taskBuild, now }: BuildSeen,
  { image, origin, attempt }: Start,
  { tokenLifeMs }: Pick<ImageBuilder, 'tokenLifeMs'>,
): Build {
  const { metadata, spec } = taskBuild;
  const { platform, shared } = origin;
  const cache = layerCache(taskBuild, image, shared);
  const secret = spec.secretRefs?.[0]?.name;
  const openedMs = Date.parse(attempt.openedTime ?? '');
  return {
    token: attempt.token,
    owner: { namespace: metadata.namespace ?? '', name: metadata.name, uid: metadata.uid ?? '' },
    attempt: attempt.number,
    image,
    context: contextOf(taskBuild, origin, attempt.contextVersion),
    dockerfile: spec.dockerfile,
    ...(spec.target !== undefined && { target: spec.target }),
    platform,
    buildArgs: argumentsOf(taskBuild, shared),
    // What is forced once is no base of what comes later.
    ...(cache !== undefined && { layers: { reference: cache, keep: !spec.force } }),
    timeoutSeconds: spec.timeoutSeconds,
    queueTimeoutSeconds: spec.queueTimeoutSeconds,
    ...(secret !== undefined && { secret }),
    ...present({ openedTime: attempt.openedTime }),
    mayExist: !(now.getTime() - openedMs < tokenLifeMs),
  };
}

function contextOf(
  { spec }: TaskBuild,
  { contextSha256: sha256 }: Origin,
  versionId: string | undefined,
): BuildContext {
  const { configMap, s3 } = spec.context;
  if (configMap) return { kind: 'configMap', name: configMap.name, sha256 };
  return { kind: 's3', uri: s3?.uri ?? '', ...(versionId !== undefined && { versionId }), sha256 };
}
