/** Pure: containers of an attempt that have not started, and how long each may take for that. */
import type { TrialFailedReason } from '../../crds/reasons.ts';
import type { Attempt } from '../../crds/trial-status.ts';
import { isHeldBack, madeNoPod } from '../../pods/reading/job.ts';
import { awaitedOf } from '../../pods/reading/waiting.ts';
import type { Fail, Wait } from './decide.ts';
import type { BegunAttempt } from './observed.ts';
import { POD_EXPECTED_MS } from '../attempts/observed.ts';
import { heldBy, waitingOf, type Failure, type Obstacle, type RefusedPod } from './pod.ts';

/** For how long there could have been a Pod. Whoever resumes a Job starts this anew: a queue such as Kueue's may have held it back for hours. Its Pod may be seen before that. */
function startingMs({ job, now }: BegunAttempt): number {
  if (job.kind !== 'own' || isHeldBack(job.job)) return 0;
  const since = job.job.status?.startTime ?? job.job.metadata.creationTimestamp;
  return since === undefined ? 0 : now.getTime() - Date.parse(since);
}

const HELD_BACK: Wait = {
  kind: 'wait',
  reason: 'HeldByQueue',
  message: 'its Job is suspended: a queue (Kueue) has not admitted it yet',
};

function refusedPod({ job, refusal: words }: BegunAttempt): RefusedPod | undefined {
  const rendered = job.kind === 'own' ? job.job.spec?.template.spec : undefined;
  return words === undefined ? undefined : { words, rendered };
}

/** The agent's container has not started, nor has any other. */
export function whileStarting(seen: BegunAttempt): Wait | Fail {
  const { trial, job, pod } = seen;
  if (!pod && job.kind === 'own' && isHeldBack(job.job)) return HELD_BACK;
  const { reason, message, becomes } = waitingOf(pod, refusedPod(seen));
  if (becomes?.reason === 'JobRejected') return { kind: 'fail', reason: becomes.reason, message };
  const limitMs = limitOf(trial.spec, becomes);
  const ageMs = startingMs(seen);
  const leftMs = limitMs - ageMs;
  if (leftMs >= 0)
    return { kind: 'wait', reason, message, againMs: Math.min(leftMs, lookMs(seen, ageMs)) + 100 };
  return {
    kind: 'fail',
    reason: becomes?.reason ?? 'StartTimeout',
    message: `not started within ${limitMs / 1000} s: ${reason}: ${message}`,
  };
}

/** Nothing tells that there will be no Pod: a Job that the Job controller has made none for is asked about again, less often each time. */
const lookMs = ({ pod, job }: BegunAttempt, ageMs: number): number =>
  !pod && job.kind === 'own' && madeNoPod(job.job) ? Math.max(POD_EXPECTED_MS, ageMs) : Infinity;

const limitOf = (
  { startTimeoutSeconds }: BegunAttempt['trial']['spec'],
  becomes: Obstacle['becomes'],
): number => Math.min(startTimeoutSeconds * 1000, becomes?.graceMs ?? Infinity);

/** What an attempt fails with that is stopped because the container of a separate verifier does not start. */
const UNSTARTED = ['StartTimeout', 'ImagePullFailed', 'ImageNotFound', 'SecretNotFound'] as const;
export type UnstartedReason = (typeof UNSTARTED)[number];

const isUnstarted = (reason: TrialFailedReason): reason is UnstartedReason =>
  UNSTARTED.some((one) => one === reason);

export type Unstarted = Failure & { reason: UnstartedReason };

/** The container of a separate verifier that could start and has not. */
interface Late {
  container: string;
  /** What keeps it, where the kubelet says so. */
  obstacle: Obstacle | undefined;
  limitMs: number;
  leftMs: number;
}

function lateVerifier({ pod, trial, now }: BegunAttempt): Late | undefined {
  const awaited = pod && awaitedOf(pod);
  if (!awaited) return undefined;
  const { container, since, held } = awaited;
  const obstacle = held && held.why !== 'Other' ? heldBy(held) : undefined;
  const limitMs = limitOf(trial.spec, obstacle?.becomes);
  return { container, obstacle, limitMs, leftMs: Date.parse(since) + limitMs - now.getTime() };
}

/** The agent's container has started. A verifier's that takes a moment longer is not worth a word. */
export function whileRunning(seen: BegunAttempt, startedAt: string): Wait {
  const late = lateVerifier(seen);
  const again = late && { againMs: Math.max(0, late.leftMs) + 100 };
  if (late?.obstacle) {
    const { reason, message } = late.obstacle;
    return { kind: 'wait', reason, message: `container ${late.container}: ${message}`, ...again };
  }
  const message = `Pod ${seen.pod?.metadata.name} runs since ${startedAt}`;
  return { kind: 'wait', reason: 'Running', message, ...again };
}

/**
 * Why the attempt has to be stopped while the agent's container has started: a separate verifier's has as much time as the agent's had, from when
 * its turn came, and the same reasons.
 *
 * The attempt is stopped, and not just given up, so that the courier stores what the agent has done. It fails the Trial, and no attempt follows it:
 * the kubelet has tried for all that time, and the agent has been at work. It did not make the image, but a full disk or a slow node may be its doing,
 * and an agent that could choose between its verifier and another try would choose.
 */
export function overdueVerifier(seen: BegunAttempt): Unstarted | undefined {
  const late = lateVerifier(seen);
  if (!late || late.leftMs >= 0) return undefined;
  const { container, obstacle, limitMs } = late;
  const reason = obstacle?.becomes?.reason ?? 'StartTimeout';
  const why = obstacle ? `: ${obstacle.message}` : '';
  const message = `container ${container} did not start within ${limitMs / 1000} s of its turn${why}`;
  return { reason: isUnstarted(reason) ? reason : 'StartTimeout', message };
}

/** The same, once it is on the record: it holds whatever the container does while it is being ended. */
export function recordedUnstarted({ reason, message = '' }: Partial<Attempt> = {}): Unstarted | undefined {
  const found = UNSTARTED.find((one) => one === reason);
  return found && { reason: found, message };
}
