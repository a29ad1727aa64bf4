/** Pure: why a Pod waits. */
import { present } from '../../crds/present.ts';
import type { Pod } from '../../kube/kinds.ts';
import { containerStatuses, firstToWork, startedAt, statusOf, type ContainerStatus } from './containers.ts';

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

/** A main container that could start and has not. `since`: when its turn came. */
export interface Awaited {
  container: string;
  since: string;
  /** Why, where the kubelet says so. */
  held?: Held;
}

/** The main container that should start now: the first that is held for a reason that is known here, else the first of all. */
export function awaitedOf(pod: Pod): Awaited | undefined {
  const since = turnOf(pod);
  if (since === undefined) return undefined;
  const waiting = (pod.status?.containerStatuses ?? []).filter(({ state }) => state?.waiting);
  const all = waiting.map((status) => ({ container: status.name, held: heldBy(status)[0] }));
  const found = all.find(({ held }) => held && held.why !== 'Other') ?? all[0];
  return found && { container: found.container, since, ...present({ held: found.held }) };
}

/** When main containers could start: beside the first that did, or when the last of those before them had ended well. Undefined before. */
function turnOf(pod: Pod): string | undefined {
  const before = firstToWork(pod);
  if (before.length === 0) return startedAt(pod);
  const ends = before.map(({ name }) => statusOf(pod, name)?.state?.terminated);
  const ended = ends.flatMap((end) => (end?.exitCode === 0 ? (end.finishedAt ?? []) : []));
  return ended.length === before.length ? ended.toSorted().at(-1) : undefined;
}

function heldBy({ name: container, state }: ContainerStatus): Held[] {
  const { reason = '', message } = state?.waiting ?? {};
  if (UNTELLING.has(reason)) return [];
  return [{ why: KNOWN.get(reason) ?? 'Other', container, reason, ...present({ message }) }];
}
