/** Where a Sandbox runs: a Pod that is ours. Out of the watch caches alone. */
import { conditionOf } from '../../crds/conditions.ts';
import { SANDBOX_STOPPED } from '../../crds/sandbox-reasons.ts';
import type { Sandbox } from '../../crds/sandbox.ts';
import type { Job, Pod } from '../../kube/kinds.ts';
import type { ObjectKey } from '../../kube/types.ts';
import { isControlledBy, isOwnedBy } from '../../pods/ownership.ts';
import { CONTAINERS } from '../../wire/pod-paths.ts';
import { endOfPod, endOfSandbox } from '../identity/ended.ts';
import { forgeryOf, type SandboxStores } from '../identity/subjects.ts';
import { isRefused, refused } from '../refusal.ts';
import type { Refused } from '../refusal.ts';

export interface TargetDeps extends SandboxStores {
  now: () => Date;
}

export interface Target {
  sandboxUid: string;
  podUid: string;
  podIP: string;
}

/** Why nobody can work in it now. `NotReady` passes; `Stopped` waits for a change. */
export function notReady(sandbox: Sandbox, why?: string): Refused {
  const { namespace, name } = sandbox.metadata;
  const { reason, message } = conditionOf(sandbox, 'Ready') ?? { reason: 'Pending', message: '' };
  const kind = Object.hasOwn(SANDBOX_STOPPED, reason) ? 'Stopped' : 'NotReady';
  const said = why ?? [reason, message].filter(Boolean).join(': ');
  return {
    ...refused(409, kind, `Sandbox ${namespace}/${name} is not ready: ${said}`),
    also: { ready: { reason, message } },
  };
}

/** Undefined where a session may begin; the Pod itself is looked at when a program connects. */
export function problemOf(sandbox: Sandbox): Refused | undefined {
  const { namespace, name } = sandbox.metadata;
  if (sandbox.spec.pool)
    return refused(
      409,
      'Stopped',
      `Sandbox ${namespace}/${name} is a pool; create a Sandbox with spec.poolRef.name: ${name}, and connect to that`,
    );
  if (sandbox.metadata.deletionTimestamp !== undefined) return notReady(sandbox, 'it is being deleted');
  return conditionOf(sandbox, 'Ready')?.status === 'True' ? undefined : notReady(sandbox);
}

interface Run {
  job: Job;
  pod: Pod;
}

/** The Job and the Pod that its status names, where they are its own. */
function runOf(sandbox: Sandbox, { sandboxJobs, sandboxPods }: TargetDeps): Run | undefined {
  const { namespace = '' } = sandbox.metadata;
  const { jobName = '', podName = '' } = sandbox.status ?? {};
  const job = sandboxJobs.get({ namespace, name: jobName });
  const pod = sandboxPods.get({ namespace, name: podName });
  return job && pod && isOwnedBy(job, sandbox) && isControlledBy(pod, job) ? { job, pod } : undefined;
}

/** The Pod of the very Sandbox that has this UID. */
export function targetOf(
  { uid, namespace, name }: ObjectKey & { uid: string },
  deps: TargetDeps,
): Target | Refused {
  const sandbox = deps.sandboxes.get({ namespace, name });
  if (sandbox?.metadata.uid !== uid)
    return refused(
      403,
      'SandboxEnded',
      `Sandbox ${namespace}/${name} is not the one that this session is for; ask for a new session`,
    );
  const run = runOf(sandbox, deps);
  const end = endOfSandbox(sandbox, run?.job.metadata.name);
  if (end) return end;
  return run ? inPod(run, { uid, sandbox }, deps) : notReady(sandbox, 'it has no Pod at the moment');
}

function inPod(
  { pod, job }: Run,
  { uid, sandbox }: { uid: string; sandbox: Sandbox },
  { now }: TargetDeps,
): Target | Refused {
  const problem = endOfPod(pod, CONTAINERS.courier, now()) ?? forgeryOf(pod, job);
  if (problem) return problem;
  const podIP = pod.status?.podIP;
  if (podIP === undefined) return notReady(sandbox, 'its Pod has no address yet');
  return { sandboxUid: uid, podUid: pod.metadata.uid ?? '', podIP };
}

/** Whether a connection to `target` has nothing left to reach. */
export function isEnded({ podUid }: Target, session: ObjectKey & { uid: string }, deps: TargetDeps): boolean {
  const now = targetOf(session, deps);
  return isRefused(now) ? now.reason !== 'NotReady' : now.podUid !== podUid;
}
