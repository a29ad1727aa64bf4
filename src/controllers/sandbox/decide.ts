/** Pure: what was observed → the one next action. `needs` says beforehand what has to be known for it. */
import { pauseUntil } from '../../crds/attempts.ts';
import { sandboxJobName } from '../../crds/names.ts';
import type { UidRange } from '../../crds/namespace-rules.ts';
import { present } from '../../crds/present.ts';
import { SANDBOX_LOST, standingOf, type SandboxLostReason } from '../../crds/sandbox-reasons.ts';
import type { Sandbox, SandboxAttempt } from '../../crds/sandbox.ts';
import type { TaskBuild } from '../../crds/task-build.ts';
import type { ImageSeen, ReadyImage } from '../../images/image.ts';
import type { Job, Pod } from '../../kube/kinds.ts';
import { failureWithoutPod, nodeLost } from '../../pods/reading/failure.ts';
import { isActive, startsNoPod } from '../../pods/reading/job.ts';
import { refusalOf } from '../../pods/reading/refusal.ts';
import { isStuck, stuckInMs } from '../../pods/reading/state.ts';
import { POD_EXPECTED_MS } from '../attempts/observed.ts';
import { withheld, type BudgetSeen } from '../../budget/standing.ts';
import type { PoliciesSeen } from '../../pods/policies.ts';
import { expiresInMs, idleEnd, isIdleStill, isUnenforced } from './lifetime.ts';
import type { AttemptSeen, BegunAttempt, Candidate, Inputs, Observed, Said } from './observed.ts';
import { readPod, withoutPod } from './pod.ts';

/** What a Job is made of, beside the Sandbox. */
export interface Making {
  image: ReadyImage;
  /** Whose shape it has, where that is not the Sandbox's own. */
  pool?: Sandbox;
  users?: UidRange;
}

export type Action =
  /** Nothing can be done now; `againMs` where no event will tell. */
  | ({ kind: 'wait'; againMs?: number } & Said)
  | { kind: 'createBuild'; taskBuild: string; pool?: Sandbox; stale?: TaskBuild }
  | ({ kind: 'createJob' } & Making)
  | { kind: 'adopt'; candidates: Candidate[] }
  | { kind: 'ready'; pod: Pod; startedAt: string }
  /** Nothing is to run any more; an attempt that is open is closed. */
  | ({ kind: 'end'; lastActivityTime?: string; againMs?: number } & Said)
  /** Close the attempt, whose Pod was lost; another follows. */
  | { kind: 'retry'; reason: SandboxLostReason; message: string }
  | { kind: 'delete'; reason: 'Expired' | 'IdleTimeout'; message: string };

/** What has to be known before the next action. */
export type Needs =
  | { need: 'nothing'; action: Action }
  /** Why its Job has no Pod, if it has none. */
  | { need: 'report' }
  /** What the next Pod is made of. */
  | { need: 'inputs' };

export const wait = (said: Said, againMs?: number): Action & { kind: 'wait' } => ({
  kind: 'wait',
  ...said,
  ...present({ againMs }),
});

/** Its removal wakes the Sandbox, too. */
export const LEFTOVER = wait(
  { reason: 'Pending', message: 'the Job of an earlier Sandbox of this name is being removed' },
  5000,
);

/** No event tells that somebody has put right what was wrong. */
const MISTAKE_MS = 30_000;

/** Something is wrong that somebody may put right. */
export const faulty = (said: Said): Action & { kind: 'wait' } => wait(said, MISTAKE_MS);

export const nameConflict = (name: string) =>
  faulty({
    reason: 'NameConflict',
    message: `Job ${name} exists and is not this Sandbox's; delete it or rename the Sandbox`,
  });

/** What an observation has to ask for besides: no more than the next action depends on. */
export function needs(seen: AttemptSeen): Needs {
  const { sandbox, job, recorded, now } = seen;
  const left = expiresInMs(sandbox, now);
  if (left !== undefined && left <= 0 && sandbox.spec.expiryAction === 'Delete')
    return { need: 'nothing', action: { kind: 'delete', ...EXPIRED } };
  if (job.kind === 'own' || recorded) {
    const stopped = stopOf(seen);
    return stopped ? { need: 'nothing', action: { kind: 'end', ...stopped } } : { need: 'report' };
  }
  const action = beforeAttempt(seen);
  return action ? { need: 'nothing', action } : { need: 'inputs' };
}

const EXPIRED = { reason: 'Expired', message: 'ttlSeconds or deadline have passed' } as const;
const SUSPENDED = { reason: 'Suspended', message: 'spec.operatingMode is Suspended' } as const;

/** Why no Pod is to run, as spec, time and budget say. */
function stopOf({ sandbox, budget, now }: AttemptSeen): Said | undefined {
  if (sandbox.spec.operatingMode === 'Suspended') return SUSPENDED;
  const left = expiresInMs(sandbox, now);
  if (left !== undefined && left <= 0) return EXPIRED;
  return budget.kind === 'over' ? unpaid(budget.message) : undefined;
}

export const unpaid = (message: string): Said => ({ reason: 'BudgetExceeded', message });

/** What keeps the next attempt from starting; undefined where nothing does. */
function beforeAttempt(seen: AttemptSeen): Action | undefined {
  const { sandbox, job, now, number } = seen;
  const stopped = stopOf(seen) ?? endedWith(sandbox, now);
  if (stopped) return { kind: 'end', ...stopped };
  if (isEnding(seen)) return wait({ reason: 'Stopping', message: 'the Pod before is being ended' });
  if (job.kind === 'foreign') return nameConflict(sandboxJobName(sandbox.metadata.name, number));
  return pauseUntil(notBefore(sandbox), now) ?? (job.kind === 'leftover' ? LEFTOVER : undefined);
}

/** What it ended with for good: until it is suspended and resumed, or used for longer. */
function endedWith(sandbox: Sandbox, now: Date): Said | undefined {
  const standing = standingOf(sandbox);
  const last = lastEnd(sandbox);
  if (!standing || !last || standing.reason !== last.reason || STOPS.has(last.reason)) return undefined;
  if (last.reason === 'IdleTimeout' && !isIdleStill(sandbox, now)) return undefined;
  return { reason: last.reason as Said['reason'], message: standing.message };
}

/** Ends of attempts that spec, time and budget tell of. */
const STOPS = new Set(['Suspended', 'Expired', 'BudgetExceeded']);

type EndedAttempt = SandboxAttempt & { completionTime: string; reason: string };

const isEnded = (attempt: SandboxAttempt | undefined): attempt is EndedAttempt =>
  attempt?.completionTime !== undefined && attempt.reason !== undefined;

function lastEnd({ status }: Sandbox): EndedAttempt | undefined {
  const last = status?.attempts?.at(-1);
  return isEnded(last) ? last : undefined;
}

const isLost = (reason: string): reason is SandboxLostReason => Object.hasOwn(SANDBOX_LOST, reason);

/** Whether the Pod before is still there; that of a lost node may be for ever. */
const isEnding = ({ sandbox, others }: AttemptSeen): boolean =>
  others.some(isActive) && !isLost(lastEnd(sandbox)?.reason ?? '');

const FIRST_PAUSE_MS = 10_000;
const PAUSE_MAX_MS = 300_000;
/** A Pod that has run so long is no sign that the next one would be lost, too. */
const LASTED_MS = 600_000;

/** When the next attempt may start, in milliseconds since the epoch: the pause doubles with every Pod that was lost soon. */
export function notBefore({ status }: Sandbox): number {
  const ends = (status?.attempts ?? []).filter(isEnded);
  const last = ends.at(-1);
  if (!last || !isLost(last.reason)) return 0;
  const since = ends.findLastIndex((one) => !isLost(one.reason) || hasLasted(one));
  const lost = ends.length - 1 - since;
  const pause = Math.min(FIRST_PAUSE_MS * 2 ** Math.max(0, lost - 1), PAUSE_MAX_MS);
  return Date.parse(last.completionTime) + pause;
}

const hasLasted = ({ startTime, completionTime }: EndedAttempt): boolean =>
  startTime !== undefined && Date.parse(completionTime) - Date.parse(startTime) >= LASTED_MS;

/** The one action that follows from what was observed. */
export function nextAction(seen: Observed): Action {
  switch (seen.need) {
    case 'nothing':
      return seen.action;
    case 'report':
      return onceBegun(seen);
    case 'inputs':
      return withoutBudget(seen.budget) ?? startAttempt(seen.inputs, seen.policies);
    default:
      return seen satisfies never;
  }
}

function startAttempt(inputs: Inputs, policies: PoliciesSeen): Action {
  switch (inputs.from) {
    case 'nothing':
      return faulty(inputs.said);
    case 'pool':
      return { kind: 'adopt', candidates: inputs.candidates };
    case 'image': {
      const { image, pool, users } = inputs;
      const more = present({ pool, users });
      if (image.kind === 'toBuild')
        return { kind: 'createBuild', taskBuild: image.taskBuild, ...present({ pool, stale: image.stale }) };
      const missing = withoutImage(image) ?? withoutPolicies(policies);
      return missing ?? { kind: 'createJob', image: (image as ImageSeen & { kind: 'ready' }).image, ...more };
    }
    default:
      return inputs satisfies never;
  }
}

const REGISTRY_MS = 5000;

/** Why there is no image yet; undefined where there is one, or it is to be built. */
export function withoutImage(image: ImageSeen): (Action & { kind: 'wait' }) | undefined {
  switch (image.kind) {
    case 'ready':
    case 'toBuild':
      return undefined;
    case 'building':
      return wait({ reason: 'BuildingImage', message: image.message });
    case 'unavailable':
      return wait({ reason: 'RegistryUnavailable', message: image.message }, REGISTRY_MS);
    case 'failed':
      return faulty({ reason: image.reason, message: image.message });
    default:
      return image satisfies never;
  }
}

/** Why no Pod may be made or taken, for nobody pays for it; undefined where somebody does. */
export function withoutBudget(budget: BudgetSeen): (Action & { kind: 'wait' }) | undefined {
  const held = withheld(budget);
  return held && wait(held);
}

/** Why no Pod may be made, for nothing would close its network; undefined where it may. Of a new leader no event tells. */
export function withoutPolicies(policies: PoliciesSeen): (Action & { kind: 'wait' }) | undefined {
  if (policies.kind === 'inPlace') return undefined;
  if (policies.kind === 'refused') return afterRefusal(`NetworkPolicies: ${policies.message}`);
  const message = 'the NetworkPolicies of the namespace are not in place yet';
  return wait({ reason: 'NetworkPending', message }, 1000);
}

/** What came of an object that the API server does not take, by its message. */
export function afterRefusal(said: string): Action & { kind: 'wait' } {
  const { kind, message } = refusalOf(said);
  return kind === 'passing'
    ? wait({ reason: 'Pending', message }, 10_000)
    : faulty({ reason: 'JobRejected', message });
}

function onceBegun(seen: BegunAttempt): Action {
  const { sandbox, pod, now } = seen;
  const idle = pod && idleEnd(pod, now);
  if (idle) return afterIdle(sandbox, idle.lastActivityTime);
  const failure = failureIn(seen);
  if (!failure) return duringAttempt(seen);
  if (isLost(failure.reason) && sandbox.spec.recreatePolicy === 'OnLoss')
    return { kind: 'retry', reason: failure.reason, message: failure.message };
  return { kind: 'end', ...failure };
}

function afterIdle({ spec }: Sandbox, lastActivityTime: string): Action {
  const said = { reason: 'IdleTimeout', message: `nobody has used it since ${lastActivityTime}` } as const;
  return spec.expiryAction === 'Delete'
    ? { kind: 'delete', ...said }
    : { kind: 'end', ...said, lastActivityTime };
}

/** How the attempt ended; undefined while it goes on. */
function failureIn(seen: BegunAttempt): Said | undefined {
  const { pod, altered, now } = seen;
  if (altered !== undefined) return { reason: 'PodLost', message: altered };
  if (!pod) return vanished(seen);
  if (isStuck(pod, now)) return nodeLost(pod);
  return endOf(pod);
}

/** Why a Pod has ended; undefined where it has not. */
export function endOf(pod: Pod): Said | undefined {
  if (isUnenforced(pod)) return UNENFORCED;
  const reading = readPod(pod);
  return reading.kind === 'ended' ? ofEnd(reading, pod) : undefined;
}

const UNENFORCED: Said = {
  reason: 'PolicyNotEnforced',
  message:
    'the cluster does not enforce the network policy of the Pod: a port that the policy closes answers, and network.enforcement is Required',
};

/** An attempt without a Pod that once had one. */
function vanished({ job, recorded }: BegunAttempt): Said | undefined {
  const own = job.kind === 'own' ? job.job : undefined;
  if (own ? !startsNoPod(own) : !recorded) return undefined;
  return failureWithoutPod(own) ?? { reason: 'PodLost', message: 'the Pod is gone' };
}

const ENDS_OF_CONTAINER = new Set<string>(['TaskContainerExited', 'OOMKilled'] satisfies Said['reason'][]);

/** Whoever deletes a Pod ends its containers, too: their ends say nothing then. */
function ofEnd({ reason, message }: Said, pod: Pod): Said {
  return ENDS_OF_CONTAINER.has(reason) && pod.metadata.deletionTimestamp !== undefined
    ? { reason: 'PodLost', message: 'someone deleted the Pod' }
    : { reason, message };
}

function duringAttempt({ pod, job, refusal, now }: BegunAttempt): Action {
  if (!pod) return withoutAnyPod(job.kind === 'own' ? job.job : undefined, { refusal, now });
  if (pod.metadata.deletionTimestamp !== undefined)
    return wait({ reason: 'Stopping', message: 'the Pod is being ended' }, stuckInMs(pod, now));
  const reading = readPod(pod);
  if (reading.kind === 'ready') return { kind: 'ready', pod, startedAt: reading.startedAt };
  const { reason, message } = reading;
  return wait({ reason, message });
}

const LOOK_MAX_MS = 60_000;

/** Nothing tells that there will be no Pod: the Job is asked about again, less often each time. */
function withoutAnyPod(
  job: Job | undefined,
  { refusal, now }: { refusal: string | undefined; now: Date },
): Action {
  const created = job?.metadata.creationTimestamp;
  const ageMs = created === undefined ? 0 : now.getTime() - Date.parse(created);
  const said = withoutPod(present({ words: refusal, rendered: job?.spec?.template.spec }));
  return wait(said, Math.min(Math.max(POD_EXPECTED_MS, ageMs), LOOK_MAX_MS) + 100);
}
