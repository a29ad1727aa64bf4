/** Pure: what keeps a Pod from being created or from starting. */
import type { Event, Node } from '../../../kube/kinds.ts';
import type { PodSpec } from '../../../pods/reading/containers.ts';
import { refusalOf, securityRefusal, userRefusal, type Refusal } from '../../../pods/reading/refusal.ts';
import { podState } from '../../../pods/reading/state.ts';
import type { Held, Waiting } from '../../../pods/reading/waiting.ts';
import type { Evidence, Explained } from './evidence.ts';
import { imageExplained, isAboutImage } from './build.ts';
import { schedulingExplained } from './scheduling.ts';

/** Everything found, the most telling first; empty where nothing is known to be wrong. */
export function podExplained(evidence: Evidence): Explained[] {
  return [...creation(evidence), ...starting(evidence), ...nodeTrouble(evidence.node)];
}

const ofReason = (events: readonly Event[], ...reasons: string[]): Event | undefined =>
  events.findLast(({ reason }) => reasons.includes(reason));

/** The Job has no Pod: somebody holds the Job back, or the API server refuses the Pod. */
function creation({ job, pod, events }: Evidence): Explained[] {
  if (!job || pod) return [];
  if (job.spec?.suspend === true) return [heldBack];
  const refused = ofReason(events, 'FailedCreate')?.message;
  return refused === undefined ? [] : [refusal(refused, job.spec?.template.spec)];
}

const heldBack: Explained = {
  why: ['its Job is suspended: a queue (Kueue) has not admitted it yet'],
  next: ['kubectl get workloads,localqueues    (is there quota left in the queue?)'],
};

const REFUSALS: Record<Refusal['why'], Explained> = {
  Quota: {
    why: ['a quota of the namespace is used up'],
    next: ['it starts by itself as soon as others have ended', 'kubectl describe resourcequota'],
  },
  PodSecurity: {
    why: ['the namespace’s Pod Security level forbids such a Pod'],
    next: ['kubectl label namespace <namespace> pod-security.kubernetes.io/enforce=baseline --overwrite'],
  },
  Users: {
    why: ['the namespace takes Pods of its own users alone'],
    next: [
      'set environment.allowPrivilegeEscalation to false and name no user: the operator then chooses one of the namespace’s',
      'oc adm policy add-scc-to-user anyuid -z default -n <namespace>    (lets every Pod of the namespace choose its user)',
    ],
  },
  Limits: {
    why: ['a LimitRange of the namespace forbids such a Pod'],
    next: ['kubectl describe limitrange'],
  },
  Policy: {
    why: ['an admission policy of the cluster forbids such a Pod'],
    next: ['ask the owner of the policy that the message names'],
  },
  Other: { why: ['the API server refuses the Pod'], next: ['kubectl describe job'] },
};

function refusal(words: string, rendered: PodSpec | undefined): Explained {
  const { why, next } = REFUSALS[refusalOf(words).why];
  const meaning = rendered && (userRefusal(words, rendered) ?? securityRefusal(words, rendered)?.meaning);
  return { why: [...(meaning === undefined ? why : [meaning]), words], next };
}

function starting(evidence: Evidence): Explained[] {
  const state = evidence.pod && podState(evidence.pod);
  if (state?.kind === 'waiting') return waitingExplained(state, evidence);
  return state?.kind === 'running' && state.held ? [heldExplained(state.held, evidence.events)] : [];
}

function waitingExplained(waiting: Waiting, evidence: Evidence): Explained[] {
  switch (waiting.on) {
    case 'node':
      return waiting.why === 'Gated'
        ? [heldBack]
        : unscheduled(waiting.message ?? 'no node has room', evidence);
    case 'container':
      return [heldExplained(waiting.held, evidence.events)];
    case 'scheduler':
    case 'kubelet':
      return unprepared(evidence.events);
    default:
      return waiting satisfies never;
  }
}

function unscheduled(message: string, evidence: Evidence): Explained[] {
  const [first, ...more] = schedulingExplained(message, evidence);
  if (!first) return [{ why: [message], next: ['kubectl describe pod'] }];
  return [{ why: [...first.why, message], next: first.next }, ...more, ...autoscaler(evidence)];
}

/** What Karpenter and the Cluster Autoscaler say about a Pod without a node. */
function autoscaler({ events }: Evidence): Explained[] {
  const says = ofReason(events, 'NotTriggerScaleUp', 'TriggeredScaleUp', 'Nominated', 'FailedScaleUp');
  if (!says) return [];
  const coming = says.reason === 'TriggeredScaleUp' || says.reason === 'Nominated';
  return [
    {
      why: [`the autoscaler ${coming ? 'is on it' : 'does not help'}: ${says.message}`],
      next: coming ? ['wait: a new node takes one to three minutes'] : ['kubectl get nodepools,nodeclaims'],
    },
  ];
}

function unprepared(events: readonly Event[]): Explained[] {
  const event = ofReason(events, 'FailedMount', 'FailedCreatePodSandBox', 'FailedAttachVolume');
  if (!event) return [];
  return [{ why: [`the kubelet cannot prepare the Pod: ${event.message}`], next: ['kubectl describe pod'] }];
}

function heldExplained({ why, reason, message = '' }: Held, events: readonly Event[]): Explained {
  const said = `${reason}: ${message}`;
  switch (why) {
    case 'ConfigMissing':
      return {
        why: ['a Secret or key that a variable refers to does not exist', said],
        next: [
          'kubectl get secrets    (then kubectl create secret generic <name> --from-literal=<key>=<value>)',
        ],
      };
    case 'ImagePull':
    case 'ImageUnusable':
      return imageHeld(said, events);
    case 'Other':
      return isAboutImage(said) ? imageHeld(said, events) : { why: [said], next: ['kubectl describe pod'] };
    default:
      return why satisfies never;
  }
}

function imageHeld(said: string, events: readonly Event[]): Explained {
  // "Back-off pulling image" says nothing; the events keep the registry's answer.
  const answer = events.findLast(
    (event) =>
      event.reason === 'Failed' && isAboutImage(event.message) && !event.message.endsWith('ImagePullBackOff'),
  );
  const { why, next } = imageExplained(`${said} ${answer?.message ?? ''}`);
  return { why: [...why, answer?.message ?? said], next };
}

const PRESSURES = new Set(['DiskPressure', 'MemoryPressure', 'PIDPressure', 'NetworkUnavailable']);

function nodeTrouble(node: Node | undefined): Explained[] {
  const troubles = (node?.status?.conditions ?? []).filter(
    ({ type, status }) =>
      (type === 'Ready' && status !== 'True') || (PRESSURES.has(type) && status === 'True'),
  );
  return troubles.map(({ type, reason = '', message = '' }) => ({
    why: [
      `node ${node?.metadata.name} ${type === 'Ready' ? 'is not ready' : `has ${type}`}: ${[reason, message].filter(Boolean).join(': ')}`,
    ],
    next: [`kubectl describe node ${node?.metadata.name}`],
  }));
}
