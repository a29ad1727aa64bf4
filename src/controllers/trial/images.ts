/** Pure: the images that a Trial runs: what it needs, and what its status says of them. */
import { ANNOTATION, identityOf } from '../../crds/names.ts';
import { present } from '../../crds/present.ts';
import type { TrialImage, TrialStatus } from '../../crds/trial-status.ts';
import type { ImageSeen, ImageWanted } from '../../images/image.ts';
import type { Job } from '../../kube/kinds.ts';
import type { Done } from './done.ts';
import type { Answers, AttemptSeen, CompiledTrial, Observed } from './observed.ts';

/** The image that the agent works in. */
export const agentImage = (trial: CompiledTrial): ImageWanted => ({
  namespace: identityOf(trial).namespace,
  environment: trial.spec.environment,
  field: 'spec.environment',
  since: trial.metadata.creationTimestamp ?? '',
});

/** What a status says of an image, whatever its role. */
type ImageFields = Omit<TrialImage, 'role'>;

/** What was seen of the agent's image; undefined where nobody looked. */
export const agentSeen = (seen: Answers): ImageSeen | undefined =>
  seen.need === 'inputs' && 'images' in seen ? seen.images.agent : undefined;

/** What is known of the agent's image; undefined where that is nothing new. */
export function agentImageOf(seen: AttemptSeen & Answers): ImageFields | undefined {
  const image = agentSeen(seen);
  const known = image && ofImage(image);
  return known ?? (seen.job.kind === 'own' ? ofJob(seen.job.job) : undefined);
}

function ofImage(seen: ImageSeen): ImageFields | undefined {
  if (seen.kind === 'building') return { taskBuild: seen.taskBuild };
  if (seen.kind !== 'ready') return undefined;
  const { reference, digest, taskBuild } = seen.image;
  return { image: reference, digest, ...present({ taskBuild }) };
}

/** The Job outlives the operator that knew the image; it tells. */
function ofJob({ metadata, spec }: Job): ImageFields {
  const image = spec?.template.spec?.containers[0]?.image;
  const taskBuild = metadata.annotations?.[ANNOTATION.taskBuildName];
  return present({ image, digest: image?.slice(image.indexOf('@') + 1), taskBuild });
}

/** The fields of the status that name images. */
export function imageFields(seen: Observed, done: Done): TrialStatus {
  const agent = done.kind === 'buildCreated' ? { taskBuild: done.taskBuild } : agentImageOf(seen);
  if (!agent) return {};
  const { image, digest: imageDigest, taskBuild } = agent;
  const before = seen.trial.status?.images?.find(({ role }) => role === 'agent');
  return { images: [{ ...before, role: 'agent', ...agent }], ...present({ image, imageDigest, taskBuild }) };
}
