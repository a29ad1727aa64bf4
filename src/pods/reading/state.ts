/** Pure: what a Pod does, as scheduler, kubelet and controllers wrote it down on it. Everyone who looks at a Pod reads it here. */
import { present } from '../../crds/present.ts';
import type { Pod } from '../../kube/kinds.ts';
import { causeOf, hasRunOut, type Cause } from './cause.ts';
import { hasSidecar, startedAt } from './containers.ts';
import { heldOf, waitingOf, type Held, type Waiting } from './waiting.ts';

export type PodState =
  | ({ kind: 'waiting' } & Waiting)
  /** `held`: a container that the kubelet does not start beside those that run, such as a sidecar that crashed. */
  | { kind: 'running'; startedAt: string; ready: boolean; held?: Held }
  /** `succeeded`: every container ended with 0. */
  | { kind: 'ended'; startedAt?: string; succeeded: boolean; cause: Cause };

export type Ended = PodState & { kind: 'ended' };

/** The state of a Pod. `startedAt` is when the first container began to run that is no sidecar. */
export function podState(pod: Pod): PodState {
  const since = startedAt(pod);
  if (hasEnded(pod)) return { ...endOf(pod), ...present({ startedAt: since }) };
  if (since === undefined || isBetweenStarts(pod)) return { kind: 'waiting', ...waitingOf(pod) };
  return { kind: 'running', startedAt: since, ready: isReady(pod), ...present({ held: heldOf(pod) }) };
}

/** The phase comes later than the last container's end, and much later where a sidecar still works. */
const hasEnded = (pod: Pod): boolean =>
  isOver(pod) || (pod.spec?.restartPolicy === 'Never' && !hasSidecar(pod) && hasRunOut(pod));

function endOf(pod: Pod): Ended {
  const cause = causeOf(pod);
  const succeeded = isOver(pod) ? pod.status?.phase === 'Succeeded' : cause.exit?.exitCode === 0;
  return { kind: 'ended', succeeded, cause };
}

/** The kubelet starts main containers again, and none of them runs just now. */
const isBetweenStarts = ({ spec, status }: Pod): boolean =>
  spec?.restartPolicy !== 'Never' && !status?.containerStatuses?.some(({ state }) => state?.running);

const isReady = ({ status }: Pod): boolean => status?.containerStatuses?.every(({ ready }) => ready) ?? false;

/** Whether all containers have ended, by the Pod's phase. */
export const isOver = ({ status }: Pod): boolean =>
  status?.phase === 'Succeeded' || status?.phase === 'Failed';

/** A busy kubelet takes several seconds to end a Pod, and the Job controller to let go of it. */
const SILENCE_MS = 15_000;

/** A Pod that should have ended by now and has not: its kubelet does not answer. `deletionTimestamp` includes the grace period. */
export const isStuck = (pod: Pod, now: Date): boolean =>
  pod.metadata.deletionTimestamp !== undefined &&
  !isOver(pod) &&
  now.getTime() > Date.parse(pod.metadata.deletionTimestamp) + SILENCE_MS;

/** Milliseconds until `isStuck` can become true. */
export const stuckInMs = ({ metadata }: Pod, now: Date): number | undefined =>
  metadata.deletionTimestamp === undefined
    ? undefined
    : Math.max(100, Date.parse(metadata.deletionTimestamp) + SILENCE_MS + 100 - now.getTime());
