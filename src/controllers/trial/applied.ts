/** Pure: a Trial that takes over the outcome of another. */
import { timestamp } from '../../crds/conditions.ts';
import type { TrialReason } from '../../crds/reasons.ts';
import type { TrialStatus } from '../../crds/trial-status.ts';
import type { Trial } from '../../crds/trial.ts';
import type { ArtifactStore } from '../../providers/artifact-store/port.ts';
import { appliedPrefix, type AppliedOutcome } from '../../results/applied.ts';

/** Whether a Trial may take over an outcome: once an attempt of its own has begun, that is the one that counts. */
export const mayAdopt = ({ spec, status }: Trial): boolean =>
  spec.rerun !== 'Always' && (status?.attempts ?? []).length === 0;

/** What the condition `Succeeded` says of a Trial that takes over an outcome. A failure keeps its reason, which says whose fault it is. */
export function adoptedVerdict({ end, trial }: AppliedOutcome): ['True' | 'False', [TrialReason, string]] {
  const aside = `${trial.trial} ended so at ${trial.finishedAt}; nothing was run again`;
  if (end.kind === 'failed') return ['False', [end.reason, `${end.message}; ${aside}`]];
  return ['True', ['AlreadyRan', `${end.reason}: ${end.message}; ${aside}`]];
}

/** The status of a Trial that takes over an outcome, but for its conditions. It ends now: its time to live has just begun. */
export const adoptedFields = (
  applied: AppliedOutcome,
  now: Date,
  files: Pick<ArtifactStore, 'uri'>,
): TrialStatus => ({
  ...applied.outcome,
  s3TrialUri: files.uri(appliedPrefix(applied)),
  adopted: applied.trial,
  finishedAt: timestamp(now),
});
