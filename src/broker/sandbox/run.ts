/** Pure: the Job and the Pod of what is entered, where they are its own. */
import type { Job, Pod } from '../../kube/kinds.ts';
import type { KubeObject, ObjectKey, Store } from '../../kube/types.ts';
import { isControlledBy, isOwnedBy } from '../../pods/ownership.ts';
import { CONTAINERS } from '../../wire/pod-paths.ts';
import { endOfPod } from '../identity/ended.ts';
import { forgeryOf } from '../identity/subjects.ts';
import type { Refused } from '../refusal.ts';

export interface Run {
  job: Job;
  pod: Pod;
}

interface Owner extends KubeObject {
  status?: { jobName?: string; podName?: string };
}

/** Where those that its status names lie. */
export function keysOf({ metadata, status = {} }: Owner): { job: ObjectKey; pod: ObjectKey } {
  const { namespace = '' } = metadata;
  const { jobName = '', podName = '' } = status;
  return { job: { namespace, name: jobName }, pod: { namespace, name: podName } };
}

/** Those that its status names. */
export function runOf(owner: Owner, { jobs, pods }: { jobs: Store<Job>; pods: Store<Pod> }): Run | undefined {
  const keys = keysOf(owner);
  return ownOf(owner, { job: jobs.get(keys.job), pod: pods.get(keys.pod) });
}

/** Undefined unless both are there, and its own. */
export function ownOf(owner: Owner, { job, pod }: { [K in keyof Run]: Run[K] | undefined }): Run | undefined {
  return job && pod && isOwnedBy(job, owner) && isControlledBy(pod, job) ? { job, pod } : undefined;
}

/** Refused where the Pod is over, or is not what its Job says. */
export const problemOfRun = ({ pod, job }: Run, now: Date): Refused | undefined =>
  endOfPod(pod, CONTAINERS.courier, now) ?? forgeryOf(pod, job);
