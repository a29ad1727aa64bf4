/** Pure: what there is in the cluster, counted by what it waits for. */
import { conditionOf, isFinished } from '../../crds/conditions.ts';
import { mayStartSince, openAttempt } from '../../crds/attempts.ts';
import { BUILD_ACTIVE, TRIAL_ACTIVE } from '../../crds/reasons.ts';
import {
  SANDBOX_LOST,
  SANDBOX_READY,
  SANDBOX_STOPPED,
  SANDBOX_WAITING,
  standingOf,
} from '../../crds/sandbox-reasons.ts';
import type { Sandbox } from '../../crds/sandbox.ts';
import type { TaskBuild } from '../../crds/task-build.ts';
import type { Trial } from '../../crds/trial.ts';
import { stateOf } from '../../results/state.ts';
import { listed } from './labels.ts';

/** Index of Trials that have not ended, under one value: they are few beside those that have. */
export const byOpen = (trial: Trial): string[] => (isFinished(trial) ? [] : [OPEN]);
export const OPEN = 'open';

const trialReason = listed(TRIAL_ACTIVE, { Accepted: '' });
const buildReason = listed(BUILD_ACTIVE, { Accepted: '' });
const sandboxReason = listed(SANDBOX_READY, SANDBOX_WAITING, SANDBOX_STOPPED, SANDBOX_LOST);

export interface TrialStanding {
  namespace: string;
  state: string;
  reason: string;
  /** How long it has been on its way there. */
  seconds: number;
}

/** Where a Trial stands that has not ended. */
export function trialStanding(trial: Trial, now: Date): TrialStanding {
  const { state, reason } = stateOf(trial);
  const { namespace = '', creationTimestamp } = trial.metadata;
  const begun = mayStartSince(openAttempt(trial)) ?? trial.status?.attempts?.at(-1)?.completionTime;
  const since = Date.parse(begun ?? creationTimestamp ?? '') || now.getTime();
  return {
    namespace,
    state,
    reason: trialReason(reason),
    seconds: Math.max(0, (now.getTime() - since) / 1000),
  };
}

/** What a TaskBuild waits for; undefined of one that has ended. */
export function buildStanding(build: TaskBuild): { namespace: string; reason: string } | undefined {
  if (isFinished(build)) return undefined;
  const reason = conditionOf(build, 'Succeeded')?.reason ?? 'Accepted';
  return { namespace: build.metadata.namespace ?? '', reason: buildReason(reason) };
}

export function sandboxStanding(sandbox: Sandbox): { namespace: string; state: string; reason: string } {
  const { reason = 'Pending' } = standingOf(sandbox) ?? {};
  const { namespace = '' } = sandbox.metadata;
  return {
    namespace,
    state: conditionOf(sandbox, 'Ready')?.status === 'True' ? 'ready' : unready(reason),
    reason: sandboxReason(reason),
  };
}

function unready(reason: string): string {
  if (Object.hasOwn(SANDBOX_LOST, reason)) return 'lost';
  return Object.hasOwn(SANDBOX_STOPPED, reason) ? 'stopped' : 'waiting';
}
