/** Pure: what is kept of a Trial while its run is followed. */
import { hasResult } from '../../../crds/reasons.ts';
import { shownName } from '../../../crds/agents.ts';
import { mayStartSince } from '../../../crds/attempts.ts';
import { conditionOf } from '../../../crds/conditions.ts';
import { resultsName } from '../../../results/keys.ts';
import { present } from '../../../crds/present.ts';
import type { Trial } from '../../../crds/trial.ts';
import { evalKey } from '../../../results/pass-at-k.ts';
import { isEnded, stateOf } from '../../../results/state.ts';
import { usageFields, type UsageFields } from '../../../results/usage.ts';
import type { TrialState } from '../../../results/state-names.ts';

/** A Trial of the run, as small as it can be: there may be ten thousand. Texts are as they came: printing makes them safe. */
export interface TrialLine {
  namespace: string;
  name: string;
  uid: string;
  /** Harbor's trial name: the folder of its files. */
  trialName: string;
  task: string;
  agent: string;
  model?: string;
  /** Harbor's key of agent, model and dataset. */
  eval: string;
  state: TrialState;
  reason: string;
  message: string;
  /** Milliseconds since the epoch: when it was created, when its state was entered as far as its conditions tell, when it ended. */
  createdAt: number;
  since: number;
  endedAt?: number;
  attempts: number;
  node?: string;
  reward?: number;
  rewards?: Record<string, number>;
  /** Of a regrade: the reward of what was regraded, where that has one. */
  original?: number;
  /** What the agent used, in Harbor's words; missing where nothing is known. */
  usage?: UsageFields;
  /** Harbor's name of what went wrong, a reward notwithstanding. */
  exception?: string;
  /** The same for all Trials that came to the same trouble; missing where nothing went wrong. */
  trouble?: string;
}

const time = (stamp: string | undefined, otherwise: number): number =>
  stamp === undefined ? otherwise : Date.parse(stamp);

export function lineOf(trial: Trial): TrialLine {
  const { spec, status = {}, metadata } = trial;
  const seen = stateOf(trial);
  const createdAt = time(metadata.creationTimestamp, 0);
  const exception = status.exception?.type;
  const line = {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid ?? '',
    trialName: resultsName(trial),
    task: spec.task.name,
    agent: shownName(spec.agent),
    eval: evalKey(shownName(spec.agent), spec.agent.model, spec.task.dataset),
    ...seen,
    createdAt,
    since: since(trial, seen.state, createdAt),
    attempts: status.attempts?.length ?? 0,
    ...optional(trial),
  };
  const trouble = troubleOf(line, exception);
  return { ...line, ...present({ exception, trouble }) };
}

function optional({ spec, status = {} }: Trial) {
  const endedAt = status.finishedAt === undefined ? undefined : Date.parse(status.finishedAt);
  return present({
    model: spec.agent.model,
    endedAt,
    node: status.attempts?.at(-1)?.nodeName,
    reward: status.reward,
    rewards: status.rewards,
    original: status.regraded?.reward,
    usage: status.usage && usageFields(status.usage),
  });
}

/** The conditions' times move with their status only; the latest one that fits the state is as near as can be told. */
function since(trial: Trial, state: TrialState, createdAt: number): number {
  const { status } = trial;
  if (isEnded(state)) return time(status?.finishedAt, createdAt);
  const started = conditionOf(trial, 'Started');
  if ((state === 'running' || state === 'verifying') && started?.status === 'True')
    return time(started.lastTransitionTime, createdAt);
  return time(mayStartSince(status?.attempts?.at(-1)), createdAt);
}

type Seen = Pick<TrialLine, 'name' | 'state' | 'reason' | 'message'>;

/** Class and sentence, without what is each Trial's own: its name and Pod, counters, times. */
function troubleOf({ name, state, reason, message }: Seen, exception: string | undefined) {
  if (!isEnded(state) || state === 'cancelled') return undefined;
  if (hasResult(reason)) return exception;
  const isOwn = (word: string): boolean => `${word.replace(/^\W+/, '')}-`.startsWith(`${name}-`);
  const words = message.split(/\s+/).map((word) => (isOwn(word) ? '…' : word));
  return `${reason}: ${words.join(' ').replace(/\d+(?:\.\d+)?/g, '#')}`;
}
