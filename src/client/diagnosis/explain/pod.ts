/** Pure: what keeps a Pod from being created or from starting. */
import type { Event, Node } from '../../../kube/kinds.ts';
import type { Evidence, Explained } from './evidence.ts';
import { imageFinding, isAboutImage } from './image.ts';
import { schedulingFindings } from './scheduling.ts';

/** Everything found, the most telling first; empty where nothing is known to be wrong. */
export function podFindings(evidence: Evidence): Explained[] {
  return [
    ...creation(evidence),
    ...scheduling(evidence),
    ...starting(evidence),
    ...nodeTrouble(evidence.node),
  ];
}

const ofReason = (events: readonly Event[], ...reasons: string[]): Event | undefined =>
  events.findLast(({ reason }) => reasons.includes(reason));

/** The Job has no Pod: somebody holds the Job back, or the API server refuses the Pod. */
function creation({ job, pod, events }: Evidence): Explained[] {
  if (!job || pod) return [];
  if (job.spec?.suspend === true) return [heldBack];
  const refused = ofReason(events, 'FailedCreate')?.message;
  return refused === undefined ? [] : [refusal(refused)];
}

const heldBack: Explained = {
  why: ['its Job is suspended: a queue (Kueue) has not admitted it yet'],
  next: ['kubectl get workloads,localqueues    (is there quota left in the queue?)'],
};

/** The API server's words on a Pod that it does not take. */
const REFUSALS: [pattern: RegExp, finding: Explained][] = [
  [
    /exceeded quota/i,
    {
      why: ['a quota of the namespace is used up'],
      next: ['it starts by itself as soon as others have ended', 'kubectl describe resourcequota'],
    },
  ],
  [
    /violates PodSecurity/i,
    {
      why: ['the namespace’s Pod Security level forbids such a Pod'],
      next: ['kubectl label namespace <namespace> pod-security.kubernetes.io/enforce=baseline --overwrite'],
    },
  ],
  [
    /(?:maximum|minimum) .* usage per|limitrange|must specify limits/i,
    { why: ['a LimitRange of the namespace forbids such a Pod'], next: ['kubectl describe limitrange'] },
  ],
  [
    /admission webhook|denied the request/i,
    {
      why: ['an admission policy of the cluster forbids such a Pod'],
      next: ['ask who made the policy that the message names'],
    },
  ],
];

function refusal(message: string): Explained {
  const known = REFUSALS.find(([pattern]) => pattern.test(message))?.[1];
  const { why, next } = known ?? { why: ['the API server refuses the Pod'], next: ['kubectl describe job'] };
  return { why: [...why, message], next };
}

function scheduling(evidence: Evidence): Explained[] {
  const condition = evidence.pod?.status?.conditions?.find(
    ({ type, status }) => type === 'PodScheduled' && status === 'False',
  );
  if (!condition) return [];
  if (condition.reason === 'SchedulingGated') return [heldBack];
  const message = condition.message ?? 'no node has room';
  const found = schedulingFindings(message, evidence);
  const [first, ...more] = found;
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

interface Waiting {
  reason: string;
  message: string;
}

function starting({ pod, events }: Evidence): Explained[] {
  const { initContainerStatuses = [], containerStatuses = [] } = pod?.status ?? {};
  const waiting = [...initContainerStatuses, ...containerStatuses].flatMap(({ state }): Waiting[] =>
    state?.waiting ? [{ reason: state.waiting.reason ?? '', message: state.waiting.message ?? '' }] : [],
  );
  const told = waiting.find(({ reason }) => !UNTELLING.has(reason));
  if (told) return [waitingFinding(told, events)];
  const event =
    waiting.length > 0
      ? ofReason(events, 'FailedMount', 'FailedCreatePodSandBox', 'FailedAttachVolume')
      : undefined;
  if (!event) return [];
  return [{ why: [`the kubelet cannot prepare the Pod: ${event.message}`], next: ['kubectl describe pod'] }];
}

/** Every container says so before it starts. */
const UNTELLING = new Set(['', 'ContainerCreating', 'PodInitializing']);

function waitingFinding({ reason, message }: Waiting, events: readonly Event[]): Explained {
  const said = `${reason}: ${message}`;
  if (reason === 'CreateContainerConfigError')
    return {
      why: ['a Secret or key that a variable refers to does not exist', said],
      next: [
        'kubectl get secrets    (then kubectl create secret generic <name> --from-literal=<key>=<value>)',
      ],
    };
  if (!isAboutImage(said)) return { why: [said], next: ['kubectl describe pod'] };
  // "Back-off pulling image" says nothing; the events keep the registry's answer.
  const answer = events.findLast(
    (event) =>
      event.reason === 'Failed' && isAboutImage(event.message) && !event.message.endsWith('ImagePullBackOff'),
  );
  const { why, next } = imageFinding(`${said} ${answer?.message ?? ''}`);
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
