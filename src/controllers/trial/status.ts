/** Pure: what was observed, what was decided and when → the Trial's status. */
import { stamp, timestamp } from '../../crds/conditions.ts';
import type { ConditionDraft } from '../../crds/conditions.ts';
import type { Outcome } from '../../wire/outcome.ts';
import { ANNOTATION, identityOf, jobName, trialName, trialPrefix } from '../../crds/names.ts';
import { present } from '../../crds/present.ts';
import type { TrialReason } from '../../crds/reasons.ts';
import type { Attempt, TrialStatus } from '../../crds/trial-status.ts';
import type { Job } from '../../kube/kinds.ts';
import type { ArtifactStore } from '../../providers/artifact-store/port.ts';
import type { LogLinks } from '../../providers/log-links/port.ts';
import type { Observed } from './observed.ts';
import type { Done } from './decide.ts';
import { courierEndedAt, startedAt } from './pod.ts';

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
    conditions: stamp(drafts(seen, done, outcome), before.conditions, { generation, now }),
    ...attemptFields(attempts),
    ...imageOf(seen, done),
    ...places(seen, links),
    ...(attempts.length > 0 && logOf(seen, links)),
    ...(outcome && resultOf(outcome)),
    ...endOf(seen, done, outcome),
  };
}

/** The schema's bound. Attempts that failed are fewer; suspensions are not bounded, so of these the oldest go. */
const ATTEMPTS_MAX = 32;

function bounded(attempts: Attempt[]): Attempt[] {
  if (attempts.length <= ATTEMPTS_MAX) return attempts;
  const oldest = attempts.findIndex(({ reason }) => reason === 'Suspended');
  return bounded(attempts.toSpliced(oldest, 1));
}

function attemptFields(all: Attempt[]): TrialStatus {
  const attempts = bounded(all);
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

/** Without an attempt nobody writes a log; without uploads only a log service has it. */
function logOf({ trial }: Observed, { files, logs }: Links): TrialStatus {
  const stored = trial.spec.uploadResults ? files.link(`${trialPrefix(trial)}trial.log`) : '';
  const place = logs.trial(trialName(identityOf(trial)), stored);
  return place.url === '' ? {} : { logs: place };
}

/** The courier's, where it had its say: whoever decides again, because the first decision was not taken, says and stores the same. */
const endedAt = ({ pod, outcome, now }: Observed): string =>
  (outcome && pod && courierEndedAt(pod)) ?? timestamp(now);

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

function imageOf(seen: Observed, done: Done): Pick<TrialStatus, 'image' | 'imageDigest' | 'taskBuild'> {
  if (seen.image.kind === 'ready') {
    const { reference, digest, taskBuild } = seen.image.image;
    return present({ image: reference, imageDigest: digest, taskBuild });
  }
  if (seen.image.kind === 'building') return { taskBuild: seen.image.taskBuild };
  if (done.kind === 'buildCreated') return { taskBuild: done.taskBuild };
  return seen.job.kind === 'own' ? imageOfJob(seen.job.job) : {};
}

/** The Job outlives the operator that knew the image; it tells. */
function imageOfJob({ metadata, spec }: Job): Pick<TrialStatus, 'image' | 'imageDigest' | 'taskBuild'> {
  const image = spec?.template.spec?.containers[0]?.image;
  const taskBuild = metadata.annotations?.[ANNOTATION.taskBuildName];
  return present({ image, imageDigest: image?.slice(image.indexOf('@') + 1), taskBuild });
}

function attemptsAfter(seen: Observed, done: Done): Attempt[] {
  const attempts = seen.trial.status?.attempts ?? [];
  const closed = seen.recorded ? attempts.slice(0, -1) : attempts;
  const open = openAttempt(seen);
  if (!open) return attempts;
  const at = endedAt(seen);
  switch (done.kind) {
    case 'endAttempt':
    case 'fail':
      return [
        ...closed,
        { ...open, completionTime: at, reason: done.reason, message: done.message.slice(0, 1024) },
      ];
    case 'succeed': {
      // A suspension that came too late.
      const { reason: _, ...obtained } = open;
      return [...closed, { ...obtained, completionTime: at }];
    }
    case 'recordStop':
      return [...closed, done.because === 'Suspended' ? { ...open, reason: done.because } : open];
    default:
      return [...closed, open];
  }
}

/** The attempt under way, with everything known of it; undefined where no Job was made for it. */
function openAttempt({ trial, attempt, recorded, job, pod, outcome }: Observed): Attempt | undefined {
  if (!recorded && !outcome && job.kind !== 'own') return undefined;
  return {
    number: attempt,
    jobName: jobName(trial.metadata.name, attempt),
    ...(job.kind === 'own' && ofJob(job.job)),
    ...recorded,
    ...present({ podName: pod?.metadata.name, nodeName: pod?.spec?.nodeName }),
  };
}

const ofJob = ({ metadata: { creationTimestamp, annotations = {} } }: Job): Partial<Attempt> =>
  present({ startTime: creationTimestamp, taskContent: annotations[ANNOTATION.taskContent] });

/** `reward`, `rewards` and the rest of what the courier reported. */
function resultOf(outcome: Outcome): Partial<TrialStatus> {
  const { result, exception, timings, usage } = outcome;
  return {
    ...(result.kind === 'rewarded' && { reward: result.reward, rewards: result.rewards }),
    ...(exception && { exception: exceptionOf(exception) }),
    timings,
    ...(usage && { usage }),
    integrity: integrityOf(outcome),
  };
}

function integrityOf({ integrity, doubts = [] }: Outcome): NonNullable<TrialStatus['integrity']> {
  const all = [...doubts, ...integrity].slice(0, FINDINGS_MAX);
  if (integrity.length > 0) return { verdict: 'Suspicious', findings: all };
  return all.length > 0 ? { verdict: 'Unknown', findings: all } : { verdict: 'Clean' };
}

/** As many as the API takes. */
const FINDINGS_MAX = 16;

const draft = (
  type: string,
  status: ConditionDraft['status'],
  [reason, message]: [string, string],
): ConditionDraft => ({
  type,
  status,
  reason,
  message,
});

function drafts(seen: Observed, done: Done, outcome: Outcome | undefined): ConditionDraft[] {
  return [
    imageReady(seen, done),
    started(seen, outcome),
    ...(outcome ? phaseDrafts(outcome) : []),
    draft('Succeeded', ...verdict(done)),
  ];
}

function imageReady(seen: Observed, done: Done): ConditionDraft {
  if (seen.job.kind === 'own' || seen.recorded || seen.image.kind === 'ready')
    return draft('ImageReady', 'True', ['Resolved', 'the image exists']);
  const failed = done.kind === 'fail' && seen.image.kind === 'failed';
  if (failed) return draft('ImageReady', 'False', [done.reason, done.message]);
  return draft(
    'ImageReady',
    'Unknown',
    'reason' in done ? [done.reason, done.message] : ['Pending', 'not looked at yet'],
  );
}

function started({ pod, recorded, trial }: Observed, outcome: Outcome | undefined): ConditionDraft {
  const before = trial.status?.conditions?.find(({ type }) => type === 'Started');
  const since = pod && startedAt(pod);
  if (since !== undefined || outcome)
    return draft('Started', 'True', ['PodStarted', 'the task container was started']);
  if (recorded && before?.status === 'True') return draft('Started', 'True', [before.reason, before.message]);
  return draft('Started', 'False', ['NotStarted', 'the task container has not been started']);
}

const phaseDrafts = (outcome: Outcome): ConditionDraft[] => [
  agentFinished(outcome),
  verified(outcome),
  uploaded(outcome),
];

function agentFinished({ result, exception, timings }: Outcome): ConditionDraft {
  const trouble = exception?.phase === 'agentExecution' ? exception : undefined;
  // A failure in this phase ended the attempt; anything else that went wrong with the agent was judged all the same.
  const ran = timings.agentExecution?.completionTime !== undefined && !(trouble && result.kind === 'failed');
  const why: [string, string] = trouble
    ? [trouble.type.slice(0, 64), trouble.message]
    : ['Completed', 'the agent ran to its end'];
  if (ran) return draft('AgentFinished', 'True', why);
  return draft('AgentFinished', 'False', trouble ? why : ['NotRun', 'the agent was not run']);
}

function verified({ result }: Outcome): ConditionDraft {
  switch (result.kind) {
    case 'rewarded':
      if (result.obstructed !== undefined)
        return draft('Verified', 'False', ['VerifierObstructed', result.obstructed]);
      return draft('Verified', 'True', ['RewardObtained', `reward ${result.reward}`]);
    case 'unverified':
      return draft('Verified', 'False', ['VerifierDisabled', 'spec.verifier.disabled is true']);
    case 'failed':
      return draft('Verified', 'False', [result.reason, result.message]);
    default:
      return result satisfies never;
  }
}

function uploaded({ stored }: Outcome): ConditionDraft {
  if (!stored) return draft('Uploaded', 'False', ['NotStored', 'no files were stored']);
  return draft('Uploaded', 'True', [
    'Stored',
    `${stored.files} files, ${stored.bytes} bytes, ${stored.skipped} skipped`,
  ]);
}

function success({ result, exception }: Outcome): [TrialReason, string] {
  if (result.kind !== 'rewarded') return ['VerifierDisabled', 'the agent ran; no verifier was wanted'];
  if (result.obstructed !== undefined) return ['VerifierObstructed', `${result.obstructed}; the reward is 0`];
  const aside = exception ? `; ${exception.type}: ${exception.message}` : '';
  return ['RewardObtained', `reward ${result.reward}${aside}`];
}

const afterAttempt = ({ reason, message }: Done & { kind: 'endAttempt' }): [TrialReason, string] => [
  reason === 'Suspended' ? 'Suspended' : 'Retrying',
  `${reason}: ${message}`,
];

function verdict(done: Done): [ConditionDraft['status'], [TrialReason, string]] {
  switch (done.kind) {
    case 'succeed':
      return ['True', success(done.outcome)];
    case 'fail':
      return ['False', [done.reason, done.message]];
    case 'endAttempt':
      return ['Unknown', afterAttempt(done)];
    case 'wait':
      return ['Unknown', [done.reason, done.message]];
    case 'buildCreated':
      return ['Unknown', ['BuildingImage', `TaskBuild ${done.taskBuild}: Pending`]];
    case 'recordStop':
    case 'stop':
      return ['Unknown', ['Stopping', 'the Pod is being ended']];
    case 'jobCreated':
      return ['Unknown', ['Pending', 'the Job was created']];
    default:
      return done satisfies never;
  }
}
