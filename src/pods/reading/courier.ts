/** Pure: what a courier has left on its Pod. */
import { readMessage, type Outcome } from '../../wire/outcome.ts';
import { CONTAINERS } from '../../wire/pod-paths.ts';
import type { Pod } from '../../kube/kinds.ts';
import { statusOf, type ContainerStatus } from './containers.ts';
import { isOver, isStuck } from './state.ts';

const endOf = (pod: Pod) => statusOf(pod, CONTAINERS.courier)?.state?.terminated;

/** What the courier wrote into its termination message; undefined while it runs, and for a message of another attempt or none at all. */
export function outcomeOf(pod: Pod, attempt: number): Outcome | undefined {
  const message = endOf(pod)?.message;
  // A courier that was killed while writing left half a message; the Pod's own state tells the rest.
  return message === undefined ? undefined : readMessage(message, attempt);
}

/** When the courier spoke its last word; undefined while it may still speak. */
export const courierEndedAt = (pod: Pod): string | undefined => endOf(pod)?.finishedAt;

/** How long the task container may outlive a courier that has spoken its last word. */
export const SETTLE_MS = 60_000;

/** Nothing more is to be learnt from this Pod. */
export function isSettled(pod: Pod, now: Date): boolean {
  const ended = courierEndedAt(pod);
  const late = ended !== undefined && now.getTime() >= Date.parse(ended) + SETTLE_MS;
  return late || isOver(pod) || isStuck(pod, now);
}

/** Whether the container `carrier`, which has the token, has left its outcome, in this run or the one before. */
export function hasLastWord(pod: Pod, carrier: string): boolean {
  const { state, lastState } = statusOf(pod, carrier) ?? {};
  return [state, lastState].some(hasSpoken);
}

/** A container that crashed has left no message, and the kubelet starts it again. */
const hasSpoken = (state: ContainerStatus['state']): boolean =>
  state?.terminated !== undefined && (state.terminated.exitCode === 0 || Boolean(state.terminated.message));
