/** Pure: the image of a Trial, as its status names it. */
import { ANNOTATION } from '../../crds/names.ts';
import { present } from '../../crds/present.ts';
import type { TrialStatus } from '../../crds/trial-status.ts';
import type { Job } from '../../kube/kinds.ts';
import type { Answers, AttemptSeen } from './observed.ts';

type ImageFields = Pick<TrialStatus, 'image' | 'imageDigest' | 'taskBuild'>;

/** What is known of the image; empty where that is nothing new. */
export function imageOf(seen: AttemptSeen & Answers): ImageFields {
  if (seen.need === 'inputs' && seen.image.kind === 'ready') {
    const { reference, digest, taskBuild } = seen.image.image;
    return present({ image: reference, imageDigest: digest, taskBuild });
  }
  if (seen.need === 'inputs' && seen.image.kind === 'building') return { taskBuild: seen.image.taskBuild };
  return seen.job.kind === 'own' ? imageOfJob(seen.job.job) : {};
}

/** The Job outlives the operator that knew the image; it tells. */
function imageOfJob({ metadata, spec }: Job): ImageFields {
  const image = spec?.template.spec?.containers[0]?.image;
  const taskBuild = metadata.annotations?.[ANNOTATION.taskBuildName];
  return present({ image, imageDigest: image?.slice(image.indexOf('@') + 1), taskBuild });
}
