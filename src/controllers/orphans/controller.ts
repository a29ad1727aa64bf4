/**
 * Deletes Jobs that a Trial has left behind: their attempt is closed on the record, but they still run. That is so after a crash between
 * the two, for a Pod that never started, and on a lost node. Or the Trial has ended without them: a dead operator's request to create
 * them arrived after that. A Job whose Pod has ended starts no other and stays for who reads its log, however late the Job controller
 * notices. Jobs of deleted Trials are the garbage collector's.
 */
import { isFinished } from '../../crds/conditions.ts';
import { LABEL } from '../../crds/names.ts';
import type { Trial } from '../../crds/trial.ts';
import { Job } from '../../kube/kinds.ts';
import { controllerOf, isControlledBy } from '../../pods/ownership.ts';
import { isActive } from '../../pods/reading/job.ts';
import { isOver } from '../../pods/reading/state.ts';
import type { KubeClient, ObjectKey, Permission, Reconcile, Store } from '../../kube/types.ts';
import { seePod, type AttemptSources } from '../attempts/observe.ts';

export interface OrphansDeps extends AttemptSources {
  kube: KubeClient;
  trials: Store<Trial>;
  now: () => Date;
}

export const permissions: Permission[] = [
  { group: 'batch', resources: ['jobs'], verbs: ['get', 'list', 'watch', 'delete'] },
  { group: '', resources: ['pods'], verbs: ['get', 'list', 'watch'] },
  { group: 'sb.abundant.ai', resources: ['trials'], verbs: ['get', 'list', 'watch'] },
];

/** The Job controller needs a moment to see that a Pod has ended. */
const GRACE_MS = 15_000;

/** Milliseconds until `job` counts as left behind by `trial`: 0 or less when it does; undefined where it is not. */
export function leftBehindInMs(job: Job, trial: Trial, now: Date): number | undefined {
  if (!isActive(job)) return undefined;
  const attempt = trial.status?.attempts?.find(({ jobName }) => jobName === job.metadata.name);
  if (!attempt) return isFinished(trial) ? 0 : undefined;
  if (attempt.completionTime === undefined) return undefined;
  return Date.parse(attempt.completionTime) + GRACE_MS - now.getTime();
}

/** The Trial that this Job is an attempt of; undefined where that is gone, or another of the name has come. */
function trialOf(
  { trials }: Pick<OrphansDeps, 'trials'>,
  { namespace }: ObjectKey,
  job: Job,
): Trial | undefined {
  const owner = controllerOf(job);
  if (owner?.kind !== 'Trial') return undefined;
  const trial = trials.get({ namespace, name: owner.name });
  return trial && isControlledBy(job, trial) ? trial : undefined;
}

/** Whether there is anything to do about a Job of an operator's, now or later: of one whose attempt is open, its Trial tells when that changes. */
export function concerns(deps: Pick<OrphansDeps, 'trials' | 'now'>, job: Job): boolean {
  const { namespace = '', name } = job.metadata;
  const trial = trialOf(deps, { namespace, name }, job);
  return trial !== undefined && leftBehindInMs(job, trial, deps.now()) !== undefined;
}

async function removeLeftBehind(deps: OrphansDeps, key: ObjectKey, job: Job): Promise<void> {
  const { pod } = await seePod(deps, job, LABEL.trial);
  if (pod && isOver(pod)) return;
  await deps.kube.delete(Job, key, { uid: job.metadata.uid ?? '', propagation: 'Background' });
}

/** The reconcile function of Jobs; enqueue a Trial's Jobs when the Trial changes, too. */
export function orphansController(deps: OrphansDeps): Reconcile {
  return async (key) => {
    const job = deps.jobs.get(key);
    const trial = job && job.metadata.deletionTimestamp === undefined && trialOf(deps, key, job);
    if (!trial) return undefined;
    const left = leftBehindInMs(job, trial, deps.now());
    if (left !== undefined && left > 0) return { requeueAfterMs: left };
    if (left !== undefined) await removeLeftBehind(deps, key, job);
    return undefined;
  };
}
