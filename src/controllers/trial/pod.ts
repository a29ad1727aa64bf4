/** Pure: what the state of its Pod means for a Trial. */
import type { TrialActiveReason, TrialFailedReason } from '../../crds/reasons.ts';
import type { Pod } from '../../kube/kinds.ts';
import { refusalOf, securityRefusal, userRefusal } from '../../pods/reading/refusal.ts';
import type { PodSpec } from '../../pods/reading/containers.ts';
import type { SecurityLevel } from '../../pods/reading/security-level.ts';
import { podState } from '../../pods/reading/state.ts';
import type { Held, Waiting } from '../../pods/reading/waiting.ts';

/** What an attempt fails with. */
export interface Failure {
  reason: TrialFailedReason;
  message: string;
}

/** What keeps a Pod from starting, as the Trial says it. */
export interface Obstacle {
  reason: TrialActiveReason;
  message: string;
  /** What the Trial fails with when this lasts, and after how long at most. */
  becomes?: { reason: TrialFailedReason; graceMs?: number };
}

/** What becomes of the Trial whose container the kubelet does not start. */
const BECOMES = {
  ImagePull: { reason: 'ImagePullFailed' },
  ImageUnusable: { reason: 'ImageNotFound', graceMs: 0 },
  ConfigMissing: { reason: 'SecretNotFound', graceMs: 20_000 },
} as const satisfies Partial<Record<Held['why'], Obstacle['becomes']>>;

/** A Pod that the API server did not take. */
export interface RefusedPod {
  /** Why, in its own. */
  words: string;
  /** As the Job asks for it. */
  rendered?: PodSpec | undefined;
}

/** Why a Pod that has not started is waiting. */
export function waitingOf(pod: Pod | undefined, refused?: RefusedPod): Obstacle {
  if (!pod) return waitingForPod(refused);
  const state = podState(pod);
  return state.kind === 'waiting' ? obstacleOf(state) : PREPARING;
}

function waitingForPod(refused: RefusedPod | undefined): Obstacle {
  if (!refused) return { reason: 'Pending', message: 'the Job controller has not created the Pod yet' };
  const { words, rendered } = refused;
  const { kind, message } = refusalOf(words);
  const explained = rendered && explainedRefusal(words, rendered);
  return {
    reason: 'Pending',
    message: explained === undefined ? message : `${explained}: ${message}`,
    ...(kind === 'final' && { becomes: { reason: 'JobRejected' } }),
  };
}

/** What admission's words mean, and what can be done; undefined where they say all that is known. */
function explainedRefusal(words: string, rendered: PodSpec): string | undefined {
  const users = userRefusal(words, rendered);
  if (users !== undefined) return `${users}. ${ONE_OF_ITS_USERS}`;
  const security = securityRefusal(words, rendered);
  return security && `${security.meaning}. ${NAMESPACES[security.met]}`;
}

const ONE_OF_ITS_USERS =
  'Set environment.allowPrivilegeEscalation to false, name no user that is none of them, and install no agent: then the Pod runs as one of them';

const NAMESPACES = {
  privileged: 'Run it in a namespace that enforces no level',
  baseline:
    'Run it in a namespace that enforces baseline, or give environment, agent and verifier one user by its number and set environment.allowPrivilegeEscalation to false',
  restricted: 'Ask who changes Pods in this cluster',
} as const satisfies Record<SecurityLevel, string>;

const PREPARING: Obstacle = { reason: 'PullingImage', message: 'the kubelet is preparing the containers' };

function obstacleOf(waiting: Waiting): Obstacle {
  switch (waiting.on) {
    case 'scheduler':
      return { reason: 'Pending', message: 'the scheduler has not looked at the Pod yet' };
    case 'node':
      return { reason: 'Unschedulable', message: waiting.message ?? 'no node has room' };
    case 'container':
      return heldBy(waiting.held);
    case 'kubelet':
      return PREPARING;
    default:
      return waiting satisfies never;
  }
}

/** What a container that the kubelet does not start means. */
export function heldBy({ why, reason, message = reason }: Held): Obstacle {
  if (why === 'Other') return PREPARING;
  return { reason: 'PullingImage', message: `${reason}: ${message}`, becomes: BECOMES[why] };
}
