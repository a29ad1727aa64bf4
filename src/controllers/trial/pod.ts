/** Pure: what a Pod's status says about the attempt that it runs. */
import { CONTAINERS } from '../../wire/pod-paths.ts';
import type { Outcome } from '../../wire/outcome.ts';
import { readMessage } from '../../wire/outcome.ts';
import type { TrialActiveReason, TrialFailedReason } from '../../crds/reasons.ts';
import type { Pod } from '../../kube/kinds.ts';

type ContainerStatus = NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number];

export const taskStatus = (pod: Pod): ContainerStatus | undefined =>
  pod.status?.containerStatuses?.find(({ name }) => name === CONTAINERS.task);

const courierStatus = (pod: Pod): ContainerStatus | undefined =>
  pod.status?.initContainerStatuses?.find(({ name }) => name === CONTAINERS.courier);

/** What the courier wrote into its termination message; undefined while it runs, and for a message of another attempt or none at all. */
export function outcomeOf(pod: Pod, attempt: number): Outcome | undefined {
  const message = courierStatus(pod)?.state?.terminated?.message;
  // A courier that was killed while writing left half a message; the Pod's own state tells the rest.
  return message === undefined ? undefined : readMessage(message, attempt);
}

/** When the task container began to run; undefined before. */
export function startedAt(pod: Pod): string | undefined {
  const { state, lastState } = taskStatus(pod) ?? {};
  return state?.running?.startedAt ?? state?.terminated?.startedAt ?? lastState?.terminated?.startedAt;
}

/** True when all containers are through. */
export const isOver = (pod: Pod): boolean =>
  pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

const SILENCE_MS = 5000;

/** A Pod that should have ended by now and has not: its kubelet does not answer. `deletionTimestamp` includes the grace period. */
export const isStuck = (pod: Pod, now: Date): boolean =>
  pod.metadata.deletionTimestamp !== undefined &&
  !isOver(pod) &&
  now.getTime() > Date.parse(pod.metadata.deletionTimestamp) + SILENCE_MS;

/** How long the task container may outlive a courier that has spoken its last word. */
export const SETTLE_MS = 60_000;

/** When the courier spoke its last word; undefined while it may still speak. */
export const courierEndedAt = (pod: Pod): string | undefined =>
  courierStatus(pod)?.state?.terminated?.finishedAt;

/** Nothing more is to be learnt from this Pod. */
export function isSettled(pod: Pod, now: Date): boolean {
  const ended = courierEndedAt(pod);
  const late = ended !== undefined && now.getTime() >= Date.parse(ended) + SETTLE_MS;
  return late || isOver(pod) || isStuck(pod, now);
}

/** Milliseconds until `isStuck` can become true. */
export const stuckInMs = (pod: Pod, now: Date): number | undefined =>
  pod.metadata.deletionTimestamp === undefined
    ? undefined
    : Math.max(100, Date.parse(pod.metadata.deletionTimestamp) + SILENCE_MS + 100 - now.getTime());

export interface Failure {
  reason: TrialFailedReason;
  message: string;
}

/** Why a Pod that left no result ended, by the marks that Kubernetes leaves on it. */
export function failureOf(pod: Pod): Failure {
  const disruption = pod.status?.conditions?.find(
    ({ type, status }) => type === 'DisruptionTarget' && status === 'True',
  );
  if (disruption) {
    const reason = disruption.reason === 'DeletionByTaintManager' ? 'NodeLost' : 'Evicted';
    return { reason, message: `${disruption.reason}: ${disruption.message}` };
  }
  const { reason, message = 'the Pod ended and left no result' } = pod.status ?? {};
  // The kubelet evicts a Pod over its own limit without DisruptionTarget; pressure on the node sets it.
  if (reason === 'Evicted') return { reason: 'EphemeralStorageExceeded', message };
  return containerFailure(pod) ?? { reason: 'PodLost', message };
}

function containerFailure(pod: Pod): Failure | undefined {
  const ended = taskStatus(pod)?.state?.terminated;
  if (!ended) return undefined;
  if (ended.reason === 'OOMKilled')
    return { reason: 'OOMKilled', message: 'the task container ran out of its memory limit' };
  return {
    reason: 'TaskContainerExited',
    message: `the task container ended with exit code ${ended.exitCode} (${ended.reason})`,
  };
}

/** What keeps a Pod from starting. */
export interface Waiting {
  reason: TrialActiveReason;
  message: string;
  /** What the Trial fails with when this lasts, and after how long at most. */
  becomes?: { reason: TrialFailedReason; graceMs?: number };
}

/** The kubelet's words for a container that does not start, and what becomes of the Trial. */
const WAITING: Record<string, NonNullable<Waiting['becomes']>> = {
  ErrImagePull: { reason: 'ImagePullFailed' },
  ImagePullBackOff: { reason: 'ImagePullFailed' },
  InvalidImageName: { reason: 'ImageNotFound', graceMs: 0 },
  ErrImageNeverPull: { reason: 'ImageNotFound', graceMs: 0 },
  CreateContainerConfigError: { reason: 'SecretNotFound', graceMs: 20_000 },
};

/** What the scheduler said last; undefined where it has not looked at the Pod yet. */
export const scheduling = ({ status }: Pod) =>
  status?.conditions?.find(({ type }) => type === 'PodScheduled');

/** How long the Job controller may take for a Pod before its events are asked why there is none. */
export const POD_EXPECTED_MS = 3000;

/** Refusals that end when something else does. */
const PASSING = /exceeded quota|being terminated|looking up service account|failed calling webhook/;
/** Said by validation and admission. Anything else is no refusal but a server that could not answer. */
const REFUSED = /is forbidden|is invalid|denied the request/;

/** What the API server says of an object that it does not take, without what is another with each try: the Pod's name and what is used of a quota. */
export const refusalOf = (words: string): { message: string; passing: boolean } => ({
  message: words
    .replace(/^Error creating: (pods? "[^"]*" is (forbidden|invalid): )?/i, '')
    .replace(/, used: .*?(?=, limited: )/, ''),
  passing: PASSING.test(words),
});

function waitingForPod(refusal: string | undefined): Waiting {
  if (refusal === undefined)
    return { reason: 'Pending', message: 'the Job controller has not created the Pod yet' };
  const { message, passing } = refusalOf(refusal);
  const final = REFUSED.test(refusal) && !passing;
  return { reason: 'Pending', message, ...(final && { becomes: { reason: 'JobRejected' } }) };
}

/** Why a Pod that has not started is waiting; `refusal`: why the API server took none. */
export function waitingOf(pod: Pod | undefined, refusal?: string): Waiting {
  if (!pod) return waitingForPod(refusal);
  const scheduled = scheduling(pod);
  if (scheduled?.status === 'False')
    return { reason: 'Unschedulable', message: scheduled.message ?? 'no node has room' };
  const stuck = [courierStatus(pod), taskStatus(pod)].map(stuckWith).find((found) => found !== undefined);
  if (stuck) return stuck;
  return scheduled
    ? { reason: 'PullingImage', message: 'the kubelet prepares the containers' }
    : { reason: 'Pending', message: 'the scheduler has not looked at the Pod yet' };
}

function stuckWith(container: ContainerStatus | undefined): Waiting | undefined {
  const { reason = '', message = reason } = container?.state?.waiting ?? {};
  const becomes = WAITING[reason];
  return becomes && { reason: 'PullingImage', message: `${reason}: ${message}`, becomes };
}
