/** Where a Sandbox runs, or a Trial that is entered: a Pod that is ours. */
import { conditionOf } from '../../crds/conditions.ts';
import { SANDBOX_STOPPED, standingOf } from '../../crds/sandbox-reasons.ts';
import type { Sandbox } from '../../crds/sandbox.ts';
import type { KubeClient } from '../../kube/types.ts';
import type { Entered, EnteredKey } from '../../wire/sandbox/names.ts';
import { endOfSandbox } from '../identity/ended.ts';
import type { SandboxStores } from '../identity/subjects.ts';
import { limiter } from '../rate.ts';
import { isRefused, refused } from '../refusal.ts';
import type { Refused } from '../refusal.ts';
import { problemOfRun, runOf, type Run } from './run.ts';
import { askTargetOfTrial, targetOfTrial, type TrialStores } from './trial.ts';

export interface TargetDeps extends SandboxStores, TrialStores {
  now: () => Date;
}

export interface Target {
  /** Missing: a Sandbox. */
  resource?: Entered | undefined;
  ownerUid: string;
  podUid: string;
  podIP: string;
}

type Entering = EnteredKey & { uid: string };

/** Why nobody can work in it now. `NotReady` passes; `Stopped` waits for a change. */
export function notReady(sandbox: Sandbox, why?: string): Refused {
  const { namespace, name } = sandbox.metadata;
  const { reason, message } = standingOf(sandbox) ?? { reason: 'Pending', message: '' };
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

/** Requests to the API server within a second: of one caller and in all. */
const ASKED = { each: 5, total: 25 } as const;

/** Finds the Pod of the very object that has this UID, for a connection to it. */
export function targets(deps: TargetDeps & { kube: Pick<KubeClient, 'get'> }) {
  const within = limiter(ASKED);
  return async (session: Entering & { caller: string }): Promise<Target | Refused> => {
    if (session.resource !== 'trials' || deps.jobs.synced) return targetOf(session, deps);
    if (within(session.caller, deps.now())) return askTargetOfTrial(session, deps);
    return refused(503, 'Busy', 'too many enter Trials at the moment; try again');
  };
}

/** The same, by the watch caches alone. */
const targetOf = (entering: Entering, deps: TargetDeps): Target | Refused =>
  entering.resource === 'trials' ? targetOfTrial(entering, deps) : targetOfSandbox(entering, deps);

function targetOfSandbox({ uid, namespace, name }: Entering, deps: TargetDeps): Target | Refused {
  const sandbox = deps.sandboxes.get({ namespace, name });
  if (sandbox?.metadata.uid !== uid)
    return refused(
      403,
      'SandboxEnded',
      `Sandbox ${namespace}/${name} is not the one that this session is for; ask for a new session`,
    );
  const run = runOf(sandbox, { jobs: deps.sandboxJobs, pods: deps.sandboxPods });
  const end = endOfSandbox(sandbox, run?.job.metadata.name);
  if (end) return end;
  return run ? inPod(run, { uid, sandbox }, deps) : notReady(sandbox, 'it has no Pod at the moment');
}

function inPod(
  run: Run,
  { uid, sandbox }: { uid: string; sandbox: Sandbox },
  { now }: TargetDeps,
): Target | Refused {
  const problem = problemOfRun(run, now());
  if (problem) return problem;
  const podIP = run.pod.status?.podIP;
  if (podIP === undefined) return notReady(sandbox, 'its Pod has no address yet');
  return { ownerUid: uid, podUid: run.pod.metadata.uid ?? '', podIP };
}

/** Whether a connection to `target` has nothing left to reach, as far as the watch caches tell. */
export function isEnded({ podUid }: Target, session: Entering, deps: TargetDeps): boolean {
  const now = targetOf(session, deps);
  return isRefused(now) ? now.reason !== 'NotReady' : now.podUid !== podUid;
}
