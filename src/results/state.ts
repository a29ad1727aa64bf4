/** Pure: where a Trial is, in one word, and why. */
import { conditionOf } from '../crds/conditions.ts';
import { faultOf, type TrialActiveReason } from '../crds/reasons.ts';
import type { Trial } from '../crds/trial.ts';
import type { TrialState } from './state-names.ts';

const ENDED = new Set<TrialState>(['passed', 'failed', 'lost', 'cancelled']);

export const isEnded = (state: TrialState): boolean => ENDED.has(state);

/** A reward that counts as solved: Harbor's tests write 1 for it. */
const SOLVED = 1;

/** Its containers may print. Of a Pod that waits the API server has an empty log, which says nothing about what is to come. */
export const isRunning = (state: TrialState): boolean => state === 'running' || state === 'verifying';

const ACTIVE: Record<TrialActiveReason, TrialState> = {
  Pending: 'queued',
  Suspended: 'suspended',
  BuildingImage: 'building',
  RegistryUnavailable: 'queued',
  NetworkPending: 'queued',
  HeldByQueue: 'held',
  BudgetExceeded: 'held',
  Unschedulable: 'pending',
  PullingImage: 'pulling',
  Running: 'running',
  Retrying: 'retrying',
  Stopping: 'running',
};

export interface StateSeen {
  state: TrialState;
  /** Reason of the condition `Succeeded`; `Accepted` where there is none yet. */
  reason: string;
  /** Its sentence, from the operator or, through it, from outside. */
  message: string;
}

/** The state of a Trial as its conditions tell it. */
export function stateOf(trial: Trial): StateSeen {
  const condition = conditionOf(trial, 'Succeeded');
  if (!condition)
    return { state: 'queued', reason: 'Accepted', message: 'the operator has not looked at it yet' };
  const { status, reason, message } = condition;
  if (status === 'True') return { state: solved(trial) ? 'passed' : 'failed', reason, message };
  if (status === 'False') return { state: endOf(reason, message), reason, message };
  return { state: activeState(trial, reason), reason, message };
}

const solved = ({ status }: Trial): boolean => (status?.reward ?? SOLVED) >= SOLVED;

function endOf(reason: string, message: string): TrialState {
  switch (faultOf(reason, message)) {
    case 'user':
      return 'cancelled';
    case 'agent':
    case 'verifier':
      return 'failed';
    default:
      return 'lost';
  }
}

function activeState(trial: Trial, reason: string): TrialState {
  const state = Object.hasOwn(ACTIVE, reason) ? ACTIVE[reason as TrialActiveReason] : 'running';
  // A Job was made, and its Pod is not there yet: that is the cluster's turn, not the operator's.
  if (reason === 'Pending' && trial.status?.jobName !== undefined) return 'pending';
  if (state === 'running' && conditionOf(trial, 'AgentFinished')?.status === 'True') return 'verifying';
  return state;
}
