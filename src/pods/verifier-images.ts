/** Pure: what a Trial's Pod says of the images of its separate verifiers and services, which whoever finds the Pod cannot see on its containers. */
import type { ImageConfig } from '../crds/image-config.ts';
import { ANNOTATION } from '../crds/names.ts';
import type { ServiceRole, VerifierRole } from '../crds/trial-status.ts';

/** By role. `taskBuild`: the TaskBuild that made it, where one did. */
export type VerifierImages = {
  [role in VerifierRole | ServiceRole]?: { config: ImageConfig; taskBuild?: string };
};

/** The annotations of a Pod with such images; none where it has none. */
export const verifierAnnotations = (images: VerifierImages): Record<string, string> =>
  Object.keys(images).length === 0 ? {} : { [ANNOTATION.verifierImages]: JSON.stringify(images) };

/** What the annotations of a Pod, or of its template, say; undefined where it is not JSON. Only of what the operator rendered. */
export function verifierImagesOf(annotations: Record<string, string> = {}): VerifierImages | undefined {
  const { [ANNOTATION.verifierImages]: text = '{}' } = annotations;
  try {
    return JSON.parse(text) as VerifierImages;
  } catch {
    return undefined;
  }
}
