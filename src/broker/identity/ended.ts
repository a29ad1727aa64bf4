/** Pure: whether what a courier acts for has ended. An outcome is the last that comes of an attempt, so nothing after it is the courier's. */
import { conditionOf, isFinished } from '../../crds/conditions.ts';
import type { Sandbox } from '../../crds/sandbox.ts';
import type { TaskBuild } from '../../crds/task-build.ts';
import type { Trial } from '../../crds/trial.ts';
import type { Pod } from '../../kube/kinds.ts';
import type { KubeObject } from '../../kube/types.ts';
import { hasLastWord } from '../../pods/reading/courier.ts';
import { isOver } from '../../pods/reading/state.ts';
import { refused } from '../refusal.ts';
import type { Refused } from '../refusal.ts';

const nameOf = ({ kind, metadata }: KubeObject): string => `${kind} ${metadata.namespace}/${metadata.name}`;

/** Refused where the Pod has ended: by its phase, by the end of `carrier` (the container with the token), or past its time to end. */
export function endOfPod(pod: Pod, carrier: string, now: Date): Refused | undefined {
  const { metadata, status } = pod;
  const due = metadata.deletionTimestamp;
  // The timestamp includes the grace period: until then the courier stores what there is.
  if (due !== undefined && now.getTime() > Date.parse(due))
    return refused(403, 'PodGone', `the ${nameOf(pod)} should have ended at ${due}`);
  if (isOver(pod)) return refused(403, 'PodEnded', `the ${nameOf(pod)} has ended: ${status?.phase}`);
  return hasLastWord(pod, carrier)
    ? refused(403, 'PodEnded', `the container ${carrier} of ${nameOf(pod)} has left its outcome`)
    : undefined;
}

/** The condition that ended an object, or its deletion. */
function endOfObject(object: Trial | TaskBuild): string | undefined {
  if (object.metadata.deletionTimestamp !== undefined) return 'is being deleted';
  if (!isFinished(object)) return undefined;
  const { reason, lastTransitionTime } = conditionOf(object, 'Succeeded') ?? {};
  return `ended at ${lastTransitionTime}: ${reason}`;
}

/** Refused where the Trial or this attempt of it has ended. While an attempt is being stopped, for `cancel` or `suspend`, it is open. */
export function endOfAttempt(trial: Trial, attempt: number): Refused | undefined {
  const end = endOfObject(trial);
  if (end !== undefined) return refused(403, 'TrialEnded', `${nameOf(trial)} ${end}`);
  const attempts = trial.status?.attempts ?? [];
  const latest = attempts.at(-1)?.number ?? 0;
  if (latest > attempt)
    return refused(403, 'OlderAttempt', `attempt ${attempt} was followed by attempt ${latest}`);
  const closed = attempts.find(({ number }) => number === attempt);
  if (closed?.completionTime === undefined) return undefined;
  const { completionTime, reason } = closed;
  return refused(403, 'AttemptEnded', `attempt ${attempt} ended at ${completionTime}: ${reason}`);
}

/** Refused where the TaskBuild, or the attempt whose token is the Job's name, has ended. */
export function endOfBuild(build: TaskBuild, job: string): Refused | undefined {
  const end = build.spec.cancelled ? 'is cancelled' : endOfObject(build);
  if (end !== undefined) return refused(403, 'BuildEnded', `${nameOf(build)} ${end}`);
  const attempt = build.status?.attempts?.find(({ token }) => token === job);
  return attempt?.completionTime === undefined
    ? undefined
    : refused(403, 'AttemptEnded', `attempt ${attempt.number} ended at ${attempt.completionTime}`);
}

/** Refused where the Sandbox, or a pool, is not to have a Pod any more, or this Job is not that of its current attempt. */
export function endOfSandbox(sandbox: Sandbox, job: string | undefined): Refused | undefined {
  const { metadata, spec, status } = sandbox;
  const end = (why: string): Refused => refused(403, 'SandboxEnded', `${nameOf(sandbox)} ${why}`);
  if (metadata.deletionTimestamp !== undefined) return end('is being deleted');
  if (spec.operatingMode === 'Suspended') return end('is suspended');
  const attempts = status?.attempts ?? [];
  const own = attempts.find(({ jobName }) => jobName === job);
  if (own?.completionTime !== undefined)
    return refused(
      403,
      'AttemptEnded',
      `attempt ${own.number} ended at ${own.completionTime}: ${own.reason}`,
    );
  const latest = attempts.at(-1);
  return own && latest && latest.number > own.number
    ? refused(403, 'OlderAttempt', `attempt ${own.number} was followed by attempt ${latest.number}`)
    : undefined;
}
