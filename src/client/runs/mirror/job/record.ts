/** Pure: what stays of an ended Trial in indexes and aggregates. */
import { ADHOC_RUN, identityOf, trialName } from '../../../../crds/names.ts';
import { isFinished } from '../../../../crds/conditions.ts';
import type { TrialStatus } from '../../../../crds/trial-status.ts';
import type { Trial } from '../../../../crds/trial.ts';
import { stateOf } from '../../follow/state.ts';
import type { TrialState } from '../../../documents/states.ts';

/** An entry of `indexes/tasks/<task_name>/<task_version>/`: one immutable object for each ended Trial, in Harbor's words. */
export interface TrialRecord {
  schema_version: 1;
  run: string;
  namespace: string;
  /** Of the object. */
  name: string;
  uid: string;
  trial_name: string;
  task_name: string;
  task_version: string | null;
  task_id: string;
  /** Dataset. */
  source: string;
  agent: string;
  model: string | null;
  state: TrialState;
  reason: string;
  rewards: Record<string, number> | null;
  exception_type: string | null;
  n_attempts: number;
  started_at: string;
  finished_at: string;
  n_input_tokens: number | null;
  n_cache_tokens: number | null;
  n_output_tokens: number | null;
  cost_usd: number | null;
  s3_task_uri: string | null;
  s3_trial_uri: string | null;
}

/** The record of a Trial that has ended; undefined before. Told by the object alone, so it is the same whoever makes it. */
export function recordOf(trial: Trial): TrialRecord | undefined {
  if (!isFinished(trial)) return undefined;
  const { metadata, spec, status = {} } = trial;
  const { state, reason } = stateOf(trial);
  const started_at = metadata.creationTimestamp ?? '';
  return {
    schema_version: 1,
    run: spec.run ?? ADHOC_RUN,
    ...identityOf(trial),
    trial_name: trialName(identityOf(trial)),
    ...taskOf(spec.task),
    agent: spec.agent.name,
    model: spec.agent.model ?? null,
    state,
    reason,
    started_at,
    finished_at: status.finishedAt ?? started_at,
    ...resultOf(status),
  };
}

const resultOf = ({ rewards, exception, attempts, usage, s3TaskUri, s3TrialUri }: TrialStatus) => ({
  rewards: rewards ?? null,
  exception_type: exception?.type ?? null,
  n_attempts: attempts?.length ?? 0,
  ...usageOf(usage),
  s3_task_uri: s3TaskUri ?? null,
  s3_trial_uri: s3TrialUri ?? null,
});

const taskOf = ({ name, version, dataset }: Trial['spec']['task']) => ({
  task_name: name,
  task_version: version ?? null,
  task_id: version === undefined ? name : `${name}@${version}`,
  source: dataset,
});

const usageOf = (usage: TrialStatus['usage'] = {}) => ({
  n_input_tokens: usage.inputTokens ?? null,
  n_cache_tokens: usage.cacheTokens ?? null,
  n_output_tokens: usage.outputTokens ?? null,
  cost_usd: usage.costUsd ?? null,
});

/** Before the latest attempt there were retries. */
export const retriesOf = ({ n_attempts }: TrialRecord): number => Math.max(0, n_attempts - 1);
