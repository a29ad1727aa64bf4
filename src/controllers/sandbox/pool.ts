/** Pure: what a pool does next about the Pods that it keeps ready. */
import { pauseUntil } from '../../crds/attempts.ts';
import { present } from '../../crds/present.ts';
import type { UidRange } from '../../crds/namespace-rules.ts';
import type { Sandbox } from '../../crds/sandbox.ts';
import type { TaskBuild } from '../../crds/task-build.ts';
import type { ReadyImage } from '../../images/image.ts';
import type { Job } from '../../kube/kinds.ts';
import { isOwnedBy } from '../../pods/ownership.ts';
import { failedCondition } from '../../pods/reading/job.ts';
import type { PodSeen } from '../attempts/observed.ts';
import { endOf, faulty, unpaid, withoutBudget, withoutImage, withoutPolicies } from './decide.ts';
import { badHosts } from './hosts.ts';
import { expiresInMs } from './lifetime.ts';
import type { Member, PoolSeen, Said } from './observed.ts';
import { readPod, withoutPod } from './pod.ts';
import { burstLeftMs } from './takings.ts';

export type PoolAction =
  | { kind: 'delete'; reason: 'Expired'; message: string }
  /** As many as there are to be, or more, or as many as may start at the same time. */
  | { kind: 'keep'; againMs?: number; remove: Job[] }
  | { kind: 'createBuild'; taskBuild: string; stale?: TaskBuild }
  /** Make Jobs of these numbers. */
  | { kind: 'fill'; numbers: number[]; remove: Job[]; image: ReadyImage; users?: UidRange }
  | ({ kind: 'wait'; againMs?: number; remove: Job[] } & Said)
  | ({ kind: 'end'; remove: Job[] } & Said);

/** The number of a Job in its pool, by its name; 0 for a name that is none of a pool's. */
export function numberOf({ metadata }: Job): number {
  // Without the letter they were called by earlier versions.
  const [, digits = '0'] = /-s?(\d{1,9})$/.exec(metadata.name) ?? [];
  return Number(digits);
}

/** A Job of a pool, as it stands. */
export function memberOf(job: Job, { pod, altered }: PodSeen): Member {
  return { job, ...present({ pod, waits: waitsFor(job, { pod, altered }) }) };
}

type Seen = { [K in keyof PodSeen]: PodSeen[K] | undefined };

function waitsFor(job: Job, { pod, altered }: Seen): Said | undefined {
  if (altered !== undefined) return { reason: 'PodLost', message: altered };
  if (job.metadata.deletionTimestamp !== undefined || pod?.metadata.deletionTimestamp !== undefined)
    return { reason: 'Stopping', message: 'the Pod is being ended' };
  if (!pod) return withoutPod({});
  const reading = readPod(pod);
  if (reading.kind === 'ready') return undefined;
  return endOf(pod) ?? { reason: reading.reason, message: reading.message };
}

/** When Jobs of a pool failed by themselves, the latest last: a drain is no fault of theirs. */
export const failuresOf = (jobs: readonly Job[]): string[] => jobs.flatMap(failedAt).toSorted();

function failedAt(job: Job): string[] {
  const { reason, lastTransitionTime } = failedCondition(job) ?? {};
  return reason === 'PodFailurePolicy' || lastTransitionTime === undefined ? [] : [lastTransitionTime];
}

/** The latest Job of a pool that failed by itself; undefined where a later one was taken, so that whatever was wrong has passed. */
export function lastFailed(jobs: readonly Job[], pool: Sandbox): Job | undefined {
  const own = jobs.filter((job) => isOwnedBy(job, pool) && failedAt(job).length > 0);
  const taken = jobs.filter((job) => !isOwnedBy(job, pool)).map(numberOf);
  const last = own.toSorted((a, b) => numberOf(a) - numberOf(b)).at(-1);
  return last && taken.every((number) => number < numberOf(last)) ? last : undefined;
}

const FIRST_PAUSE_MS = 10_000;
const PAUSE_MAX_MS = 300_000;
/** Failures before that say nothing of the next Pod. */
const REMEMBERED_MS = 3_600_000;

/** When another Job may be made, in milliseconds since the epoch: the pause doubles with every Pod that failed. */
function notBefore({ failures, now }: PoolSeen): number {
  const recent = failures.filter((at) => now.getTime() - Date.parse(at) < REMEMBERED_MS);
  const last = recent.at(-1);
  if (last === undefined) return 0;
  return Date.parse(last) + Math.min(FIRST_PAUSE_MS * 2 ** Math.min(recent.length - 1, 9), PAUSE_MAX_MS);
}

/** A Pod that is held for so long is replaced: what it needs may be there for a new one. */
const HOPELESS_MS = 600_000;
const HOPELESS: readonly Said['reason'][] = [
  'ImagePullBackOff',
  'CreateContainerConfigError',
  'CreateContainerError',
  'PodLost',
];

function isHopeless({ job, waits }: Member, now: Date): boolean {
  const { creationTimestamp, deletionTimestamp } = job.metadata;
  if (!waits || deletionTimestamp !== undefined || !HOPELESS.includes(waits.reason)) return false;
  return now.getTime() - Date.parse(creationTimestamp ?? '') >= HOPELESS_MS;
}

/** Jobs made in one pass: the next one counts again. */
const BATCH = 25;
/** A Pod that is not ready by then waits for something else than for a processor: it holds back no other. */
const STARTING_MS = 10_000;

/** How many of a pool's Pods start at the same time: a node that starts all at once serves nobody meanwhile. */
const startingMax = (size: number): number => Math.max(2, Math.ceil(size / 10));

/** Why a Pod is not ready that only needs its node's time to be. */
const STARTING: readonly Said['reason'][] = ['Pending', 'PullingImage'];

type Filling = Pick<PoolSeen, 'burst' | 'now'> & { size: number; members: readonly Member[] };

/** Pods that start take the processors that those need which are taken: while there are enough of these, that waits. */
function heldBackMs({ size, members, burst, now }: Filling): number | undefined {
  const ready = members.filter(({ waits }) => !waits).length;
  return burst && ready * 3 >= size ? burstLeftMs(burst, now) : undefined;
}

/** How many more Pods a pool may have start now; `againMs`: where more may without any event. */
export function roomIn(filling: Filling): { room: number; againMs?: number } {
  const { size, members, now } = filling;
  const missing = Math.max(0, size - members.length);
  const leftMs = heldBackMs(filling);
  if (missing > 0 && leftMs !== undefined) return { room: 0, againMs: leftMs };
  const ages = members
    .filter(({ waits }) => waits && STARTING.includes(waits.reason))
    .map(({ job }) => now.getTime() - Date.parse(job.metadata.creationTimestamp ?? ''))
    .filter((age) => age < STARTING_MS);
  const room = Math.min(missing, BATCH, Math.max(0, startingMax(size) - ages.length));
  return missing > 0 && room === 0 ? { room, againMs: STARTING_MS - Math.max(...ages) } : { room };
}

export function nextPoolAction(seen: PoolSeen): PoolAction {
  const { sandbox, members, now } = seen;
  const { spec } = sandbox;
  const left = expiresInMs(sandbox, now);
  const hasExpired = left !== undefined && left <= 0;
  const expired = { reason: 'Expired', message: 'ttlSeconds or deadline have passed' } as const;
  if (hasExpired && spec.expiryAction === 'Delete') return { kind: 'delete', ...expired };
  const all = members
    .map(({ job }) => job)
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  if (spec.operatingMode === 'Suspended')
    return { kind: 'end', reason: 'Suspended', message: 'spec.operatingMode is Suspended', remove: all };
  if (hasExpired) return { kind: 'end', ...expired, remove: all };
  if (seen.budget.kind === 'over') return { kind: 'end', ...unpaid(seen.budget.message), remove: all };
  return toSize(seen, spec.pool?.size ?? 0);
}

function toSize(seen: PoolSeen, size: number): PoolAction {
  const { members, image, users, highest, now, policies, budget } = seen;
  const hopeless = members.filter((member) => isHopeless(member, now));
  const staying = members.filter(
    (member) => !hopeless.includes(member) && member.job.metadata.deletionTimestamp === undefined,
  );
  const remove = [...surplus(staying, size), ...hopeless].map(({ job }) => job);
  // Those that are on their way out are Pods, too.
  const { room, ...again } = roomIn({ ...seen, size });
  if (room === 0 || !image) return { kind: 'keep', remove, ...again };
  const bad = badHosts(seen.sandbox.spec);
  if (bad) return { ...faulty(bad), remove };
  const paused = pauseUntil(notBefore(seen), now);
  if (paused) return { ...paused, ...seen.lastFailure, remove };
  const obstacle = withoutBudget(budget) ?? withoutImage(image) ?? withoutPolicies(policies);
  if (obstacle) return { ...obstacle, remove };
  if (image.kind === 'toBuild')
    return { kind: 'createBuild', taskBuild: image.taskBuild, ...present({ stale: image.stale }) };
  const numbers = Array.from({ length: room }, (_, index) => highest + 1 + index);
  if (image.kind !== 'ready') return { kind: 'keep', remove };
  return { kind: 'fill', numbers, remove, image: image.image, ...present({ users }) };
}

/** Those that cannot be taken yet go first, then the newest. */
const surplus = (members: readonly Member[], size: number): Member[] =>
  members
    .toSorted(
      (a, b) =>
        Number(b.waits !== undefined) - Number(a.waits !== undefined) || numberOf(b.job) - numberOf(a.job),
    )
    .slice(0, Math.max(0, members.length - size));

/** Why a pool has no Pod that can be taken: what keeps its first, where that is known, else what ended its last, else that it is being filled. */
export function fillingOf({ members, sandbox, lastFailure }: PoolSeen): Said {
  const { size = 0 } = sandbox.spec.pool ?? {};
  const ready = members.filter(({ waits }) => !waits).length;
  const held = members.find(({ waits }) => waits && !PASSING.includes(waits.reason))?.waits;
  return held ?? lastFailure ?? { reason: 'FillingPool', message: `${ready} of ${size} Pods are ready` };
}

const PASSING: readonly Said['reason'][] = ['Pending', 'PullingImage', 'Stopping', 'VolumePending'];
