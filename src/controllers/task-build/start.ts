/** Hands a build over to the builder, with the token that was recorded before. */
import type { TaskBuild } from '../../crds/task-build.ts';
import { ProviderError } from '../../providers/errors.ts';
import type { Build, BuildContext, ImageBuilder } from '../../providers/image-builder/port.ts';
import { argumentsOf, layerCache } from './image.ts';
import type { Origin } from './image.ts';
import type { Observed } from './observe.ts';
import { afterRefusal } from './decide.ts';
import type { Action, Done } from './decide.ts';

type Start = Action & { kind: 'start' };

/** CodeBuild remembers a token for five minutes; what was recorded longer ago may have been started and forgotten. */
const TOKEN_LIFE_MS = 240_000;

/** Starts the build of an attempt. What the builder answers is a value, its refusals among them. */
export async function startBuild(builder: ImageBuilder, seen: Observed, action: Start): Promise<Done> {
  try {
    return { kind: 'started', image: action.image, handle: await builder.start(buildFor(seen, action)) };
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    return afterRefusal(seen, action.attempt, error);
  }
}

/** Everything here is recorded or immutable: a start that is repeated with its token must ask for the same. */
export function buildFor({ taskBuild, origin, now }: Observed, { image, attempt }: Start): Build {
  if (!origin) throw new Error(`TaskBuild ${taskBuild.metadata.name} has no recorded origin`);
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
    mayExist: !(now.getTime() - openedMs < TOKEN_LIFE_MS),
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
