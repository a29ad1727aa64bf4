/** Where the container of a Trial runs, for whoever enters it. Out of the watch caches, where this replica has them. */
import { conditionOf, isFinished } from '../../crds/conditions.ts';
import { LABEL } from '../../crds/names.ts';
import type { Trial } from '../../crds/trial.ts';
import { Job, Pod } from '../../kube/kinds.ts';
import type { KubeClient, ObjectKey, Store } from '../../kube/types.ts';
import { endOfAttempt } from '../identity/ended.ts';
import { isRefused, refused } from '../refusal.ts';
import type { Refused } from '../refusal.ts';
import { keysOf, ownOf, problemOfRun, runOf, type Run } from './run.ts';
import type { Target } from './target.ts';

/** Watch caches of Trials and what runs them. */
export interface TrialStores {
  trials: Store<Trial>;
  /** Of Jobs and Pods the leader alone has any. */
  jobs: Store<Job>;
  pods: Store<Pod>;
}

const titleOf = ({ metadata: { namespace, name } }: Trial): string => `Trial ${namespace}/${name}`;

/** `NotReady` passes; `Stopped` never does. */
function outOfReach(trial: Trial, kind: 'NotReady' | 'Stopped', why: string): Refused {
  return refused(409, kind, `${titleOf(trial)} has no container to enter: ${why}`);
}

/** Undefined where a session may begin; the Pod itself is looked at when a program connects. */
export function problemOfTrial(trial: Trial): Refused | undefined {
  if (trial.metadata.deletionTimestamp !== undefined)
    return outOfReach(trial, 'Stopped', 'it is being deleted');
  if (trial.spec.regrade) return outOfReach(trial, 'Stopped', 'it is a regrade, in which no agent runs');
  if (isFinished(trial)) {
    const { reason } = conditionOf(trial, 'Succeeded') ?? {};
    return outOfReach(trial, 'Stopped', `it has ended: ${reason}`);
  }
  return conditionOf(trial, 'Started')?.status === 'True'
    ? undefined
    : outOfReach(trial, 'NotReady', 'it has not started');
}

type EnteredTrial = ObjectKey & { uid: string };
type Reading = TrialStores & { now: () => Date };

/** The Pod of the current attempt of the very Trial that has this UID. */
export function targetOfTrial(entered: EnteredTrial, stores: Reading): Target | Refused {
  const trial = trialOf(entered, stores);
  return isRefused(trial) ? trial : inPod(trial, runOf(trial, stores), stores.now());
}

/** The same in a replica that stands by: Job and Pod are asked for at the API server. Rejects with `ApiError` where that does not answer. */
export async function askTargetOfTrial(
  entered: EnteredTrial,
  { kube, ...stores }: Reading & { kube: Pick<KubeClient, 'get'> },
): Promise<Target | Refused> {
  const trial = trialOf(entered, stores);
  if (isRefused(trial)) return trial;
  const keys = keysOf(trial);
  const [job, pod] = await Promise.all([kube.get(Job, keys.job), kube.get(Pod, keys.pod)]);
  return inPod(trial, ownOf(trial, { job, pod }), stores.now());
}

function trialOf({ uid, namespace, name }: EnteredTrial, { trials }: TrialStores): Trial | Refused {
  const trial = trials.get({ namespace, name });
  if (trial?.metadata.uid === uid) return problemOfTrial(trial) ?? trial;
  return refused(
    403,
    'TrialEnded',
    `Trial ${namespace}/${name} is not the one that this session is for; ask for a new session`,
  );
}

function inPod(trial: Trial, run: Run | undefined, now: Date): Target | Refused {
  if (!run) return outOfReach(trial, 'NotReady', 'it has no Pod at the moment');
  const problem = endOfAttempt(trial, attemptOf(run)) ?? problemOfRun(run, now);
  if (problem) return problem;
  const podIP = run.pod.status?.podIP;
  if (podIP === undefined) return outOfReach(trial, 'NotReady', 'its Pod has no address yet');
  const [ownerUid = '', podUid = ''] = [trial.metadata.uid, run.pod.metadata.uid];
  return { resource: 'trials', ownerUid, podUid, podIP };
}

const attemptOf = ({ job }: Run): number =>
  Number(job.spec?.template.metadata?.labels?.[LABEL.attempt] ?? '');
