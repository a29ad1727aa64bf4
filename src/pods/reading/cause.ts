/** Pure: why a Pod ended. */
import { present } from '../../crds/present.ts';
import type { Pod } from '../../kube/kinds.ts';
import { containerStatuses, preparing, statusOf, type ContainerStatus } from './containers.ts';

/** How a container ended. */
export interface Exit {
  container: string;
  exitCode: number;
  /** The kubelet's word: `Completed`, `Error`, `OOMKilled`, … */
  reason?: string;
  /** The container's last words. */
  message?: string;
  finishedAt?: string;
}

/**
 * The most telling of the marks that Kubernetes leaves on a Pod. `message`: in its words. `exit`: the container that decided the end, where one
 * has ended.
 */
export type Cause = Mark & { message?: string; exit?: Exit };

type Mark =
  /** An eviction, a preemption, a drain or a lost node; `by` is the reason of condition DisruptionTarget. */
  | { why: 'Disrupted'; by: string }
  /** The kubelet ended it: at activeDeadlineSeconds, or for its own use of disk. */
  | { why: 'DeadlineExceeded' | 'OverLimit' }
  /** The kubelet ended it, or refused it, for another reason of its own. */
  | { why: 'Stopped'; reason: string }
  | { why: 'Exited'; exit: Exit }
  | { why: 'Unknown' };

/** Why a Pod ended or is about to, by what is on it: a Pod that has not ended may have a mark already. */
export function causeOf(pod: Pod): Cause {
  const exit = decidingExit(pod);
  const mark: Mark = stopOf(pod) ?? (exit ? { why: 'Exited', exit } : { why: 'Unknown' });
  const message = disruptionOf(pod)?.message ?? pod.status?.message;
  return { ...mark, ...present({ message, exit }) };
}

/** Who ended the Pod as a whole. */
function stopOf(pod: Pod): Mark | undefined {
  const { reason } = pod.status ?? {};
  if (reason === 'DeadlineExceeded') return { why: 'DeadlineExceeded' };
  const disruption = disruptionOf(pod);
  if (disruption) return { why: 'Disrupted', by: disruption.reason ?? '' };
  // The kubelet evicts a Pod over its own limit without DisruptionTarget; pressure on the node sets it.
  if (reason === 'Evicted') return { why: 'OverLimit' };
  return reason ? { why: 'Stopped', reason } : undefined;
}

const disruptionOf = ({ status }: Pod) =>
  status?.conditions?.find(({ type, status: holds }) => type === 'DisruptionTarget' && holds === 'True');

/** An init container that failed, else the main container that did, else one that ended well. */
function decidingExit(pod: Pod): Exit | undefined {
  const failed = preparing(pod)
    .flatMap(({ name }) => exitOf(statusOf(pod, name)))
    .find(({ exitCode }) => exitCode !== 0);
  if (failed) return failed;
  const exits = mainExits(pod);
  return exits.find(({ exitCode }) => exitCode !== 0) ?? exits[0];
}

const mainExits = ({ status }: Pod): Exit[] =>
  (status?.containerStatuses ?? []).flatMap((one) => exitOf(one));

/** Whether no main container is left to run: one of the init containers failed, or all main containers have ended. */
export function hasRunOut(pod: Pod): boolean {
  const mains = pod.spec?.containers.length ?? 0;
  const { exit } = causeOf(pod);
  return exit !== undefined && (isPreparing(pod, exit.container) || mainExits(pod).length === mains);
}

const isPreparing = (pod: Pod, container: string): boolean =>
  preparing(pod).some(({ name }) => name === container);

function exitOf(status: ContainerStatus | undefined, state = status?.state): Exit[] {
  const ended = state?.terminated;
  if (!status || !ended) return [];
  const { exitCode, reason, message, finishedAt } = ended;
  return [{ container: status.name, exitCode, ...present({ reason, message, finishedAt }) }];
}

/** How containers ended that the kubelet has started again since, and how often it has. */
export const earlierExits = (pod: Pod): { restarts: number; exit: Exit }[] =>
  containerStatuses(pod).flatMap((status) =>
    exitOf(status, status.lastState).map((exit) => ({ restarts: status.restartCount, exit })),
  );
