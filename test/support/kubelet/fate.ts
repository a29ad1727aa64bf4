/** What becomes of a simulated Pod, and the marks that it leaves. */
import type { Outcome } from '../../../src/wire/outcome.ts';
import type { TrialFailedReason } from '../../../src/crds/reasons.ts';
import type { Pod } from '../../../src/kube/kinds.ts';
import { anOutcome, containerStatus, endedPod } from '../builders/objects.ts';

export type Fate =
  /** The courier stores the files, then tells a reward; every Pod obtains another one. */
  | { kind: 'rewarded' }
  /** The courier tells why there is none. */
  | { kind: 'failed'; reason: TrialFailedReason }
  /** Out of memory: the courier says nothing. */
  | { kind: 'outOfMemory' }
  | { kind: 'evicted' }
  /** Somebody deletes the Pod, which is told to stop, and does. */
  | { kind: 'deleted' }
  /** Deleted by force; `stored`: after the courier had stored everything. */
  | { kind: 'vanishes'; stored: boolean }
  /** The node falls silent; its Pod is marked and stays, until its Job is deleted. */
  | { kind: 'nodeLost' }
  | { kind: 'unschedulable' }
  /** The agent ends, and the container of its separate verifier does not start; told to stop, the courier says `Cancelled`. */
  | { kind: 'verifierHeld' }
  /** Runs until it is told to stop; then the courier says `Cancelled`, or had a reward just before. */
  | { kind: 'runs'; whenStopped: 'cancelled' | 'rewarded' };

type Status = NonNullable<Pod['status']>;

const seconds = (): string => new Date().toISOString().replace(/\.\d+Z$/, 'Z');

export const pending: Status = { phase: 'Pending' };

export const unscheduled: Status = {
  phase: 'Pending',
  conditions: [
    { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: 'no node has room' },
  ],
};

export const running = (): Status => ({
  phase: 'Running',
  initContainerStatuses: [containerStatus('courier', { running: { startedAt: seconds() } })],
  containerStatuses: [containerStatus('task', { running: { startedAt: seconds() } })],
});

export const verifierHeld = (): Status => ({
  phase: 'Running',
  initContainerStatuses: [
    containerStatus('courier', { running: { startedAt: seconds() } }),
    containerStatus('task', {
      terminated: { exitCode: 0, startedAt: seconds(), finishedAt: seconds() },
    }),
  ],
  containerStatuses: [
    containerStatus('verifier', { waiting: { reason: 'InvalidImageName', message: 'no such name' } }),
  ],
});

/** The Pod of a courier that left this outcome. */
export const told = (outcome: Outcome): Status => ({
  ...endedPod(JSON.stringify(outcome), seconds()),
  phase: outcome.result.kind === 'failed' ? 'Failed' : 'Succeeded',
});

export const outOfMemory = (): Status => ({
  phase: 'Failed',
  initContainerStatuses: [containerStatus('courier', { terminated: { exitCode: 137, reason: 'Error' } })],
  containerStatuses: [
    containerStatus('task', {
      terminated: { exitCode: 137, reason: 'OOMKilled', startedAt: seconds(), finishedAt: seconds() },
    }),
  ],
});

export const disrupted = (status: Status, reason: string): Status => ({
  ...status,
  conditions: [{ type: 'DisruptionTarget', status: 'True', reason, message: 'the simulation says so' }],
});

/** With all that a regrade asks of it. */
export const rewardedOutcome = (attempt: number, reward: number): Outcome =>
  anOutcome({
    attempt,
    result: { kind: 'rewarded', reward, rewards: { reward } },
    stored: { files: 3, bytes: 42, skipped: 0, collected: 1, manifestSha256: 'a'.repeat(64) },
  });

export const failedOutcome = (attempt: number, reason: TrialFailedReason): Outcome =>
  anOutcome({ attempt, result: { kind: 'failed', reason, message: `simulated ${reason}` } });
