/**
 * Deletes Jobs that a Trial has left behind: their attempt is closed on the record, but they still run. That is so after a crash between
 * the two, for a Pod that never started, and on a lost node. Or the Trial has ended without them: a dead operator's request to create
 * them arrived after that. Jobs of deleted Trials are the garbage collector's.
 */
import { isFinished } from '../../crds/conditions.ts';
import type { Trial } from '../../crds/trial.ts';
import { Job } from '../../kube/kinds.ts';
import { controllerOf, isControlledBy } from '../../pods/ownership.ts';
import { isActive } from '../../pods/reading/job.ts';
import type { KubeClient, Permission, Reconcile, Store } from '../../kube/types.ts';

export interface OrphansDeps {
  kube: KubeClient;
  jobs: Store<Job>;
  trials: Store<Trial>;
  now: () => Date;
}

export const permissions: Permission[] = [
  { group: 'batch', resources: ['jobs'], verbs: ['get', 'list', 'watch', 'delete'] },
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

/** The reconcile function of Jobs; enqueue a Trial's Jobs when the Trial changes, too. */
export function orphansController({ kube, jobs, trials, now }: OrphansDeps): Reconcile {
  return async (key) => {
    const job = jobs.get(key);
    if (!job || job.metadata.deletionTimestamp !== undefined) return undefined;
    const owner = controllerOf(job);
    const trial = owner?.kind === 'Trial' && trials.get({ namespace: key.namespace, name: owner.name });
    if (!trial || !isControlledBy(job, trial)) return undefined;
    const left = leftBehindInMs(job, trial, now());
    if (left === undefined) return undefined;
    if (left > 0) return { requeueAfterMs: left };
    await kube.delete(Job, key, { uid: job.metadata.uid ?? '', propagation: 'Background' });
    return undefined;
  };
}
