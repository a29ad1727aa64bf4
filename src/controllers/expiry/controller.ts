/**
 * Deletes Trials that ended longer ago than their `ttlSecondsAfterFinished`; their files stay in the bucket. One that a GitOps tool keeps stays,
 * too: the tool would create it again.
 */
import { gitOpsTool, keptFor } from '../../crds/gitops.ts';
import { Trial as TrialKind } from '../../crds/kinds.ts';
import { identityOf } from '../../crds/names.ts';
import type { Trial } from '../../crds/trial.ts';
import type { EventRecorder, KubeClient, Permission, Reconcile, Store } from '../../kube/types.ts';

export interface ExpiryDeps {
  kube: KubeClient;
  events: Pick<EventRecorder, 'normal'>;
  trials: Store<Trial>;
  /** Whether the Trial, by its UID, is in the index of its run: what is not would be lost with the object. */
  isRecorded: (uid: string) => boolean;
  now: () => Date;
}

export const permissions: Permission[] = [
  { group: 'sb.abundant.ai', resources: ['trials'], verbs: ['get', 'list', 'watch', 'delete'] },
];

/** The index takes in what ended within seconds; a store that is away keeps Trials in the cluster. */
const UNRECORDED_MS = 2000;
/** The event is for the moment at which the Trial would have gone: whoever leads next does not say it of all that were kept before. */
const JUST_MS = 60_000;

/** Whether a Trial may expire as it is now. */
export const mayExpire = ({ spec, status }: Trial): boolean =>
  spec.ttlSecondsAfterFinished !== undefined && status?.finishedAt !== undefined;

/** Milliseconds until the Trial expires: 0 or less when it has; undefined where it never does. */
export function expiresInMs({ spec, status }: Trial, now: Date): number | undefined {
  if (spec.ttlSecondsAfterFinished === undefined || status?.finishedAt === undefined) return undefined;
  return Date.parse(status.finishedAt) + spec.ttlSecondsAfterFinished * 1000 - now.getTime();
}

/** The reconcile function of expiry. */
export function expiryController({ kube, events, trials, isRecorded, now }: ExpiryDeps): Reconcile {
  return async (key) => {
    const trial = trials.get(key);
    if (!trial || trial.metadata.deletionTimestamp !== undefined) return undefined;
    const left = expiresInMs(trial, now());
    if (left === undefined) return undefined;
    if (left > 0) return { requeueAfterMs: left };
    const tool = gitOpsTool(trial);
    if (tool !== undefined) {
      if (left > -JUST_MS) events.normal(trial, 'KeptForGitOps', keptFor(tool));
      return undefined;
    }
    const { uid } = identityOf(trial);
    // An outcome that was taken over is recorded as that of the Trial that ran.
    if (!trial.status?.adopted && !isRecorded(uid)) return { requeueAfterMs: UNRECORDED_MS };
    await kube.delete(TrialKind, key, { uid, propagation: 'Background' });
    return undefined;
  };
}
