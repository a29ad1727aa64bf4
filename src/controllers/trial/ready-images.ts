/** Pure: what is to be done for the images of a Trial, as long as not all of them are there. */
import { present } from '../../crds/present.ts';
import { rolesOf, type ByRole, type ImageRole } from '../../crds/trial-status.ts';
import type { ImageSeen, ReadyImage } from '../../images/image.ts';
import type { Action } from './decide.ts';
import { ofRole } from './images.ts';
import type { CompiledTrial } from './observed.ts';

/** In the order in which one goes before another: a failure is told at once, and what can begin does not wait. */
const IMAGE_ACTIONS = ['fail', 'createBuild', 'wait'] as const;
type ImageAction = Action & { kind: (typeof IMAGE_ACTIONS)[number] };

/** The images, once all are there, else the next action for them. */
export function readyImages(
  images: ByRole<ImageSeen>,
  compiled: CompiledTrial,
): { kind: 'ready'; images: ByRole<ReadyImage> } | ImageAction {
  const ready: [ImageRole, ReadyImage][] = [];
  const others: ImageAction[] = [];
  for (const [role, image] of rolesOf(images))
    if (image.kind === 'ready') ready.push([role, image.image]);
    else others.push(withoutImage(role, image, compiled));
  const next = IMAGE_ACTIONS.flatMap((kind) => others.find((action) => action.kind === kind) ?? [])[0];
  return next ?? { kind: 'ready', images: Object.fromEntries(ready) as ByRole<ReadyImage> };
}

function withoutImage(
  role: ImageRole,
  image: Exclude<ImageSeen, { kind: 'ready' }>,
  compiled: CompiledTrial,
): ImageAction {
  switch (image.kind) {
    case 'toBuild':
      return {
        kind: 'createBuild',
        compiled,
        role,
        taskBuild: image.taskBuild,
        ...present({ stale: image.stale }),
      };
    case 'building':
      return { kind: 'wait', reason: 'BuildingImage', message: ofRole(role, image.message) };
    case 'unavailable':
      return {
        kind: 'wait',
        reason: 'RegistryUnavailable',
        message: ofRole(role, image.message),
        againMs: 5000,
      };
    case 'failed':
      return { kind: 'fail', reason: image.reason, message: ofRole(role, image.message) };
    default:
      return image satisfies never;
  }
}
