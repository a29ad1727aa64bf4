/** Pure: what was observed and done → the conditions of a Trial. */
import { imagesSeen } from './images.ts';
import { rolesOf } from '../../crds/trial-status.ts';
import { conditionOf, forEverybody } from '../../crds/conditions.ts';
import type { ConditionDraft } from '../../crds/conditions.ts';
import type { TrialReason } from '../../crds/reasons.ts';
import type { Outcome } from '../../wire/outcome.ts';
import { adoptedVerdict } from './applied.ts';
import { isPause } from './attempts.ts';
import type { Done } from './done.ts';
import type { Observed } from './observed.ts';
import { startedAt } from '../../pods/reading/containers.ts';

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

/** The conditions that this pass leaves behind. */
export function conditionDrafts(seen: Observed, done: Done): ConditionDraft[] {
  const outcome = 'outcome' in done ? done.outcome : undefined;
  const [status, why] = verdict(done);
  const ofAttempt = () => [
    imageReady(seen, done),
    started(seen, outcome),
    ...(outcome ? phaseDrafts(outcome) : []),
  ];
  return [
    ...(done.kind === 'adopt' ? done.applied.conditions : ofAttempt()),
    ...forEverybody(draft('Succeeded', status, why)),
  ];
}

function imageReady(seen: Observed, done: Done): ConditionDraft {
  const images = imagesSeen(seen);
  const kinds = images ? rolesOf(images).map(([, { kind }]) => kind) : [];
  const areReady = kinds.length > 0 && kinds.every((kind) => kind === 'ready');
  if (seen.job.kind === 'own' || seen.recorded || areReady)
    return draft('ImageReady', 'True', ['Resolved', 'the image exists']);
  if (done.kind === 'fail' && kinds.includes('failed'))
    return draft('ImageReady', 'False', [done.reason, done.message]);
  return draft(
    'ImageReady',
    'Unknown',
    'reason' in done ? [done.reason, done.message] : ['Pending', 'not looked at yet'],
  );
}

function started({ pod, recorded, trial }: Observed, outcome: Outcome | undefined): ConditionDraft {
  const before = conditionOf(trial, 'Started');
  const since = pod && startedAt(pod);
  if (since !== undefined || outcome)
    return draft('Started', 'True', ['PodStarted', 'the task container was started']);
  if (recorded && before?.status === 'True') return draft('Started', 'True', [before.reason, before.message]);
  return draft('Started', 'False', ['NotStarted', 'the task container has not been started']);
}

const phaseDrafts = (outcome: Outcome): ConditionDraft[] => [
  ...networkRestricted(outcome),
  agentFinished(outcome),
  verified(outcome),
  uploaded(outcome),
];

function networkRestricted({ network }: Outcome): ConditionDraft[] {
  if (!network) return [];
  if (network.enforced)
    return [
      draft('NetworkRestricted', 'True', ['PolicyEnforced', 'the cluster enforces the Pod’s network policy']),
    ];
  const message = 'the Pod reached a port that its network policy closes: the cluster enforces none';
  return [draft('NetworkRestricted', 'False', ['PolicyNotEnforced', message])];
}

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
  isPause(reason) ? reason : 'Retrying',
  `${reason}: ${message}`,
];

function verdict(done: Done): [ConditionDraft['status'], [TrialReason, string]] {
  switch (done.kind) {
    case 'adopt':
      return adoptedVerdict(done.applied);
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
