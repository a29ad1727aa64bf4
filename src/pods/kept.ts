/** Jobs and Pods as the watch caches keep them. Those of one run are alike in nearly all that their containers are. */
import { withOwnMarks } from '../crds/marks.ts';
import type { Shared } from '../kube/cache/shared.ts';
import type { Job, Pod } from '../kube/kinds.ts';

type PodSpec = NonNullable<Pod['spec']>;

/** A container is compared by its fields: the user that one runs as is drawn for each Pod. */
function sharedSpec(shared: Shared, spec: PodSpec): PodSpec {
  const { containers, initContainers, ...rest } = spec;
  return {
    ...shared.fields(rest),
    ...(initContainers && { initContainers: initContainers.map((one) => shared.fields(one)) }),
    containers: containers.map((one) => shared.fields(one)),
  };
}

export const keptPod =
  (shared: Shared) =>
  (pod: Pod): Pod => {
    const { spec, ...rest } = withOwnMarks(pod);
    return { ...shared.texts(rest), ...(spec && { spec: sharedSpec(shared, spec) }) };
  };

export const keptJob =
  (shared: Shared) =>
  (job: Job): Job => {
    const { spec, ...rest } = withOwnMarks(job);
    if (!spec) return shared.texts(rest);
    const { template, ...own } = spec;
    const { spec: pod, ...marks } = template;
    const kept = { ...shared.texts(marks), ...(pod && { spec: sharedSpec(shared, pod) }) };
    return { ...shared.texts(rest), spec: { ...shared.texts(own), template: kept } };
  };
