/** Why a Sandbox is as it is, and what to do about it. Pure. */
import { bounded, LABEL } from '../../../crds/names.ts';
import { present } from '../../../crds/present.ts';
import type { Sandbox } from '../../../crds/sandbox.ts';
import {
  sandboxReasonMeans,
  SANDBOX_LOST,
  SANDBOX_WAITING,
  type SandboxReason,
} from '../../../crds/sandbox-reasons.ts';
import { OPERATOR_LOG } from '../../../installation/names.ts';
import type { SandboxExplanation } from '../../documents/sandbox.ts';
import { CONTAINERS } from '../../../wire/pod-paths.ts';
import { inNamespace } from '../../session/namespace.ts';
import { rowOf } from './row.ts';

/** `namespace`: what commands have to name, see `namespaceToSay`. */
export function explainSandbox(sandbox: Sandbox, namespace?: string): SandboxExplanation {
  const { sandbox: name, ready, reason, message } = rowOf(sandbox);
  return {
    sandbox: name,
    ready,
    reason,
    where: `${ready ? 'ready' : 'not ready'}: ${sandboxReasonMeans(reason) ?? 'this sb does not know its reason'} (${reason})`,
    why: [...(message === '' ? [] : [message]), ...passing(reason, sandbox)],
    next: nextFor(reason, placeOf(sandbox)).map((line) => inNamespace(line, namespace)),
  };
}

function passing(reason: string, { spec }: Sandbox): string[] {
  if (Object.hasOwn(SANDBOX_WAITING, reason)) return ['it becomes ready by itself once that has passed'];
  if (!Object.hasOwn(SANDBOX_LOST, reason)) return [];
  return [
    `recreatePolicy is ${spec.recreatePolicy}: ${spec.recreatePolicy === 'OnLoss' ? 'another Pod is made' : 'no other Pod is made'}`,
  ];
}

/** A Sandbox and, where it has one, its Pod. Labels find no Pod that came from a pool: it keeps those of the pool. */
export interface PodPlace {
  name: string;
  pod?: string;
}

export const placeOf = ({ metadata, status }: Sandbox): PodPlace => ({
  name: metadata.name,
  ...present({ pod: status?.podName }),
});

/** Commands, or sentences, the most likely first. */
export const nextFor = (reason: string, place: PodPlace): string[] =>
  Object.hasOwn(NEXT, reason) ? NEXT[reason as SandboxReason](place) : [describe(place)];

const describe = ({ name }: PodPlace): string => `kubectl describe sandbox ${name}`;
const labelled = ({ name }: PodPlace): string => `-l ${LABEL.sandbox}=${bounded(name)}`;
/** Without a Pod, the Sandbox itself tells of one, where there is any by then. */
const describePod = (place: PodPlace): string =>
  place.pod === undefined ? describe(place) : `kubectl describe pod ${place.pod}`;
const courierLog = (place: PodPlace): string =>
  `kubectl logs ${place.pod ?? '<podName of its status>'} -c ${CONTAINERS.courier}`;
const again = ({ name }: PodPlace): string[] => [`sb sandbox suspend ${name}`, `sb sandbox resume ${name}`];
const another = ({ name }: PodPlace, how: string): string[] => [
  `sb sandbox rm ${name}`,
  `sb sandbox create ${name} ${how}`,
];
const operatorLog = (): string[] => ['sb doctor', OPERATOR_LOG];
const say =
  (...lines: string[]) =>
  (): string[] =>
    lines;

const NEXT: Record<SandboxReason, (place: PodPlace) => string[]> = {
  Ready: (place) => [
    `sb sandbox shell ${place.name}`,
    `${courierLog(place)}    (has the image's own program, its ENTRYPOINT, ended? It says how)`,
  ],
  Pending: say('wait a few seconds', 'sb doctor    (if it stays so: is the operator up?)'),
  BuildingImage: say('kubectl get taskbuilds'),
  RegistryUnavailable: operatorLog,
  NetworkPending: operatorLog,
  VolumePending: (place) => [`kubectl describe pvc ${labelled(place)}`, describePod(place)],
  Unschedulable: (place) => ['sb doctor', describePod(place)],
  PullingImage: (place) => ['wait: large images take minutes', describePod(place)],
  ImagePullBackOff: (place) => [describePod(place)],
  CreateContainerConfigError: (place) => ['create the Secret that the cause names', describePod(place)],
  CreateContainerError: (place) => [describePod(place)],
  CrashLoopBackOff: (place) => [`${courierLog(place)} --previous`, ...operatorLog()],
  FillingPool: (place) => [`kubectl describe pod ${labelled(place)}`],
  Retrying: say('wait: the operator makes another Pod after at most five minutes'),
  Stopping: say('wait: this takes up to 45 s'),
  Suspended: ({ name }) => [`sb sandbox resume ${name}`],
  Expired: ({ name }) => [`sb sandbox extend ${name} 1h`],
  IdleTimeout: again,
  BudgetExceeded: say(
    'wait for the next month, or have an admin raise it: sb cloud researcher budget <namespace> --monthly <dollars>',
  ),
  ImageNotFound: (place) => another(place, '--image <an image that is there>'),
  ImageAccessDenied: operatorLog,
  BuildFailed: say('kubectl get taskbuilds', 'kubectl describe taskbuild <taskbuild>'),
  BuildNotFound: say('kubectl get taskbuilds'),
  PoolNotFound: say('sb sandbox ls    (which of them are pools?)'),
  NameConflict: (place) => another(place, '--image <image>    (under another name)'),
  JobRejected: (place) => [describe(place), 'sb doctor'],
  InvalidNetwork: (place) => another(place, '--image <image>    (with that entry put right)'),
  PolicyNotEnforced: () => [
    'create it with network.enforcement BestEffort, or in a cluster that enforces NetworkPolicies',
    'sb doctor',
  ],
  OOMKilled: (place) => [
    'create it with a larger limit for memory: sb sandbox create --memory 4Gi',
    ...again(place),
  ],
  EphemeralStorageExceeded: (place) => [
    'create it with a larger limit for ephemeral-storage: sb sandbox create --storage 20Gi',
    ...again(place),
  ],
  TaskContainerExited: again,
  Evicted: again,
  NodeLost: again,
  PodLost: again,
};
