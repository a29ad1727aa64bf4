/** Why a Sandbox is as it is, and what to do about it. Pure. */
import { bounded, LABEL } from '../../../crds/names.ts';
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
    next: nextFor(reason, name).map((line) => inNamespace(line, namespace)),
  };
}

function passing(reason: string, { spec }: Sandbox): string[] {
  if (Object.hasOwn(SANDBOX_WAITING, reason)) return ['it becomes ready by itself once that has passed'];
  if (!Object.hasOwn(SANDBOX_LOST, reason)) return [];
  return [
    `recreatePolicy is ${spec.recreatePolicy}: ${spec.recreatePolicy === 'OnLoss' ? 'another Pod is made' : 'no other Pod is made'}`,
  ];
}

/** Commands, or sentences, the most likely first. */
export const nextFor = (reason: string, name: string): string[] =>
  Object.hasOwn(NEXT, reason) ? NEXT[reason as SandboxReason](name) : [describe(name)];

const describe = (name: string): string => `kubectl describe sandbox ${name}`;
const labelled = (name: string): string => `-l ${LABEL.sandbox}=${bounded(name)}`;
const describePod = (name: string): string => `kubectl describe pod ${labelled(name)}`;
const courierLog = (name: string): string => `kubectl logs ${labelled(name)} -c ${CONTAINERS.courier}`;
const again = (name: string): string[] => [`sb sandbox suspend ${name}`, `sb sandbox resume ${name}`];
const another = (name: string, how: string): string[] => [
  `sb sandbox rm ${name}`,
  `sb sandbox create ${name} ${how}`,
];
const operatorLog = (): string[] => ['sb doctor', OPERATOR_LOG];
const say =
  (...lines: string[]) =>
  (): string[] =>
    lines;

const NEXT: Record<SandboxReason, (name: string) => string[]> = {
  Ready: (name) => [
    `sb sandbox shell ${name}`,
    `${courierLog(name)}    (has the image's own program, its ENTRYPOINT, ended? It says how)`,
  ],
  Pending: say('wait a few seconds', 'sb doctor    (if it stays so: is the operator up?)'),
  BuildingImage: say('kubectl get taskbuilds'),
  RegistryUnavailable: operatorLog,
  NetworkPending: operatorLog,
  VolumePending: (name) => [`kubectl describe pvc ${labelled(name)}`, describePod(name)],
  Unschedulable: (name) => ['sb doctor', describePod(name)],
  PullingImage: (name) => ['wait: large images take minutes', describePod(name)],
  ImagePullBackOff: (name) => [describePod(name)],
  CreateContainerConfigError: (name) => ['create the Secret that the cause names', describePod(name)],
  CreateContainerError: (name) => [describePod(name)],
  CrashLoopBackOff: (name) => [`${courierLog(name)} --previous`, ...operatorLog()],
  FillingPool: (name) => [describePod(name)],
  Retrying: say('wait: the operator makes another Pod after at most five minutes'),
  Stopping: say('wait: this takes up to 45 s'),
  Suspended: (name) => [`sb sandbox resume ${name}`],
  Expired: (name) => [`sb sandbox extend ${name} 1h`],
  IdleTimeout: again,
  BudgetExceeded: say(
    'wait for the next month, or have an admin raise it: sb cloud researcher budget <namespace> --monthly <dollars>',
  ),
  ImageNotFound: (name) => another(name, '--image <an image that is there>'),
  ImageAccessDenied: operatorLog,
  BuildFailed: say('kubectl get taskbuilds', 'kubectl describe taskbuild <taskbuild>'),
  BuildNotFound: say('kubectl get taskbuilds'),
  PoolNotFound: say('sb sandbox ls    (which of them are pools?)'),
  NameConflict: (name) => another(name, '--image <image>    (under another name)'),
  JobRejected: (name) => [describe(name), 'sb doctor'],
  InvalidNetwork: (name) => another(name, '--image <image>    (with that entry put right)'),
  PolicyNotEnforced: () => [
    'create it with network.enforcement BestEffort, or in a cluster that enforces NetworkPolicies',
    'sb doctor',
  ],
  OOMKilled: (name) => [
    'create it with a larger limit for memory: sb sandbox create --memory 4Gi',
    ...again(name),
  ],
  EphemeralStorageExceeded: (name) => [
    'create it with a larger limit for ephemeral-storage: sb sandbox create --storage 20Gi',
    ...again(name),
  ],
  TaskContainerExited: again,
  Evicted: again,
  NodeLost: again,
  PodLost: again,
};
