/** Pure: the images that a Trial runs: what it needs, and what its status says of them. */
import { ANNOTATION, identityOf } from '../../crds/names.ts';
import { present } from '../../crds/present.ts';
import { COMPOSE_FILE } from '../../tasks/index.ts';
import {
  isServiceRole,
  mapRoles,
  rolesOf,
  type ByRole,
  type ImageRole,
  type TrialImage,
  type TrialStatus,
} from '../../crds/trial-status.ts';
import type { ImageSeen, ImageWanted } from '../../images/image.ts';
import type { Job } from '../../kube/kinds.ts';
import { verifierImagesOf } from '../../pods/verifier-images.ts';
import { CONTAINERS } from '../../wire/pod-paths.ts';
import type { Done } from './done.ts';
import type { Answers, AttemptSeen, CompiledTrial, Observed } from './observed.ts';

/** The images that a Trial's Pod is made of. */
export const imagesWanted = (trial: CompiledTrial): ByRole<ImageWanted> =>
  mapRoles(trial.spec.environments, (environment, role) => ({
    namespace: identityOf(trial).namespace,
    environment,
    field: fieldOf(role),
    since: trial.metadata.creationTimestamp ?? '',
  }));

const fieldOf = (role: ImageRole): string => {
  if (isServiceRole(role)) return COMPOSE_FILE;
  return role === 'agent' ? 'spec.environment' : 'spec.verifier';
};

/** What a message about an image begins with; nothing for the agent's, which most Trials have alone, and for its program's, which says so itself. */
export function ofRole(role: ImageRole, message: string): string {
  if (role === 'agent' || role === 'program') return message;
  if (isServiceRole(role)) return `image of the ${role.replace('-', ' ')}: ${message}`;
  const [, step] = role.split('-');
  return `image of the verifier${step === undefined ? '' : ` of step ${step}`}: ${message}`;
}

/** What a status says of an image, whatever its role. */
type ImageFields = Omit<TrialImage, 'role'>;

/** What was seen of the images; undefined where nobody looked. */
export const imagesSeen = (seen: Answers): ByRole<ImageSeen> | undefined =>
  seen.need === 'inputs' && 'images' in seen ? seen.images : undefined;

/** What is known of each image; those are left out of which that is nothing new. */
export function imagesOf(seen: AttemptSeen & Answers): TrialImage[] {
  const images = imagesSeen(seen);
  const known = images
    ? rolesOf(images).flatMap(([role, image]) => {
        const fields = ofImage(image);
        return fields ? [{ role, ...fields }] : [];
      })
    : [];
  if (known.length > 0) return known;
  return seen.job.kind === 'own' ? ofJob(seen.job.job) : [];
}

function ofImage(seen: ImageSeen): ImageFields | undefined {
  if (seen.kind === 'building') return { taskBuild: seen.taskBuild };
  if (seen.kind !== 'ready') return undefined;
  const { reference, digest, taskBuild } = seen.image;
  return { image: reference, digest, ...present({ taskBuild }) };
}

/** The Job outlives the operator that knew the images; it tells. */
function ofJob({ metadata, spec }: Job): TrialImage[] {
  const { metadata: marks, spec: pod } = spec?.template ?? {};
  const containers = [...(pod?.initContainers ?? []), ...(pod?.containers ?? [])];
  const of = (role: ImageRole, container: string, taskBuild: string | undefined): TrialImage => {
    const image = containers.find(({ name }) => name === container)?.image;
    return { role, ...present({ image, digest: image?.slice(image.indexOf('@') + 1), taskBuild }) };
  };
  const verifiers = verifierImagesOf(marks?.annotations) ?? {};
  return [
    of('agent', CONTAINERS.task, metadata.annotations?.[ANNOTATION.taskBuildName]),
    ...Object.entries(verifiers).map(([role, verifier]) => of(role as ImageRole, role, verifier?.taskBuild)),
  ];
}

/** The fields of the status that name images. */
export function imageFields(seen: Observed, done: Done): TrialStatus {
  const begun: TrialImage[] =
    done.kind === 'buildCreated' ? [{ role: done.role, taskBuild: done.taskBuild }] : [];
  const news = [...imagesOf(seen).filter(({ role }) => role !== begun[0]?.role), ...begun];
  if (news.length === 0) return {};
  const before = seen.trial.status?.images ?? [];
  const roles = [...new Set([...before, ...news].map(({ role }) => role))];
  const images = roles.map((role) =>
    Object.assign({}, ...[before, news].map((list) => list.find((one) => one.role === role))),
  ) as TrialImage[];
  const agent = news.find(({ role }) => role === 'agent');
  return {
    images,
    ...present({ image: agent?.image, imageDigest: agent?.digest, taskBuild: agent?.taskBuild }),
  };
}
