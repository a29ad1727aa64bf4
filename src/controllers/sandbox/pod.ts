/** Pure: what the state of its Pod means for a Sandbox. */
import { present } from '../../crds/present.ts';
import type { Pod } from '../../kube/kinds.ts';
import { failureOf, type PodFailure } from '../../pods/reading/failure.ts';
import { refusalOf, securityRefusal, userRefusal } from '../../pods/reading/refusal.ts';
import { statusOf, type PodSpec } from '../../pods/reading/containers.ts';
import { podState } from '../../pods/reading/state.ts';
import type { Held, Waiting } from '../../pods/reading/waiting.ts';
import { CONTAINERS } from '../../wire/pod-paths.ts';
import type { Said } from './observed.ts';

/** What a Pod is to whoever wants to run commands in it. */
export type PodReading =
  | { kind: 'ready'; startedAt: string }
  | ({ kind: 'waiting' } & Said)
  /** Every container has ended. */
  | ({ kind: 'ended'; succeeded: boolean } & PodFailure);

export function readPod(pod: Pod): PodReading {
  const state = podState(pod);
  switch (state.kind) {
    case 'waiting':
      return { kind: 'waiting', ...waitingFor(state, pod) };
    case 'running':
      if (isOutOfMemory(pod)) return { kind: 'ended', succeeded: false, ...failureOf(pod) };
      if (state.held) return { kind: 'waiting', ...heldBy(state.held, pod) };
      return running(pod, state);
    case 'ended':
      return { kind: 'ended', succeeded: state.succeeded, ...failureOf(pod) };
    default:
      return state satisfies never;
  }
}

const KILLED = 137;

/**
 * The kubelet says it of the container a second or more before the Pod's phase. Where nodes kill single processes, containerd says it of every end after
 * the first of them: only a container that was killed is believed early, and none that somebody ends.
 */
function isOutOfMemory(pod: Pod): boolean {
  const { reason, exitCode } = statusOf(pod, CONTAINERS.task)?.state?.terminated ?? {};
  return reason === 'OOMKilled' && exitCode === KILLED && pod.metadata.deletionTimestamp === undefined;
}

const conditionIs = ({ status }: Pod, type: string, holds: string): boolean =>
  status?.conditions?.some((one) => one.type === type && one.status === holds) ?? false;

function running(pod: Pod, { ready, startedAt }: { ready: boolean; startedAt: string }): PodReading {
  if (!ready || pod.metadata.deletionTimestamp !== undefined)
    return { kind: 'waiting', reason: 'Stopping', message: 'the container is ending' };
  const end = statusOf(pod, CONTAINERS.courier)?.state?.terminated;
  if (end) return { kind: 'waiting', reason: 'CrashLoopBackOff', message: endedSo(CONTAINERS.courier, end) };
  // The kubelet sets the containers’ states and the condition; the node controller, where the kubelet is silent, the condition alone.
  if (conditionIs(pod, 'Ready', 'False'))
    return { kind: 'waiting', reason: 'NodeLost', message: `node ${pod.spec?.nodeName} does not answer` };
  return { kind: 'ready', startedAt };
}

const endedSo = (container: string, { exitCode, reason }: { exitCode: number; reason?: string }): string =>
  `container ${container} ended with exit code ${exitCode} (${reason}); the kubelet starts it again`;

function waitingFor(waiting: Waiting, pod: Pod): Said {
  switch (waiting.on) {
    case 'scheduler':
      return { reason: 'Pending', message: 'the scheduler has not looked at the Pod yet' };
    case 'node':
      return waitingForNode(waiting.why === 'Gated', waiting.message);
    case 'container':
      return heldBy(waiting.held, pod);
    case 'kubelet':
      return preparing(pod);
    default:
      return waiting satisfies never;
  }
}

function waitingForNode(isGated: boolean, message = 'no node has room'): Said {
  if (isGated) return { reason: 'Pending', message: `the Pod is held back: ${message}` };
  return { reason: /persistentvolumeclaim/i.test(message) ? 'VolumePending' : 'Unschedulable', message };
}

/** The kubelet mounts volumes before it makes the Pod's sandbox, and pulls images after that. */
function preparing(pod: Pod): Said {
  const hasClaims = pod.spec?.volumes?.some(({ persistentVolumeClaim }) => persistentVolumeClaim) ?? false;
  return hasClaims && conditionIs(pod, 'PodReadyToStartContainers', 'False')
    ? { reason: 'VolumePending', message: 'the node is mounting the volumes' }
    : { reason: 'PullingImage', message: 'the kubelet is preparing the containers' };
}

const HELD = {
  ImagePull: 'ImagePullBackOff',
  ImageUnusable: 'ImagePullBackOff',
  ConfigMissing: 'CreateContainerConfigError',
} as const satisfies Partial<Record<Held['why'], Said['reason']>>;

/** What a container that the kubelet does not start means. */
function heldBy({ why, container, reason, message = reason }: Held, pod: Pod): Said {
  const end = statusOf(pod, container)?.lastState?.terminated;
  if (reason === 'CrashLoopBackOff' && end)
    return { reason, message: `${endedSo(container, end)}: ${message}` };
  const other = reason === 'CrashLoopBackOff' ? reason : 'CreateContainerError';
  return {
    reason: why === 'Other' ? other : HELD[why],
    message: `container ${container}: ${message === reason ? reason : `${reason}: ${message}`}`,
  };
}

/** Why a Job has no Pod. `words`: of the API server, where it took none; `rendered`: the Pod as the Job asks for it. */
export function withoutPod({ words, rendered }: { words?: string; rendered?: PodSpec }): Said {
  if (words === undefined)
    return { reason: 'Pending', message: 'the Job controller has not created the Pod yet' };
  const { kind, message } = refusalOf(words);
  const meaning = rendered && (userRefusal(words, rendered) ?? securityRefusal(words, rendered)?.meaning);
  const explained = meaning === undefined ? message : `${meaning}${ONE_USER}: ${message}`;
  return { reason: kind === 'final' ? 'JobRejected' : 'Pending', message: explained };
}

const ONE_USER =
  '. Set allowPrivilegeEscalation to false and give user by a number that is not 0, or use another namespace';

/** What is known of the Pod by the fields that the status has for it. */
export const placeOf = ({ metadata, spec, status }: Pod) =>
  present({ podName: metadata.name, nodeName: spec?.nodeName, podIP: status?.podIP });
