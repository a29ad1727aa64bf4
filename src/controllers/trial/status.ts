/** Pure: what was observed, what was decided and when → the Trial's status. */
import { isDeepStrictEqual } from 'node:util';
import { stamp } from '../../crds/conditions.ts';
import type { Outcome } from '../../wire/outcome.ts';
import { identityOf, trialName } from '../../crds/names.ts';
import { trialPrefix, TRIAL_FILES } from '../../results/keys.ts';
import { verdictOf } from '../../crds/findings.ts';
import { present } from '../../crds/present.ts';
import type { TrialActiveReason } from '../../crds/reasons.ts';
import { STATUS_STEPS_MAX } from '../../crds/trial-status.ts';
import type { Attempt, StepStatus, TrialStatus } from '../../crds/trial-status.ts';
import type { ArtifactStore } from '../../providers/artifact-store/port.ts';
import type { LogLinks } from '../../providers/log-links/port.ts';
import { adoptedFields } from './applied.ts';
import { attemptsAfter, endedAt } from './attempts.ts';
import { conditionDrafts } from './conditions.ts';
import type { Done } from './done.ts';
import { imageFields } from './images.ts';
import type { Observed } from './observed.ts';
import { regradedOf } from '../../pods/regraded.ts';
import { startedAt } from '../../pods/reading/containers.ts';
import { scheduledAt } from '../../pods/reading/waiting.ts';

/** Where people find what a Trial leaves behind: its files in the store, and its log. */
export interface Links {
  files: Pick<ArtifactStore, 'uri' | 'link'>;
  logs: LogLinks;
}

/** The status that this pass leaves behind. */
export function trialStatus(seen: Observed, done: Done, links: Links): TrialStatus {
  const { trial, now } = seen;
  const { status: before = {}, metadata } = trial;
  const { generation = 1 } = metadata;
  const outcome = 'outcome' in done ? done.outcome : undefined;
  const attempts = attemptsAfter(seen, done);
  return {
    ...before,
    observedGeneration: generation,
    conditions: stamp(conditionDrafts(seen, done), before.conditions, { generation, now }),
    ...attemptFields(attempts),
    ...imageFields(seen, done),
    ...places(seen, links),
    ...present({ regraded: regradedIn(seen) }),
    ...(attempts.length > 0 && logOf(seen, links)),
    ...(outcome && resultOf(outcome)),
    ...endOf(seen, done, outcome),
    ...(done.kind === 'adopt' && adoptedFields(done.applied, now, links.files)),
  };
}

function attemptFields(attempts: Attempt[]): TrialStatus {
  const latest = attempts.at(-1);
  return latest ? { attempts, ...present({ jobName: latest.jobName, podName: latest.podName }) } : {};
}

function places({ trial }: Observed, links: Links): TrialStatus {
  const { task, uploadResults } = trial.spec;
  return present({
    s3TaskUri: task.s3?.uri,
    s3TrialUri: uploadResults ? links.files.uri(trialPrefix(trial)) : undefined,
  });
}

/** What a regrade judges again: as it was found, else as the Job says that was made of it. */
function regradedIn(seen: Observed): TrialStatus['regraded'] {
  if (seen.need === 'inputs' && 'source' in seen && seen.source) {
    const { trial, uri, reward, rewards } = seen.source;
    return { trial, uri, ...present({ reward, rewards }) };
  }
  return seen.job.kind === 'own' ? regradedOf(seen.job.job.spec?.template.metadata?.annotations) : undefined;
}

/** Without an attempt nobody writes a log; without uploads only a log service has it. */
function logOf({ trial }: Observed, { files, logs }: Links): TrialStatus {
  const stored = trial.spec.uploadResults ? files.link(`${trialPrefix(trial)}${TRIAL_FILES.log}`) : '';
  const place = logs.trial(trialName(identityOf(trial)), stored);
  return place.url === '' ? {} : { logs: place };
}

function endOf(seen: Observed, done: Done, outcome: Outcome | undefined): TrialStatus {
  if (done.kind === 'succeed') return { finishedAt: endedAt(seen) };
  if (done.kind !== 'fail') return {};
  const exception = outcome?.exception ?? { type: done.reason, message: done.message };
  return { exception: exceptionOf(exception), finishedAt: endedAt(seen) };
}

const exceptionOf = ({ type, message }: { type: string; message: string }) => ({
  type,
  message: message.slice(0, 1024),
});

/** `reward`, `rewards` and the rest of what the courier reported. */
function resultOf(outcome: Outcome): Partial<TrialStatus> {
  const { result, exception, timings, usage, steps } = outcome;
  return {
    ...(result.kind === 'rewarded' && { reward: result.reward, rewards: result.rewards }),
    ...(exception && { exception: exceptionOf(exception) }),
    ...(steps && { steps: stepsOf(steps) }),
    timings,
    ...(usage && { usage }),
    integrity: integrityOf(outcome),
  };
}

function stepsOf({ listed, skipped = [] }: NonNullable<Outcome['steps']>): StepStatus[] {
  const ran = listed.map(({ name, result, exception }) => ({
    name,
    ...present({
      reward: result.kind === 'rewarded' ? result.reward : undefined,
      reason: result.kind === 'failed' ? result.reason : exception?.type,
    }),
  }));
  return [...ran, ...skipped.map((name) => ({ name, reason: 'NotRun' }))].slice(0, STATUS_STEPS_MAX);
}

const integrityOf = ({ findings }: Outcome): NonNullable<TrialStatus['integrity']> => ({
  verdict: verdictOf(findings),
  ...(findings.length > 0 && { findings }),
});

/** What becomes of a status: whether it is written, and after how long the Trial is looked at again, whatever happens. */
export interface Report {
  write: boolean;
  againMs?: number;
}

/** What is known beside a Trial itself. */
export interface Reporting {
  status: TrialStatus;
  /** How many Trials are in a state that passes, this one included, if every namespace has as many as its own. */
  passing: number;
}

/** A state that passes by itself is written once it has lasted so long: an attempt that starts at once needs no word in between. */
const QUIET_MS = 5000;
/** And the later the more Trials are in one: all of them together are at most two writes a second. */
const QUIET_EACH_MS = 500;
/** But no longer than this where an attempt has started. */
const QUIET_STARTED_MS = 15_000;
const PASSING: TrialActiveReason[] = [
  'Pending',
  'NetworkPending',
  'HeldByQueue',
  'Unschedulable',
  'PullingImage',
];

/** Whether `status` is worth a write now. */
export function reportOf(seen: Observed, done: Done, { status, passing }: Reporting): Report {
  const againMs = done.kind === 'wait' ? done.againMs : undefined;
  if (isSame(seen.trial.status, status)) return { write: false, ...present({ againMs }) };
  const quietMs = quietFor(seen, done, passing);
  if (quietMs <= 0) return { write: true, ...present({ againMs }) };
  return { write: false, againMs: Math.min(quietMs, againMs ?? quietMs) };
}

/** For how long nothing is to be said of this state yet. */
function quietFor(seen: Observed, done: Done, passing: number): number {
  const lasted = (from: string): number => seen.now.getTime() - Date.parse(from);
  const quietMs = Math.max(QUIET_MS, passing * QUIET_EACH_MS);
  if (isPassing(done)) return quietMs - lasted(since(seen, done));
  const begun = done.kind === 'wait' && done.reason === 'Running' && seen.pod && startedAt(seen.pod);
  // Of an attempt that is over by then, one write says all.
  return begun && quietMs > QUIET_MS ? Math.min(quietMs, QUIET_STARTED_MS) - lasted(begun) : 0;
}

/** Whether the Trial is on its way to something else, which comes without anybody's doing. */
export const isPassing = (done: Done): boolean =>
  done.kind === 'jobCreated' || (done.kind === 'wait' && PASSING.includes(done.reason));

/** When the Trial came to what it waits for now. */
const since = ({ trial, job, pod, now }: Observed, done: Done): string => {
  if (done.kind === 'jobCreated') return now.toISOString();
  const { metadata } = job.kind === 'own' ? job.job : trial;
  return (pod && scheduledAt(pod)) ?? metadata.creationTimestamp ?? now.toISOString();
};

/** Equal but for the wording: the kubelet's messages carry counters that would be written for ever. */
const isSame = (before: TrialStatus | undefined, after: TrialStatus): boolean =>
  before !== undefined && isDeepStrictEqual(unworded(before), unworded(after));

const unworded = ({ conditions, ...rest }: TrialStatus): object => ({
  ...rest,
  conditions: conditions?.map(({ type, status, reason, observedGeneration, message }) => ({
    type,
    status,
    reason,
    observedGeneration,
    // Ours, and it names what the build is doing, or what keeps the Pod from being made.
    message: reason === 'BuildingImage' || reason === 'Pending' ? message : '',
  })),
});
