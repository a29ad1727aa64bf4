/** Pure: why a Pod waits. */
import { present } from '../../crds/present.ts';
import type { Pod } from '../../kube/kinds.ts';
import { containerStatuses, type ContainerStatus } from './containers.ts';

/**
 * A container that the kubelet does not start; `reason` and `message` are its own. `ImagePull`: it tries to pull the image again and again ·
 * `ImageUnusable`: it does not even try · `ConfigMissing`: a Secret, a ConfigMap or a key of one does not exist.
 */
export interface Held {
  why: 'ImagePull' | 'ImageUnusable' | 'ConfigMissing' | 'Other';
  container: string;
  reason: string;
  message?: string;
}

/** What a Pod waits for. `since`: see `scheduledAt`. */
export type Waiting = WaitingOn & { since?: string };

type WaitingOn =
  /** The scheduler has not looked at it. */
  | { on: 'scheduler' }
  /** In the scheduler's words. `Gated`: somebody holds it back · `SchedulerError`: the scheduler itself failed. */
  | { on: 'node'; why: 'Unschedulable' | 'Gated' | 'SchedulerError'; message?: string }
  | { on: 'container'; held: Held }
  /** It has a node, whose kubelet pulls images and makes volumes. */
  | { on: 'kubelet' };

const scheduling = ({ status }: Pod) => status?.conditions?.find(({ type }) => type === 'PodScheduled');

/** When the scheduler last changed its mind about a Pod; undefined where it has not looked at it yet. */
export const scheduledAt = (pod: Pod): string | undefined => scheduling(pod)?.lastTransitionTime;

/** Why a Pod that has not started waits. */
export function waitingOf(pod: Pod): Waiting {
  return { ...waitingOn(pod), ...present({ since: scheduledAt(pod) }) };
}

function waitingOn(pod: Pod): WaitingOn {
  const scheduled = scheduling(pod);
  if (scheduled?.status === 'False') {
    const { reason = '', message } = scheduled;
    return { on: 'node', why: UNSCHEDULED.get(reason) ?? 'Unschedulable', ...present({ message }) };
  }
  const held = heldOf(pod);
  if (held) return { on: 'container', held };
  return { on: scheduled ? 'kubelet' : 'scheduler' };
}

const UNSCHEDULED = new Map<string, 'Gated' | 'SchedulerError'>([
  ['SchedulingGated', 'Gated'],
  ['SchedulerError', 'SchedulerError'],
]);

const KNOWN = new Map<string, Held['why']>([
  ['ErrImagePull', 'ImagePull'],
  ['ImagePullBackOff', 'ImagePull'],
  ['InvalidImageName', 'ImageUnusable'],
  ['ErrImageNeverPull', 'ImageUnusable'],
  ['CreateContainerConfigError', 'ConfigMissing'],
]);

/** Every container says so before it starts. */
const UNTELLING = new Set(['', 'ContainerCreating', 'PodInitializing']);

/** The container that the kubelet does not start: the first for a reason that is known here, else the first of all. */
export function heldOf(pod: Pod): Held | undefined {
  const all = containerStatuses(pod).flatMap(heldBy);
  return all.find(({ why }) => why !== 'Other') ?? all[0];
}

function heldBy({ name: container, state }: ContainerStatus): Held[] {
  const { reason = '', message } = state?.waiting ?? {};
  if (UNTELLING.has(reason)) return [];
  return [{ why: KNOWN.get(reason) ?? 'Other', container, reason, ...present({ message }) }];
}
