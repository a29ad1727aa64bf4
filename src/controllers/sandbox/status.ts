/** Pure: what was observed, what came of it and when → the Sandbox's status. */
import { isDeepStrictEqual } from 'node:util';
import { stamp, timestamp } from '../../crds/conditions.ts';
import type { Condition, ConditionDraft } from '../../crds/conditions.ts';
import { ANNOTATION } from '../../crds/names.ts';
import { present } from '../../crds/present.ts';
import { SANDBOX_FAILED, SANDBOX_LOST, SANDBOX_SUSPENDED } from '../../crds/sandbox-reasons.ts';
import { SANDBOX_ATTEMPTS_MAX } from '../../crds/sandbox.ts';
import type { Sandbox, SandboxAttempt, SandboxStatus } from '../../crds/sandbox.ts';
import type { ImageSeen } from '../../images/image.ts';
import type { Job, Pod } from '../../kube/kinds.ts';
import { statusOf } from '../../pods/reading/containers.ts';
import { scheduledAt } from '../../pods/reading/waiting.ts';
import { CONTAINERS } from '../../wire/pod-paths.ts';
import type { Action } from './decide.ts';
import { expiresAt, expiresInMs } from './lifetime.ts';
import type { Observed, PoolSeen, Said } from './observed.ts';
import { placeOf } from './pod.ts';
import { fillingOf, type PoolAction } from './pool.ts';

/** What came of an action. */
export type Done =
  | Exclude<Action, { kind: 'createJob' | 'createBuild' | 'adopt' }>
  | { kind: 'jobCreated' }
  | { kind: 'buildCreated'; taskBuild: string }
  /** It has taken this Job of its pool, whose Pod is ready. */
  | { kind: 'adopted'; job: Job; pod: Pod; startedAt: string };

/** The status that this pass leaves behind. */
export function sandboxStatus(seen: Observed, done: Done): SandboxStatus {
  const { sandbox } = seen;
  const {
    jobName: _job,
    podName: _pod,
    nodeName: _node,
    podIP: _ip,
    startedTime: _at,
    ...kept
  } = sandbox.status ?? {};
  const attempts = attemptsAfter(seen, done);
  const open = attempts.at(-1);
  return {
    ...kept,
    ...common(sandbox, readyOf(done), seen.now),
    ...(attempts.length > 0 && { attempts }),
    ...(open && open.completionTime === undefined && placeIn(open, seen, done)),
    ...imageFields(seen, done),
    ...present({ lastActivityTime: 'lastActivityTime' in done ? done.lastActivityTime : undefined }),
  };
}

function common(
  sandbox: Sandbox,
  ready: ConditionDraft,
  now: Date,
): Pick<SandboxStatus, 'conditions' | 'observedGeneration' | 'expiresAt'> {
  const { generation = 1 } = sandbox.metadata;
  const conditions = stamp(forTools(ready), sandbox.status?.conditions, { generation, now });
  // Spelt out where it is not, so that one of an earlier limit goes.
  return { observedGeneration: generation, conditions, expiresAt: expiresAt(sandbox) } as SandboxStatus;
}

/**
 * For tools that know no Sandboxes. kstatus waits for a `Ready` that is False until it is Stalled: nothing becomes of it unless somebody changes
 * something. What stands still because its spec asks for that is as it should be, which kstatus believes only where there is no `Ready`; a Job that is
 * suspended says so by the same condition.
 */
function forTools(ready: ConditionDraft): ConditionDraft[] {
  const { reason } = ready;
  if (Object.hasOwn(SANDBOX_SUSPENDED, reason)) return [{ ...ready, type: 'Suspended', status: 'True' }];
  const isOver = Object.hasOwn(SANDBOX_FAILED, reason) || Object.hasOwn(SANDBOX_LOST, reason);
  return isOver ? [ready, { ...ready, type: 'Stalled', status: 'True' }] : [ready];
}

const draft = (status: ConditionDraft['status'], reason: string, message: string): ConditionDraft => ({
  type: 'Ready',
  status,
  reason,
  message,
});
const unready = ({ reason, message }: { reason: string; message: string }): ConditionDraft =>
  draft('False', reason, message);

function readyOf(done: Done): ConditionDraft {
  switch (done.kind) {
    case 'ready':
    case 'adopted':
      return draft('True', 'Ready', 'commands can be run');
    case 'retry':
      return unready({ reason: 'Retrying', message: `${done.reason}: ${done.message}` });
    case 'jobCreated':
      return unready({ reason: 'Pending', message: 'the Job was created' });
    case 'buildCreated':
      return unready({ reason: 'BuildingImage', message: `TaskBuild ${done.taskBuild}: Pending` });
    case 'wait':
    case 'end':
    case 'delete':
      return unready(done);
    default:
      return done satisfies never;
  }
}

/** The attempts that this pass leaves on the record. */
function attemptsAfter(seen: Observed, done: Done): SandboxAttempt[] {
  const { sandbox, recorded, now } = seen;
  const attempts = sandbox.status?.attempts ?? [];
  const open = underWay(seen, done);
  if (!open) return attempts;
  const closed = recorded ? attempts.slice(0, -1) : attempts;
  const ends = done.kind === 'end' || done.kind === 'retry';
  const message = ends ? done.message.slice(0, MESSAGE_MAX) : '';
  const last = ends ? { ...open, completionTime: timestamp(now), reason: done.reason, message } : open;
  return [...closed, last].slice(-SANDBOX_ATTEMPTS_MAX);
}

/** The schema's bound. */
const MESSAGE_MAX = 1024;

/** The Job of the attempt, as it is after this pass. */
function jobOf({ job }: Observed, done: Done): Job | undefined {
  if (done.kind === 'adopted') return done.job;
  return job.kind === 'own' ? job.job : undefined;
}

const podIn = ({ pod }: Observed, done: Done): Pod | undefined => (done.kind === 'adopted' ? done.pod : pod);

/** The attempt under way, with everything known of it; undefined where there is no Job for it. */
function underWay(seen: Observed, done: Done): SandboxAttempt | undefined {
  const { recorded, number } = seen;
  const job = jobOf(seen, done);
  if (!job) return recorded && { ...recorded, ...inAttempt(seen, done) };
  const { name, creationTimestamp } = job.metadata;
  // One that was taken began before it was this Sandbox's.
  const startTime = done.kind === 'adopted' ? timestamp(seen.now) : creationTimestamp;
  return { number, jobName: name, ...present({ startTime }), ...recorded, ...inAttempt(seen, done) };
}

function inAttempt(seen: Observed, done: Done): Pick<SandboxAttempt, 'podName' | 'nodeName'> {
  const { podName, nodeName } = placeIfAny(podIn(seen, done));
  return present({ podName, nodeName });
}

const placeIfAny = (pod: Pod | undefined): Partial<ReturnType<typeof placeOf>> => (pod ? placeOf(pod) : {});

function placeIn({ jobName }: SandboxAttempt, seen: Observed, done: Done): SandboxStatus {
  const startedTime = 'startedAt' in done ? done.startedAt : undefined;
  return { jobName, ...placeIfAny(podIn(seen, done)), ...present({ startedTime }) };
}

/** The fields that name the image. The Job outlives the operator that knew it; it tells. */
function imageFields(seen: Observed, done: Done): SandboxStatus {
  if (done.kind === 'buildCreated') return { taskBuild: done.taskBuild };
  const job = jobOf(seen, done);
  if (job) return imageOf(job);
  return seen.need === 'inputs' && seen.inputs.from === 'image' ? imageSeen(seen.inputs.image) : {};
}

function imageSeen(image: ImageSeen): SandboxStatus {
  if (image.kind === 'building') return { taskBuild: image.taskBuild };
  if (image.kind !== 'ready') return {};
  const { reference, digest, taskBuild } = image.image;
  return { image: reference, imageDigest: digest, ...present({ taskBuild }) };
}

function imageOf({ metadata, spec }: Job): SandboxStatus {
  const image = spec?.template.spec?.containers.find(({ name }) => name === CONTAINERS.task)?.image;
  const imageDigest = image?.slice(image.indexOf('@') + 1);
  return present({ image, imageDigest, taskBuild: metadata.annotations?.[ANNOTATION.taskBuildName] });
}

/** The status of a pool. */
export function poolStatus(seen: PoolSeen, done: PoolAction): SandboxStatus {
  const { sandbox, members, now } = seen;
  const { size = 0 } = sandbox.spec.pool ?? {};
  const ready = members.filter(({ waits }) => !waits).length;
  return {
    ...sandbox.status,
    ...common(sandbox, poolReady(seen, done, ready), now),
    ...(seen.image?.kind === 'ready' && {
      image: seen.image.image.reference,
      imageDigest: seen.image.image.digest,
    }),
    ...(done.kind === 'createBuild' && { taskBuild: done.taskBuild }),
    pool: { ready: done.kind === 'end' ? 0 : ready, size },
  };
}

function poolReady(seen: PoolSeen, done: PoolAction, ready: number): ConditionDraft {
  const { size = 0 } = seen.sandbox.spec.pool ?? {};
  if (done.kind === 'end' || done.kind === 'delete') return unready(done);
  if (ready > 0 || size === 0) return draft('True', 'Ready', `${ready} of ${size} Pods are ready`);
  if (done.kind === 'wait') return unready(done);
  if (done.kind === 'createBuild')
    return unready({ reason: 'BuildingImage', message: `TaskBuild ${done.taskBuild}: Pending` });
  return unready(fillingOf(seen));
}

/** What becomes of a status: whether it is written, and after how long the Sandbox is looked at again, whatever happens. */
export interface Report {
  write: boolean;
  againMs?: number;
}

/** A state that passes by itself is written once it has lasted so long. Times of Kubernetes are whole seconds, cut off. */
const QUIET_MS = 2000;
/** The kubelet may say first that a container has ended, and why only when it has ended what is beside it. */
const ENDING_MS = 5000;
const PASSING = new Set<string>([
  'Pending',
  'NetworkPending',
  'VolumePending',
  'Unschedulable',
  'PullingImage',
  'Stopping',
  'FillingPool',
  // Of a courier that was killed once, and is started again at once.
  'CrashLoopBackOff',
] satisfies Said['reason'][]);

/** Timers take no more than some 24 days. */
const LOOK_MS = 86_400_000;

/** Whether `status` is worth a write now. */
export function reportOf(seen: Observed, done: Done, status: SandboxStatus): Report {
  const { sandbox, now } = seen;
  const again = againIn(expiresInMs(sandbox, now), 'againMs' in done ? done.againMs : undefined);
  if (isSame(sandbox.status, status)) return { write: false, ...again };
  const quiet = quietOf(done);
  const quietMs = quiet > 0 ? quiet - (now.getTime() - since(seen)) : 0;
  if (quietMs <= 0) return { write: true, ...again };
  return { write: false, ...againIn(quietMs, again.againMs) };
}

function quietOf(done: Done): number {
  if (done.kind === 'jobCreated') return QUIET_MS;
  if (done.kind !== 'wait' || !PASSING.has(done.reason)) return 0;
  return done.reason === 'Stopping' ? ENDING_MS : QUIET_MS;
}

const againIn = (...waits: (number | undefined)[]): { againMs?: number } => {
  const known = waits.filter((ms) => ms !== undefined && ms > 0) as number[];
  return known.length === 0 ? {} : { againMs: Math.min(LOOK_MS, ...known) };
};

/** When the Sandbox came to what it waits for now, in milliseconds since the epoch. */
function since(seen: Observed): number {
  const { sandbox, job, pod, now } = seen;
  const times = [
    sandbox.metadata.creationTimestamp,
    sandbox.status?.attempts?.at(-1)?.completionTime,
    ...(job.kind === 'own' ? [job.job.metadata.creationTimestamp] : []),
    ...(pod ? [scheduledAt(pod), endIn(pod, CONTAINERS.task), endIn(pod, CONTAINERS.courier)] : []),
  ].flatMap((time) => (time === undefined ? [] : [Date.parse(time)]));
  return times.length === 0 ? now.getTime() : Math.max(...times);
}

const endIn = (pod: Pod, container: string): string | undefined => {
  const { state, lastState } = statusOf(pod, container) ?? {};
  return (state?.terminated ?? lastState?.terminated)?.finishedAt;
};

/** A pool’s numbers change with every Pod that is taken: they are written at most so often. */
const POOL_PAUSE_MS = 5000;

/** The same of a pool. `writtenMs`: how long ago its status was written last. */
export function poolReportOf(
  { sandbox, now }: PoolSeen,
  { done, status, writtenMs }: { done: PoolAction; status: SandboxStatus; writtenMs: number },
): Report {
  const again = againIn(expiresInMs(sandbox, now), 'againMs' in done ? done.againMs : undefined);
  if (isSame(sandbox.status, status)) return { write: false, ...again };
  const isCount = isSame(withoutPool(sandbox.status ?? {}), withoutPool(status));
  const ageMs = now.getTime() - Date.parse(sandbox.metadata.creationTimestamp ?? '');
  const passesMs = isPassingPool(status) ? QUIET_MS - Math.min(writtenMs, ageMs) : 0;
  const quietMs = isCount ? POOL_PAUSE_MS - writtenMs : passesMs;
  return quietMs <= 0 ? { write: true, ...again } : { write: false, ...againIn(quietMs, again.againMs) };
}

const isPassingPool = ({ conditions = [] }: SandboxStatus): boolean =>
  conditions.some(({ reason }) => PASSING.has(reason));

const withoutPool = ({ pool: _pool, ...rest }: SandboxStatus): SandboxStatus => rest;

/** Equal but for the wording: the kubelet's messages carry counters that would be written for ever. */
const isSame = (before: SandboxStatus | undefined, after: SandboxStatus): boolean =>
  before !== undefined && isDeepStrictEqual(unworded(before), unworded(after));

const unworded = ({ conditions, ...rest }: SandboxStatus): object => ({
  ...present(rest),
  conditions: conditions?.map(({ status, reason, observedGeneration, message }: Condition) => ({
    status,
    reason,
    observedGeneration,
    // Ours, and it names what the build is doing, or what keeps the Pod from being made.
    message: reason === 'BuildingImage' || reason === 'Pending' ? message : '',
  })),
});
