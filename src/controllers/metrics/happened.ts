/** Pure: two versions of an object, and what happened between them that is counted. Times of Kubernetes are whole seconds. */
import { faultOfException } from '../../crds/agent-failures.ts';
import { conditionOf, isFinished, millisecondsOf as ms } from '../../crds/conditions.ts';
import { identityOf } from '../../crds/names.ts';
import { BUILD_FAILED, faultOf } from '../../crds/reasons.ts';
import type { Sandbox } from '../../crds/sandbox.ts';
import type { BuildAttempt, TaskBuild } from '../../crds/task-build.ts';
import { PHASES, type Attempt, type Phase, type TrialStatus } from '../../crds/trial-status.ts';
import type { Trial } from '../../crds/trial.ts';

/** Two versions of one object, and when the later one was seen. */
export interface Step<T> {
  old: T;
  now: T;
  at: Date;
}

/** `id`: it happens once to an object, whatever the watch brings again. */
interface Once {
  id: string;
}

export type TrialHappening = Once &
  (
    | { kind: 'jobCreated' | 'started'; seconds: number }
    | { kind: 'attemptEnded'; reason: string }
    | { kind: 'ended'; end: TrialEnd }
  );

export interface TrialEnd {
  result: string;
  reason: string;
  seconds: number;
  /** What came of its attempts; undefined where it had none: a result without one was earned by another Trial, and counted then. */
  work: TrialWork | undefined;
}

export interface TrialWork {
  /** Undefined where no courier reported. */
  finalizeSeconds: number | undefined;
  phases: [Phase, number][];
  reward: number | undefined;
  usage: NonNullable<TrialStatus['usage']>;
  /** Exception of the model's provider. */
  modelFailure: string | undefined;
}

const createdAt = ({ metadata }: Trial | TaskBuild | Sandbox): number => ms(metadata.creationTimestamp);

/**
 * Seconds from one time to another, 0 at least and `most` at most: times of phases come from a tenant's Pod, which could say anything, and one
 * absurd value would spoil a sum for the life of the process. Undefined where one of the times is not known.
 */
function secondsBetween(from: number, to: number, most = Infinity): number | undefined {
  const seconds = (to - from) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.min(Math.max(0, seconds), most);
}

const ended = <T extends { number: number; completionTime?: string }>(
  old: readonly T[],
  now: readonly T[],
): T[] => {
  const before = new Set(old.filter((one) => one.completionTime !== undefined).map(({ number }) => number));
  return now.filter(({ number, completionTime }) => completionTime !== undefined && !before.has(number));
};

const reasonOf = (object: Trial | TaskBuild): string => conditionOf(object, 'Succeeded')?.reason ?? '';

/** What happened to a Trial. */
export function toTrial(step: Step<Trial>): TrialHappening[] {
  const { old, now, at } = step;
  const { uid } = identityOf(now);
  const attempts = ended(old.status?.attempts ?? [], now.status?.attempts ?? []).map(
    ({ number, reason = reasonOf(now) }): TrialHappening => ({
      kind: 'attemptEnded',
      id: `${uid}/ended/${number}`,
      reason,
    }),
  );
  const isEnd = !isFinished(old) && isFinished(now);
  return [
    ...jobCreated(step),
    ...started(step),
    ...attempts,
    ...(isEnd ? [{ kind: 'ended' as const, id: `${uid}/ended`, end: endOf(now, at) }] : []),
  ];
}

function jobCreated({ old, now }: Step<Trial>): TrialHappening[] {
  const first = now.status?.attempts?.[0];
  if (first?.number !== 1 || old.status?.attempts?.[0]?.startTime !== undefined) return [];
  const seconds = secondsBetween(createdAt(now), ms(first.startTime));
  return seconds === undefined ? [] : [{ kind: 'jobCreated', id: `${identityOf(now).uid}/job`, seconds }];
}

/** Number of the attempt whose Pod has begun to work. */
function workingAttempt(trial: Trial): Attempt | undefined {
  return conditionOf(trial, 'Started')?.status === 'True' ? trial.status?.attempts?.at(-1) : undefined;
}

function started({ old, now, at }: Step<Trial>): TrialHappening[] {
  const working = workingAttempt(now);
  if (!working || workingAttempt(old)?.number === working.number) return [];
  // A short attempt is written once, at its end: then the courier tells when it began.
  const reported = isFinished(now) ? ms(now.status?.timings?.environmentSetup?.startTime) : Number.NaN;
  const begun = Number.isNaN(reported) ? at.getTime() : Math.min(reported, at.getTime());
  const seconds = secondsBetween(ms(working.startTime), begun);
  const id = `${identityOf(now).uid}/started/${working.number}`;
  return seconds === undefined ? [] : [{ kind: 'started', id, seconds }];
}

function endOf(trial: Trial, at: Date): TrialEnd {
  const { finishedAt, attempts = [] } = trial.status ?? {};
  const age = secondsBetween(createdAt(trial), at.getTime()) ?? 0;
  return {
    ...verdictOf(trial),
    seconds: secondsBetween(createdAt(trial), ms(finishedAt), age) ?? age,
    work: attempts.length > 0 ? workOf(trial.status ?? {}, { age, at }) : undefined,
  };
}

function workOf(
  { reward, usage = {}, finishedAt, timings, exception }: TrialStatus,
  { age, at }: { age: number; at: Date },
): TrialWork {
  const phases = PHASES.flatMap((phase): [Phase, number][] => {
    const { startTime, completionTime } = timings?.[phase] ?? {};
    const seconds = secondsBetween(ms(startTime), ms(completionTime), age);
    return seconds === undefined ? [] : [[phase, seconds]];
  });
  return {
    finalizeSeconds: timings && secondsBetween(ms(finishedAt), at.getTime(), age),
    phases,
    reward,
    usage,
    modelFailure: faultOfException(exception?.type) === 'model' ? exception?.type : undefined,
  };
}

/** `result`: succeeded, or whose fault it is that it did not. */
function verdictOf(trial: Trial): { result: string; reason: string } {
  const { status, reason = '', message } = conditionOf(trial, 'Succeeded') ?? {};
  return { reason, result: status === 'True' ? 'succeeded' : faultOf(reason, message) };
}

export type BuildHappening = Once &
  (
    | { kind: 'ran'; queueSeconds: number | undefined; seconds: number }
    | { kind: 'ended'; result: string; reason: string }
  );

/** What happened to a TaskBuild. */
export function toBuild({ old, now }: Step<TaskBuild>): BuildHappening[] {
  const { uid } = identityOf(now);
  const ran = ended(old.status?.attempts ?? [], now.status?.attempts ?? []).flatMap((attempt) =>
    runOf(uid, attempt),
  );
  if (isFinished(old) || !isFinished(now)) return ran;
  const reason = reasonOf(now);
  const succeeded = conditionOf(now, 'Succeeded')?.status === 'True';
  const fault = Object.hasOwn(BUILD_FAILED, reason)
    ? BUILD_FAILED[reason as keyof typeof BUILD_FAILED].fault
    : 'infrastructure';
  return [...ran, { kind: 'ended', id: `${uid}/ended`, reason, result: succeeded ? 'succeeded' : fault }];
}

/** Nothing for an attempt that the builder never ran. */
function runOf(uid: string, attempt: BuildAttempt): BuildHappening[] {
  const { number, openedTime, runningTime, completionTime } = attempt;
  const seconds = secondsBetween(ms(runningTime), ms(completionTime));
  if (seconds === undefined) return [];
  const queueSeconds = secondsBetween(ms(openedTime), ms(runningTime));
  return [{ kind: 'ran', id: `${uid}/ran/${number}`, queueSeconds, seconds }];
}

export type SandboxHappening = Once &
  ({ kind: 'ready'; from: 'image' | 'pool'; seconds: number } | { kind: 'attemptEnded'; reason: string });

/** What happened to a Sandbox. */
export function toSandbox(step: Step<Sandbox>): SandboxHappening[] {
  const { old, now } = step;
  const { uid } = identityOf(now);
  const attempts = ended(old.status?.attempts ?? [], now.status?.attempts ?? []).map(
    ({ number, reason = '' }): SandboxHappening => ({
      kind: 'attemptEnded',
      id: `${uid}/ended/${number}`,
      reason,
    }),
  );
  return [...attempts, ...becameReady(step)];
}

/** Nothing of a pool, which has no attempts. */
function becameReady({ old, now, at }: Step<Sandbox>): SandboxHappening[] {
  const latest = now.status?.attempts?.at(-1);
  if (!latest || !isReady(now) || isReady(old)) return [];
  const begun = latest.number === 1 ? createdAt(now) : ms(latest.startTime);
  const seconds = secondsBetween(begun, at.getTime());
  const id = `${identityOf(now).uid}/ready/${latest.number}`;
  return seconds === undefined
    ? []
    : [{ kind: 'ready', id, from: now.spec.poolRef ? 'pool' : 'image', seconds }];
}

const isReady = (sandbox: Sandbox): boolean => conditionOf(sandbox, 'Ready')?.status === 'True';
