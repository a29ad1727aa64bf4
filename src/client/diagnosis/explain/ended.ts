/** Pure: why a Trial ended as it did. */
import { faultOf, type TrialDoneReason, type TrialFailedReason } from '../../../crds/reasons.ts';
import { refusalOf } from '../../../pods/reading/refusal.ts';
import { OPERATOR_LOG } from '../../../installation/names.ts';
import { agentFailureExplained } from './agent-failures.ts';
import { buildExplained, imageExplained } from './build.ts';
import { askedAmount, type Evidence, type Explained } from './evidence.ts';
import { podExplained } from './pod.ts';
import { schedulingExplained } from './scheduling.ts';

type Advice = (evidence: Evidence & { message: string }) => Explained[];

const say =
  (why: string, ...next: string[]): Advice =>
  () => [{ why: [why], next }];

const INFRA = 'sb run rerun <run> --only infra';
const TESTS = 'sb trial logs <trial> --phase verifier';
const SETUP = 'sb trial logs <trial> --phase setup';
const AGENT = 'sb trial logs <trial> --phase agent';
const RERUN_THIS = 'sb run rerun <run> --only error=<reason>';
const DEBUG = 'sb trial debug <trial>    (a copy of its container, with a shell)';

/** What an infrastructure failure says of every attempt. */
const attempts =
  (why: string, ...next: string[]): Advice =>
  ({ trial }) => {
    const all = trial.status?.attempts ?? [];
    const nodes = [...new Set(all.flatMap(({ nodeName }) => nodeName ?? []))];
    return [
      {
        why: [
          `${why}, in ${all.length} of at most ${trial.spec.maxAttempts} attempts`,
          ...all.map(
            ({ number, nodeName, reason, message }) =>
              `attempt ${number}${nodeName === undefined ? '' : ` on ${nodeName}`}: ${[reason, message].filter(Boolean).join(': ')}`,
          ),
        ],
        next: [INFRA, ...next, ...nodes.slice(0, 3).map((node) => `kubectl describe node ${node}`)],
      },
    ];
  };

export const DONE_ADVICE: Record<TrialDoneReason, Advice> = {
  RewardObtained: ({ trial }) => {
    const { reward, exception } = trial.status ?? {};
    const failure = agentFailureExplained(trial);
    if (failure)
      return [{ why: [`the tests gave it reward ${reward}`], next: [] }, failure, { why: [], next: [TESTS] }];
    const aside = exception ? [`also: ${exception.type}: ${exception.message}`] : [];
    if ((reward ?? 0) >= 1 && aside.length === 0)
      return [{ why: ['the tests gave it full reward'], next: ['nothing to do'] }];
    return [
      {
        why: [`the tests gave it reward ${reward}; this is a result, not a failure`, ...aside],
        next: [TESTS, AGENT],
      },
    ];
  },
  AlreadyRan: ({ trial, message }) => [
    {
      why: [message, ...(trial.status?.reward === undefined ? [] : [`the reward is ${trial.status.reward}`])],
      next: [
        'sb trial logs <trial>    (of the Trial that ran)',
        'to run it again, create it with spec.rerun: Always, or with another spec.run',
      ],
    },
    ...[agentFailureExplained(trial) ?? []].flat(),
  ],
  VerifierDisabled: ({ trial }) => [
    { why: ['the agent ran; the verifier is disabled (spec.verifier.disabled)'], next: [AGENT] },
    ...[agentFailureExplained(trial) ?? []].flat(),
  ],
  VerifierObstructed: ({ message }) => [
    {
      why: [`${message}; this counts as reward 0 and is not retried`],
      next: [AGENT, 'sb trial logs <trial>    (what the courier tried)'],
    },
  ],
};

export const FAILED_ADVICE: Record<TrialFailedReason, Advice> = {
  Cancelled: say('someone cancelled it', RERUN_THIS),
  StartTimeout: (evidence) => [
    ...startTimeout(evidence),
    { why: [], next: ['sb run rerun <run> --only infra    (when there is room)'] },
  ],
  ImageNotFound: say(
    'the registry has no image of that name',
    'correct docker_image in task.toml, or environment.image',
    'sb cloud run --force-build    (where it was built, and then removed)',
  ),
  ImageAccessDenied: say(
    'the registry refuses to show the image to the operator',
    'give the operator’s role, or the registry login, the right to read it',
    INFRA,
  ),
  ImagePullFailed: ({ message, ...evidence }) => [
    ...podOr(evidence, imageExplained(message)),
    { why: [], next: [INFRA] },
  ],
  BuildFailed: ({ build, message }) => [
    buildExplained(build) ?? {
      why: ['its image could not be built'],
      next: ['sb trial logs <trial> --phase build'],
    },
    ...(faultOf('BuildFailed', message) === 'infrastructure' ? [{ why: [], next: [INFRA] }] : []),
  ],
  BuildNotFound: say(
    'environment.buildRef names a TaskBuild that does not exist',
    'kubectl get taskbuilds    (then run it again with sb cloud run)',
  ),
  TaskNotFound: say(
    'the task’s files are not at the location in the Trial',
    'run it again with sb cloud run, which uploads them',
    'aws s3 ls <the URI of the message>',
  ),
  TaskInvalid: say(
    'the task breaks the task format, or an older sb stored it',
    'sb task check <folder>',
    'sb task push <folder>    (stores its metadata.json anew)',
  ),
  TaskMismatch: say(
    'the task’s files do not match the version in the Trial',
    'run it again with sb cloud run, which uploads them under their own version',
    'sb task hash <folder>    (the version of what is on this disk)',
  ),
  TaskUnsupported: say(
    'the task needs a feature that this version does not support',
    'sb task check <folder>    (names the feature)',
  ),
  SourceNotFound: say(
    'there are no results of a Trial of this namespace where spec.regrade says',
    'sb run show <run>    (which Trials there are)',
    'give spec.regrade.s3.uri    (the status.s3TrialUri of a Trial that was deleted)',
  ),
  SourceNotFinished: say(
    'the Trial that is to be regraded has not ended yet',
    'sb trial regrade <trial>    (again, once it has)',
  ),
  SourceUnusable: say(
    'what is stored of the Trial cannot be judged again as it was',
    'sb run rerun <run>    (with the agent)',
  ),
  SourceMismatch: say(
    'the Trial was another task’s, or had another agent, other steps or other artifacts',
    'sb trial show <trial>    (what it ran)',
    'sb run rerun <run>    (with the agent)',
  ),
  SecretNotFound: say(
    'a Secret or key that a variable refers to does not exist',
    'kubectl get secrets    (sb cloud run --env-file or --ae makes it by itself)',
  ),
  JobRejected: ({ message }) => [rejected(message)],
  NameConflict: say(
    'another owner’s Job, or another TaskBuild, has the name that this Trial needs',
    'kubectl delete job <job>    (or run it under another --run-name; the TaskBuild that the message names)',
  ),
  PolicyNotEnforced: say(
    'the Trial demands a network that the cluster does not keep it to',
    'sb doctor    (whether the cluster enforces network policies)',
    'set environment.network.enforcement to BestEffort    (then it runs, and its result says so)',
  ),
  HealthcheckFailed: say(
    'a healthcheck of the task never passed, or one of its services ended',
    'sb trial logs <trial>    (what the image’s entrypoint and the services say)',
    DEBUG,
  ),
  StepSetupFailed: say(
    'the files of a step could not be put into the working directory, or its setup.sh failed',
    'look at setup.sh in steps/<step>/workdir/ of the task',
    'sb trial logs <trial>    (what it wrote)',
  ),
  AgentSetupFailed: say('the agent’s install script failed', SETUP, DEBUG),
  AgentSetupTimeout: say(
    'the agent’s install script took too long',
    'sb cloud run … --agent-setup-timeout-multiplier 2',
    SETUP,
  ),
  VerifierTimeout: say('the tests took too long', 'sb cloud run … --verifier-timeout-multiplier 2', TESTS),
  RewardMissing: say('the tests ended without writing a reward: did they get that far?', TESTS, DEBUG),
  RewardEmpty: say('the tests wrote an empty reward file', TESTS),
  RewardUnparsable: say('the reward file is neither a number nor JSON', TESTS),
  RewardNotFinite: say('the tests wrote NaN or an infinite reward', TESTS),
  RewardInvalid: say('the reward file is not a flat object of numbers, or not a regular file', TESTS),
  OOMKilled: (evidence) => [
    {
      why: [
        `the container used more memory than its limit of ${askedAmount(evidence, 'limits', 'memory') ?? 'the node'}`,
      ],
      next: ['sb cloud run … --memory <more>, or memory in task.toml', AGENT],
    },
  ],
  EphemeralStorageExceeded: (evidence) => [
    {
      why: [
        `the Pod wrote more than its limit of ${askedAmount(evidence, 'limits', 'ephemeral-storage') ?? 'disk'}`,
      ],
      next: ['sb cloud run … --storage <more>, or storage in task.toml', AGENT],
    },
  ],
  TaskContainerExited: say(
    'something in the container ended its first process',
    'sb trial logs <trial>',
    DEBUG,
  ),
  Evicted: attempts('the node or the scheduler evicted the Pod'),
  NodeLost: attempts('the node stopped answering', 'kubectl get nodes'),
  PodLost: attempts('the Pod disappeared without a result'),
  CourierFailed: attempts(
    'the courier beside the container could not do its work',
    'sb trial logs <trial>',
    OPERATOR_LOG,
    'sb doctor',
  ),
  UploadFailed: attempts('the results could not be stored', 'sb doctor'),
};

/** The Pod may be gone by now; the operator's message quotes what it waited for. */
function startTimeout({ message, ...evidence }: Evidence & { message: string }): Explained[] {
  const { startTimeoutSeconds } = evidence.trial.spec;
  const first: Explained = { why: [`its Pod did not start within ${startTimeoutSeconds} s`], next: [] };
  const found = podExplained(evidence);
  return [first, ...(found.length > 0 ? found : schedulingExplained(message, evidence))];
}

const podOr = (evidence: Evidence, otherwise: Explained): Explained[] => {
  const found = podExplained(evidence);
  return found.length > 0 ? found : [otherwise];
};

function rejected(message: string): Explained {
  if (refusalOf(message).why === 'Quota')
    return {
      why: ['a quota of the namespace forbids another Job'],
      next: ['kubectl describe resourcequota', INFRA],
    };
  return {
    why: ['the API server, a policy or Pod Security refuses the Job; the message is its own'],
    next: ['fix what it names', INFRA],
  };
}
