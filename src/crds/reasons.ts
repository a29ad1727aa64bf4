/** The closed lists of condition reasons. Every word here is API: scripts compare it. */

/** Why a Trial has no result yet (`Succeeded` is Unknown). */
export const TRIAL_ACTIVE = {
  Pending: 'accepted, not processed yet',
  Suspended: 'spec.suspend is true',
  BuildingImage: 'its TaskBuild has not ended',
  RegistryUnavailable: 'the registry does not answer; the operator retries with backoff',
  NetworkPending: 'the network policies of its namespace are not in place yet',
  BudgetExceeded: 'the budget of its namespace is spent; it starts with a higher one, or with the next month',
  HeldByQueue: 'a queue (Kueue) has not admitted its Job',
  Unschedulable: 'no node has room for its Pod',
  PullingImage: 'the kubelet is preparing the containers',
  Running: 'the phases are running',
  Retrying: 'an infrastructure failure ended an attempt; the operator retries after a pause',
  Stopping: 'the Pod is being stopped',
} as const;

/** Why a Trial has its result (`Succeeded` is True). */
export const TRIAL_DONE = {
  RewardObtained: 'the verifier left a reward',
  AlreadyRan: 'a Trial of the same name and spec ended with this result before; nothing was run again',
  VerifierDisabled: 'the agent ran; spec.verifier.disabled is true',
  VerifierObstructed: 'the agent’s container kept the verifier from running; the reward is 0',
} as const;

/**
 * Whose fault a failure is, the difference between data and a run that has to be repeated. `agent`: it had its try and spoilt it ·
 * `verifier`: the tests left no reward · `definition`: task, image or Secret are wrong, so the agent never ran · `infrastructure`: cluster,
 * node, builder or store · `model`: the model's provider · `user`: somebody cancelled it.
 */
export const FAULTS = ['agent', 'verifier', 'definition', 'infrastructure', 'model', 'user'] as const;
export type Fault = (typeof FAULTS)[number];

/** What is known of a reason to fail, of Trials and TaskBuilds alike. */
interface FailedReason {
  /** It earns another attempt. */
  retried: boolean;
  fault: Fault;
  means: string;
}

/** Why a Trial ended without a result (`Succeeded` is False). */
export const TRIAL_FAILED = {
  Cancelled: { retried: false, fault: 'user', means: 'spec.cancel was true' },
  StartTimeout: {
    retried: false,
    fault: 'infrastructure',
    means: 'the Pod, or the container of a separate verifier, did not start within startTimeoutSeconds',
  },
  ImageNotFound: { retried: false, fault: 'definition', means: 'the registry has no such image' },
  ImageAccessDenied: {
    retried: false,
    fault: 'infrastructure',
    means: 'the registry refuses to show the image',
  },
  ImagePullFailed: {
    retried: false,
    fault: 'infrastructure',
    means: 'the kubelet could not pull the image within startTimeoutSeconds',
  },
  BuildFailed: { retried: false, fault: 'definition', means: 'the TaskBuild failed' },
  BuildNotFound: { retried: false, fault: 'definition', means: 'environment.buildRef names no TaskBuild' },
  TaskNotFound: {
    retried: false,
    fault: 'definition',
    means: 'the task’s ConfigMap or S3 object does not exist, or its namespace may not read it',
  },
  TaskInvalid: {
    retried: false,
    fault: 'definition',
    means: 'the task breaks the task format, or its metadata.json cannot be used',
  },
  TaskMismatch: {
    retried: false,
    fault: 'definition',
    means: 'the task’s files do not match the version in the Trial, or those of its first attempt',
  },
  TaskUnsupported: {
    retried: false,
    fault: 'definition',
    means: 'the task needs a feature that this version does not support',
  },
  SourceNotFound: {
    retried: false,
    fault: 'definition',
    means: 'spec.regrade names no Trial of the namespace, and no results of one',
  },
  SourceNotFinished: {
    retried: false,
    fault: 'definition',
    means: 'the Trial that spec.regrade names has not ended yet',
  },
  SourceUnusable: {
    retried: false,
    fault: 'definition',
    means: 'what is stored of the Trial that spec.regrade names cannot be judged again',
  },
  SourceMismatch: {
    retried: false,
    fault: 'definition',
    means:
      'the Trial that spec.regrade names had another task, agent, steps or artifacts, or is of the same run',
  },
  SecretNotFound: {
    retried: false,
    fault: 'definition',
    means: 'a Secret or key that env refers to does not exist',
  },
  JobRejected: {
    retried: false,
    fault: 'infrastructure',
    means: 'the API server refuses the Job or its Pod',
  },
  NameConflict: {
    retried: false,
    fault: 'infrastructure',
    means: 'another owner’s Job, or another TaskBuild, has the name that this Trial needs',
  },
  PolicyNotEnforced: {
    retried: false,
    fault: 'infrastructure',
    means: 'environment.network.enforcement is Required, and the cluster does not enforce network policies',
  },
  HealthcheckFailed: { retried: false, fault: 'definition', means: 'the healthcheck did not pass' },
  StepSetupFailed: {
    retried: false,
    fault: 'definition',
    means: 'the files of a step could not be put in place, or its setup.sh failed',
  },
  AgentSetupFailed: { retried: false, fault: 'agent', means: 'the agent’s install script failed' },
  AgentSetupTimeout: {
    retried: false,
    fault: 'agent',
    means: 'the agent’s install script exceeded setupTimeoutSeconds',
  },
  VerifierTimeout: { retried: false, fault: 'verifier', means: 'the verifier exceeded its timeout' },
  RewardMissing: {
    retried: false,
    fault: 'verifier',
    means: 'the verifier wrote neither reward.json nor reward.txt',
  },
  RewardEmpty: { retried: false, fault: 'verifier', means: 'the reward file is empty' },
  RewardUnparsable: {
    retried: false,
    fault: 'verifier',
    means: 'the reward file is neither JSON nor a number',
  },
  RewardNotFinite: { retried: false, fault: 'verifier', means: 'a reward is NaN or infinite' },
  RewardInvalid: {
    retried: false,
    fault: 'verifier',
    means: 'the reward file is not a flat object of numbers, or not a regular file',
  },
  OOMKilled: { retried: false, fault: 'agent', means: 'the task container exceeded its memory limit' },
  EphemeralStorageExceeded: {
    retried: false,
    fault: 'agent',
    means: 'the Pod used more disk than its limit',
  },
  TaskContainerExited: {
    retried: false,
    fault: 'agent',
    means: 'the task container ended before its phases',
  },
  Evicted: { retried: true, fault: 'infrastructure', means: 'the node or the scheduler evicted the Pod' },
  NodeLost: { retried: true, fault: 'infrastructure', means: 'the node stopped answering' },
  PodLost: { retried: true, fault: 'infrastructure', means: 'the Pod disappeared without a result' },
  CourierFailed: { retried: true, fault: 'infrastructure', means: 'the courier could not do its work' },
  UploadFailed: { retried: true, fault: 'infrastructure', means: 'the results could not be stored' },
} as const satisfies Record<string, FailedReason>;

export type TrialActiveReason = keyof typeof TRIAL_ACTIVE;
export type TrialDoneReason = keyof typeof TRIAL_DONE;
export type TrialFailedReason = keyof typeof TRIAL_FAILED;
export type TrialReason = TrialActiveReason | TrialDoneReason | TrialFailedReason;

/** Whether a Trial with that reason has a result and, where something went wrong all the same, an exception that says what. */
export const hasResult = (reason: string): boolean =>
  ['RewardObtained', 'VerifierDisabled', 'AlreadyRan'].includes(reason);

/** Whether a failure earns another attempt: infrastructure failure is not agent failure. */
export const isRetried = (reason: TrialFailedReason): boolean => TRIAL_FAILED[reason].retried;

/** Why a TaskBuild has not ended. */
export const BUILD_ACTIVE = {
  Pending: 'accepted, not processed yet',
  WaitingForSlot:
    'the operator’s limit of concurrent builds is reached; namespaces take turns, each with its oldest build first',
  QuotaExceeded: 'the builder’s quota is used up; the operator retries with backoff',
  BuilderNotAnswering: 'the builder does not accept the build; the operator retries with backoff',
  Queued: 'the builder has the build and has not started it',
  Building: 'the build is running',
  Retrying: 'the builder failed, not the Dockerfile; the operator retries after a pause',
  RegistryUnavailable: 'the registry does not answer; the operator retries with backoff',
} as const;

/** How a TaskBuild ended well. */
export const BUILD_DONE = {
  Built: 'the image was built and pushed',
  ImageExists: 'the image already existed',
} as const;

/** Why a TaskBuild failed. */
export const BUILD_FAILED = {
  Cancelled: { retried: false, fault: 'user', means: 'spec.cancelled is true' },
  ContextNotFound: {
    retried: false,
    fault: 'definition',
    means: 'the context’s ConfigMap or S3 object does not exist, or its namespace may not read it',
  },
  ContextMismatch: {
    retried: false,
    fault: 'definition',
    means: 'the context’s SHA-256 differs from the one in the spec',
  },
  DockerfileFailed: {
    retried: false,
    fault: 'definition',
    means: 'a step of the Dockerfile failed, or it does not parse',
  },
  BaseImageNotFound: {
    retried: false,
    fault: 'definition',
    means: 'a FROM image does not exist',
  },
  FrontendNotFound: {
    retried: false,
    fault: 'definition',
    means: 'the image of the Dockerfile’s # syntax line does not exist',
  },
  BaseImageRateLimited: {
    retried: true,
    fault: 'infrastructure',
    means: 'the registry of a FROM image limits pulls',
  },
  PushDenied: { retried: false, fault: 'infrastructure', means: 'the registry refuses the image' },
  RepositoryNotAllowed: {
    retried: false,
    fault: 'definition',
    means: 'the operator does not push to spec.repository',
  },
  TagImmutable: {
    retried: true,
    fault: 'infrastructure',
    means: 'another client pushed the same tag; the next attempt uses another tag',
  },
  QueueTimeout: {
    retried: false,
    fault: 'infrastructure',
    means: 'the build did not start within queueTimeoutSeconds; tried again on CodeBuild alone',
  },
  BuildTimeout: { retried: false, fault: 'infrastructure', means: 'the build exceeded timeoutSeconds' },
  BuildStopped: {
    retried: false,
    fault: 'infrastructure',
    means: 'someone stopped the build in the builder',
  },
  BuilderUnavailable: {
    retried: true,
    fault: 'infrastructure',
    means: 'the builder does not answer or lost the build',
  },
  BuilderFault: {
    retried: true,
    fault: 'infrastructure',
    means: 'the builder failed and ended the build',
  },
  BuilderAccessDenied: {
    retried: false,
    fault: 'infrastructure',
    means: 'the builder denies access; the message names the missing permission',
  },
  BuilderNotFound: {
    retried: false,
    fault: 'infrastructure',
    means: 'the builder’s project, bucket or login does not exist',
  },
  BuildRejected: { retried: false, fault: 'definition', means: 'the builder can never run this build' },
  BackendNotConfigured: {
    retried: false,
    fault: 'infrastructure',
    means: 'this operator does not have the builder in spec.backend',
  },
} as const satisfies Record<string, FailedReason>;

export type BuildActiveReason = keyof typeof BUILD_ACTIVE;
export type BuildDoneReason = keyof typeof BUILD_DONE;
export type BuildFailedReason = keyof typeof BUILD_FAILED;
export type BuildReason = BuildActiveReason | BuildDoneReason | BuildFailedReason;

/** How the operator begins the message of BuildFailed. */
const OF_BUILD = /^TaskBuild \S+: ([A-Za-z]+)(?::|$)/;

/**
 * Whose fault it is that a Trial failed. A failed build is the fault that its own reason, in the message, is. Of a reason that this version
 * does not know, the safe answer is that the Trial has to be repeated.
 */
export function faultOf(reason: string, message = ''): Fault {
  if (!isOf(TRIAL_FAILED, reason)) return 'infrastructure';
  const ofBuild = reason === 'BuildFailed' ? (OF_BUILD.exec(message)?.[1] ?? '') : '';
  return isOf(BUILD_FAILED, ofBuild) ? BUILD_FAILED[ofBuild].fault : TRIAL_FAILED[reason].fault;
}

const isOf = <Table extends object>(table: Table, reason: string): reason is keyof Table & string =>
  Object.hasOwn(table, reason);
