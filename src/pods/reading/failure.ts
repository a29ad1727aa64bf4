/** Pure: what a Pod failed with, in the words that Trials and Sandboxes have for it. */
import type { Job, Pod } from '../../kube/kinds.ts';
import { isFilling } from '../../wire/pod-paths.ts';
import { causeOf, type Exit } from './cause.ts';
import { failedCondition } from './job.ts';

export interface PodFailure {
  reason:
    'NodeLost' | 'Evicted' | 'PodLost' | 'EphemeralStorageExceeded' | 'OOMKilled' | 'TaskContainerExited';
  message: string;
}

/** What a Pod failed with that left no word of its own. */
export function failureOf(pod: Pod): PodFailure {
  const cause = causeOf(pod);
  const { exit, message = 'the Pod ended and left no result' } = cause;
  switch (cause.why) {
    case 'Disrupted':
      return {
        reason: cause.by === 'DeletionByTaintManager' ? 'NodeLost' : 'Evicted',
        message: `${cause.by}: ${cause.message}`,
      };
    case 'OverLimit':
      return { reason: 'EphemeralStorageExceeded', message };
    case 'DeadlineExceeded':
    case 'Stopped':
    case 'Exited':
    case 'Unknown':
      return exit ? exitFailure(exit) : { reason: 'PodLost', message };
    default:
      return cause satisfies never;
  }
}

function exitFailure({ container, exitCode, reason }: Exit): PodFailure {
  const who = isFilling(container) ? `container ${container}, which fills volumes,` : 'the task container';
  if (reason === 'OOMKilled') return { reason, message: `${who} exceeded its memory limit` };
  return {
    reason: 'TaskContainerExited',
    message: `${who} ended with exit code ${exitCode} (${reason})`,
  };
}

/** What an attempt failed with whose Pod is gone, as far as its Job tells; undefined where there is none. */
export function failureWithoutPod(job: Job | undefined): PodFailure | undefined {
  const condition = job && failedCondition(job);
  return condition?.reason === 'PodFailurePolicy'
    ? { reason: 'Evicted', message: `evicted, preempted or drained, and gone: ${condition.message ?? ''}` }
    : undefined;
}

/** A Pod that should have ended and has not. */
export const nodeLost = (pod: Pod): PodFailure => ({
  reason: 'NodeLost',
  message: `the node of Pod ${pod.metadata.name} does not end it`,
});
