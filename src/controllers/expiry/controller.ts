/** Deletes Trials that ended longer ago than their `ttlSecondsAfterFinished`; their files stay in the bucket. */
import { Trial as TrialKind } from '../../crds/kinds.ts';
import type { Trial } from '../../crds/trial.ts';
import type { KubeClient, Permission, Reconcile, Store } from '../../kube/types.ts';

export interface ExpiryDeps {
  kube: KubeClient;
  trials: Store<Trial>;
  now: () => Date;
}

export const permissions: Permission[] = [
  { group: 'sb.abundant.ai', resources: ['trials'], verbs: ['get', 'list', 'watch', 'delete'] },
];

/** Milliseconds until the Trial expires: 0 or less when it has; undefined where it never does. */
export function expiresInMs({ spec, status }: Trial, now: Date): number | undefined {
  if (spec.ttlSecondsAfterFinished === undefined || status?.finishedAt === undefined) return undefined;
  return Date.parse(status.finishedAt) + spec.ttlSecondsAfterFinished * 1000 - now.getTime();
}

/** The reconcile function of expiry. */
export function expiryController({ kube, trials, now }: ExpiryDeps): Reconcile {
  return async (key) => {
    const trial = trials.get(key);
    if (!trial || trial.metadata.deletionTimestamp !== undefined) return undefined;
    const left = expiresInMs(trial, now());
    if (left === undefined) return undefined;
    if (left > 0) return { requeueAfterMs: left };
    await kube.delete(TrialKind, key, { uid: trial.metadata.uid ?? '', propagation: 'Background' });
    return undefined;
  };
}
