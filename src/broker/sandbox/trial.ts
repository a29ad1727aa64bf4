/** Where the container of a Trial runs, for whoever enters it. Out of the watch caches alone. */
import { conditionOf, isFinished } from '../../crds/conditions.ts';
import { LABEL } from '../../crds/names.ts';
import type { Trial } from '../../crds/trial.ts';
import type { Job, Pod } from '../../kube/kinds.ts';
import type { ObjectKey, Store } from '../../kube/types.ts';
import { endOfAttempt } from '../identity/ended.ts';
import { refused } from '../refusal.ts';
import type { Refused } from '../refusal.ts';
import { problemOfRun, runOf, type Run } from './run.ts';
import type { Target } from './target.ts';

/** Watch caches of Trials and what runs them. */
export interface TrialStores {
  trials: Store<Trial>;
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

/** The Pod of the current attempt of the very Trial that has this UID. */
export function targetOfTrial(
  { uid, namespace, name }: ObjectKey & { uid: string },
  stores: TrialStores & { now: () => Date },
): Target | Refused {
  const trial = stores.trials.get({ namespace, name });
  if (trial?.metadata.uid !== uid)
    return refused(
      403,
      'TrialEnded',
      `Trial ${namespace}/${name} is not the one that this session is for; ask for a new session`,
    );
  return problemOfTrial(trial) ?? inPod(trial, runOf(trial, stores), stores.now());
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
