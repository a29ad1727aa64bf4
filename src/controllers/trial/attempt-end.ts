/** Pure: how an attempt ended, by what its courier reported, and what its Pod and its Job show. */
import type { TrialFailedReason } from '../../crds/reasons.ts';
import type { Pod } from '../../kube/kinds.ts';
import type { Outcome } from '../../wire/outcome.ts';
import { hasVanished } from './attempts.ts';
import type { BegunAttempt } from './observed.ts';
import { failureOf, failureWithoutPod, nodeLost } from '../../pods/reading/failure.ts';
import { isOver, isStuck } from '../../pods/reading/state.ts';
import { isSettled } from '../../pods/reading/courier.ts';
import type { Failure } from './pod.ts';

/** How an attempt ended. */
export type AttemptEnd =
  { kind: 'result'; outcome: Outcome } | ({ kind: 'failure'; outcome?: Outcome } & Failure);

/** How an attempt that was begun ended; undefined while it goes on. */
export function attemptEnd(seen: BegunAttempt): AttemptEnd | undefined {
  const { outcome } = seen;
  if (!outcome) return silentEnd(seen);
  const { result } = outcome;
  return result.kind === 'failed' ? reportedFailure(seen, outcome, result) : { kind: 'result', outcome };
}

function reportedFailure(
  { pod, now }: BegunAttempt,
  outcome: Outcome,
  said: Failure,
): AttemptEnd | undefined {
  if (pod && needsCause(said.reason) && !isSettled(pod, now)) return undefined;
  const { reason, message } = (pod && causeOf(said.reason, pod)) ?? said;
  return { kind: 'failure', outcome, reason, message };
}

/** The courier only knows that it was told to stop, or that its neighbour is gone; the Pod may say why once that has ended. */
const needsCause = (said: TrialFailedReason): boolean =>
  said === 'Cancelled' || said === 'TaskContainerExited';

function causeOf(said: TrialFailedReason, pod: Pod): Failure | undefined {
  if (!needsCause(said)) return undefined;
  const cause = failureOf(pod);
  if (cause.reason !== 'TaskContainerExited' && cause.reason !== 'PodLost') return cause;
  // Whoever deletes a Pod ends its containers, too: their ends say nothing then.
  if (pod.metadata.deletionTimestamp !== undefined)
    return { reason: 'PodLost', message: 'someone deleted the Pod' };
  return cause.reason === 'PodLost' ? undefined : cause;
}

function silentEnd(seen: BegunAttempt): AttemptEnd | undefined {
  const { altered } = seen;
  const failure: Failure | undefined =
    altered === undefined ? silentFailure(seen) : { reason: 'PodLost', message: altered };
  return failure && { kind: 'failure', ...failure };
}

function silentFailure(seen: BegunAttempt): Failure | undefined {
  const { pod, now, job } = seen;
  if (pod && isOver(pod)) return failureOf(pod);
  if (pod && isStuck(pod, now)) return nodeLost(pod);
  if (!hasVanished(seen)) return undefined;
  const lost: Failure = { reason: 'PodLost', message: 'the Pod was deleted and left no result' };
  return failureWithoutPod(job.kind === 'own' ? job.job : undefined) ?? lost;
}
