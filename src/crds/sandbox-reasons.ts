/** The closed lists of reasons of a Sandbox’s conditions `Ready` and `Suspended`. Every word here is API: scripts compare it. */
import { conditionOf, type Condition } from './conditions.ts';

/** Why a Sandbox is ready (`Ready` is True). */
export const SANDBOX_READY = {
  Ready: 'commands can be run; of a pool: a Pod can be taken, or none is asked for',
} as const;

/** Why a Sandbox is not ready yet (`Ready` is False): it becomes ready when what is named passes. */
export const SANDBOX_WAITING = {
  Pending: 'accepted, not processed yet',
  BuildingImage: 'its TaskBuild has not ended',
  RegistryUnavailable: 'the registry does not answer; the operator retries with backoff',
  NetworkPending: 'the network policies of its namespace are not in place yet',
  VolumePending: 'a volume has no disk yet, or the node does not mount it',
  Unschedulable: 'no node has room for its Pod',
  PullingImage: 'the kubelet is preparing the containers',
  ImagePullBackOff: 'the kubelet cannot pull the image; it retries',
  CreateContainerConfigError: 'a Secret or key that env refers to does not exist; the kubelet retries',
  CreateContainerError: 'the container runtime cannot start the container; the kubelet retries',
  CrashLoopBackOff: 'the courier beside the container ends again and again; the kubelet retries',
  FillingPool: 'of a pool: no Pod is ready yet',
  Retrying: 'its Pod was lost; the operator makes another after a pause',
  Stopping: 'the Pod is being stopped',
} as const;

/** Why nothing runs, as the spec asks (`Suspended` is True, and there is no `Ready`). */
export const SANDBOX_SUSPENDED = {
  Suspended: 'spec.operatingMode is Suspended',
  Expired: 'ttlSeconds or deadline have passed; extending them starts it again',
  IdleTimeout: 'nobody used it for idleTimeoutSeconds; suspending and resuming it starts it again',
} as const;

/** Why a Sandbox is not ready (`Ready` is False) and waits for nothing but a change: of its spec, or of what the message names. */
export const SANDBOX_FAILED = {
  BudgetExceeded: 'the budget of its namespace is spent; a higher one, or the next month, starts it again',
  ImageNotFound: 'the registry has no such image',
  ImageAccessDenied: 'the registry refuses to show the image',
  BuildFailed: 'the TaskBuild failed',
  BuildNotFound: 'buildRef names no TaskBuild',
  PoolNotFound: 'poolRef names no Sandbox with spec.pool',
  NameConflict:
    'an object of another owner has the name that this Sandbox needs for its Job, volume or TaskBuild',
  JobRejected: 'the API server refuses the Job, its Pod or a volume',
  InvalidNetwork: 'an entry of network.allowedHosts is no host, address or range',
  PolicyNotEnforced:
    'network.enforcement is Required, and the cluster does not enforce network policies; nothing has run',
  OOMKilled: 'the container exceeded its memory limit',
  EphemeralStorageExceeded: 'the Pod used more disk than its limit',
  TaskContainerExited: 'the first process of the container ended',
} as const;

/** All that passes with a change alone. */
export const SANDBOX_STOPPED = { ...SANDBOX_SUSPENDED, ...SANDBOX_FAILED } as const;

/** The same for a Pod that was lost; recreatePolicy OnLoss makes another. */
export const SANDBOX_LOST = {
  Evicted: 'the node, the scheduler or a drain evicted the Pod',
  NodeLost: 'the node stopped answering',
  PodLost: 'someone deleted the Pod, or it disappeared',
} as const;

/** The condition whose reason says how a Sandbox stands: `Ready`, or `Suspended` in its place. */
export const standingOf = (sandbox: { status?: { conditions?: Condition[] } }): Condition | undefined =>
  conditionOf(sandbox, 'Ready') ?? conditionOf(sandbox, 'Suspended');

const MEANINGS: Readonly<Record<string, string>> = {
  ...SANDBOX_READY,
  ...SANDBOX_WAITING,
  ...SANDBOX_STOPPED,
  ...SANDBOX_LOST,
};

/** What a reason means; undefined for one that this version does not know. */
export const sandboxReasonMeans = (reason: string): string | undefined =>
  Object.hasOwn(MEANINGS, reason) ? MEANINGS[reason] : undefined;

export type SandboxWaitingReason = keyof typeof SANDBOX_WAITING;
export type SandboxLostReason = keyof typeof SANDBOX_LOST;
export type SandboxStoppedReason = keyof typeof SANDBOX_STOPPED;
export type SandboxReason =
  keyof typeof SANDBOX_READY | SandboxWaitingReason | SandboxStoppedReason | SandboxLostReason;
