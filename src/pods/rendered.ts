/**
 * Pure: whether a Pod is what the operator rendered. The Job is the reference: its template was rendered by the version of the operator that
 * created it and cannot change afterwards, so a Pod of an older or newer version is compared with its own rendering.
 */
import { isDeepStrictEqual } from 'node:util';
import { LABEL } from '../crds/names.ts';
import type { Job, Pod } from '../kube/kinds.ts';

type PodSpec = NonNullable<Pod['spec']>;
type Container = PodSpec['containers'][number];
type Security = NonNullable<PodSpec['securityContext']>;

/**
 * What decides what a container runs, sees and may do. The API server fills defaults into a Job's template and into a Pod alike. Left out is what
 * it or admission fills into Pods alone (resources, pull and resize policy), and what only places a Pod.
 */
const OF_CONTAINER = [
  'image',
  'command',
  'args',
  'workingDir',
  'env',
  'envFrom',
  'volumeMounts',
  'volumeDevices',
  'securityContext',
  'lifecycle',
  'restartPolicy',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
] as const satisfies (keyof Container)[];

const OF_POD = [
  'restartPolicy',
  'automountServiceAccountToken',
  'hostNetwork',
  'hostPID',
  'hostIPC',
  'hostUsers',
  'shareProcessNamespace',
  'securityContext',
  // Whoever decides what a name means decides what the courier downloads.
  'hostAliases',
  'dnsPolicy',
  'dnsConfig',
  'volumes',
] as const satisfies (keyof PodSpec)[];

/**
 * What an admission plugin may add to a Pod's security context where the Job says nothing of it, because it gives nobody anything. OpenShift's
 * plugin adds both to every Pod under the SCC `restricted-v2`; its annotations are not compared, and what else it would add is there already.
 * A group for the files in volumes: no container gets into a volume that it does not mount, and what the courier keeps is open to its user alone.
 * A level of SELinux, which keeps Pods apart from each other: whoever creates Pods may choose one. Type, user and role would be rights.
 */
const MAY_BE_ADDED: Record<string, (value: unknown) => boolean> = {
  fsGroup: (value) => Number.isSafeInteger(value),
  seLinuxOptions: (value) =>
    typeof value === 'object' && value !== null && Object.keys(value).every((key) => key === 'level'),
};

/** A Pod's security context without what an admission plugin may have added to the one that was rendered. */
function withoutAdditions(found: Security | undefined, rendered: Security = {}): Security | undefined {
  if (!found) return undefined;
  const kept = Object.entries(found).filter(
    ([name, value]) => name in rendered || MAY_BE_ADDED[name]?.(value) !== true,
  );
  return Object.fromEntries(kept);
}

const networkOf = ({ metadata }: Labelled = {}): string | undefined => metadata?.labels?.[LABEL.network];
const accountOf = ({ serviceAccountName = 'default' }: PodSpec): string => serviceAccountName;
type Labelled = { metadata?: { labels?: Record<string, string> } };

/** What came of the last comparison of each Pod: a pool of many is looked at whenever one of them changes. */
const COMPARED = new WeakMap<Pod, { job: Job['spec']; alteration: string | undefined }>();

/**
 * What in `pod` is not as `job` says, in words without values; undefined where nothing is. Labels, annotations, placing and resources may differ,
 * but for the label by which the policy of its network finds it. Neither is changed in place.
 */
export function alterationOf(pod: Pod, job: Job): string | undefined {
  const known = COMPARED.get(pod);
  if (known && known.job === job.spec) return known.alteration;
  const alteration = compared(pod, job);
  COMPARED.set(pod, { job: job.spec, alteration });
  return alteration;
}

function compared(pod: Pod, job: Job): string | undefined {
  const [spec, rendered] = [pod.spec, job.spec?.template.spec];
  if (!spec || !rendered) return 'one of them has no Pod spec';
  if (networkOf(pod) !== networkOf(job.spec?.template)) return `label ${LABEL.network} differs`;
  if (accountOf(spec) !== accountOf(rendered)) return 'serviceAccountName differs';
  const found = {
    ...spec,
    securityContext: withoutAdditions(spec.securityContext, rendered.securityContext),
  };
  const field = OF_POD.find((name) => !isDeepStrictEqual(found[name], rendered[name]));
  if (field !== undefined) return `${field} differs`;
  return (
    alterationAmong('init container', spec.initContainers, rendered.initContainers) ??
    alterationAmong('container', spec.containers, rendered.containers)
  );
}

function alterationAmong(
  what: string,
  containers: Container[] = [],
  rendered: Container[] = [],
): string | undefined {
  const known = new Map(rendered.map((container) => [container.name, container]));
  for (const container of containers) {
    const original = known.get(container.name);
    if (!original) return `${what} ${container.name} was added`;
    const field = OF_CONTAINER.find((name) => !isDeepStrictEqual(container[name], original[name]));
    if (field !== undefined) return `${field} of ${what} ${container.name} differs`;
    known.delete(container.name);
  }
  const [missing] = known.keys();
  return missing === undefined ? undefined : `${what} ${missing} is missing`;
}
