/** Pure: what stays of an ended Trial in indexes and aggregates. */
import { byText } from '../text/figures.ts';
import { Compile } from 'typebox/compile';
import Value from 'typebox/value';
import { shownName } from '../crds/agents.ts';
import { ADHOC_RUN, identityOf, trialName } from '../crds/names.ts';
import { isFinished } from '../crds/conditions.ts';
import { choice, Type } from '../crds/schema.ts';
import { TRIAL_NAME_PATTERN, type TrialStatus } from '../crds/trial-status.ts';
import type { Trial } from '../crds/trial.ts';
import { STATE_NAMES } from './state-names.ts';
import { stateOf } from './state.ts';
import { USAGE_FIELDS, usageFields } from './usage.ts';

const Word = Type.String({ maxLength: 1024 });
const WordOrNull = Type.Union([Word, Type.Null()]);
const Rewards = Type.Unsafe<Record<string, number>>({
  type: 'object',
  maxProperties: 64,
  additionalProperties: { type: 'number' },
});

/** What a record has out of `result.json`, under the same names. */
const shared = {
  run: Type.String({ minLength: 1, maxLength: 63 }),
  namespace: Type.String({ minLength: 1, maxLength: 63 }),
  /** Of the object. */
  name: Type.String({ minLength: 1, maxLength: 253 }),
  trial_name: Type.String({ pattern: TRIAL_NAME_PATTERN, maxLength: 100 }),
  task_name: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$' }),
  task_version: Type.Union([Type.String({ pattern: '^[0-9a-f]{12}$' }), Type.Null()]),
  /** Dataset. */
  source: Word,
  state: choice(STATE_NAMES, 'Where it ended.'),
  reason: Word,
  started_at: Word,
  finished_at: Word,
  s3_task_uri: WordOrNull,
  s3_trial_uri: WordOrNull,
};

/** The record of a Trial: a line of a run's index, an object of its task's index; in Harbor's words. */
export const TrialRecord = Type.Object({
  schema_version: Type.Literal(1),
  ...shared,
  uid: Type.String({ minLength: 1, maxLength: 64 }),
  task_id: Word,
  agent: Word,
  model: WordOrNull,
  rewards: Type.Union([Rewards, Type.Null()]),
  exception_type: WordOrNull,
  n_attempts: Type.Integer({ minimum: 0 }),
  ...USAGE_FIELDS,
  /** The Trial that this one judged again, and the reward that it has itself. Missing of a Trial with an agent of its own. */
  regraded: Type.Optional(
    Type.Object({
      trial_name: Type.String({ maxLength: 100 }),
      reward: Type.Union([Type.Number(), Type.Null()]),
    }),
  ),
});
export type TrialRecord = Type.Static<typeof TrialRecord>;

let check: ReturnType<typeof Compile<typeof TrialRecord>> | undefined;

/** Compiled, at the first use: an index holds a hundred thousand of them, and the schema read anew for each costs twenty times as much. */
export const isTrialRecord = (value: unknown): value is TrialRecord =>
  (check ??= Compile(TrialRecord)).Check(value);

/** Longest record, in characters of JSON: keys of rewards are as long as a verifier makes them. */
const RECORD_MAX = 8192;

/** The record of a Trial that has ended; undefined before, and of one that took over the outcome of another, which has a record. Told by the object alone, so it is the same whoever makes it. */
export function recordOf(trial: Trial): TrialRecord | undefined {
  if (!isFinished(trial) || trial.status?.adopted) return undefined;
  const { metadata, spec, status = {} } = trial;
  const { state, reason } = stateOf(trial);
  const started_at = metadata.creationTimestamp ?? '';
  return asRecord({
    schema_version: 1,
    run: spec.run ?? ADHOC_RUN,
    ...identityOf(trial),
    trial_name: trialName(identityOf(trial)),
    ...taskOf(spec.task),
    agent: shownName(spec.agent),
    model: spec.agent.model ?? null,
    state,
    reason,
    started_at,
    finished_at: status.finishedAt ?? started_at,
    ...resultOf(status),
  });
}

/** Within its bounds and with its fields in one order, so that the same record is the same text. */
function asRecord(record: TrialRecord): TrialRecord {
  const fields = Object.keys(TrialRecord.properties)
    .map((key) => [key, record[key as keyof TrialRecord]])
    .filter(([, value]) => value !== undefined);
  const ordered = Object.fromEntries(fields) as TrialRecord;
  const { rewards } = ordered;
  if (!rewards || JSON.stringify(ordered).length <= RECORD_MAX) return ordered;
  // The reward itself fits whatever the keys are.
  return { ...ordered, rewards: { reward: rewardOf(rewards) } };
}

/** The one reward: its own key, or the mean of all. */
export function rewardOf(rewards: Record<string, number>): number {
  const values = Object.values(rewards);
  return rewards['reward'] ?? values.reduce((sum, value) => sum + value, 0) / values.length;
}

const resultOf = ({
  rewards,
  exception,
  attempts,
  usage: used,
  s3TaskUri,
  s3TrialUri,
  regraded,
}: TrialStatus) => ({
  rewards: rewards ?? null,
  exception_type: exception?.type ?? null,
  n_attempts: attempts?.length ?? 0,
  ...usageFields(used),
  s3_task_uri: s3TaskUri ?? null,
  s3_trial_uri: s3TrialUri ?? null,
  ...(regraded && { regraded: { trial_name: regraded.trial, reward: regraded.reward ?? null } }),
});

const taskId = (name: string, version: string | null): string =>
  version === null ? name : `${name}@${version}`;

const taskOf = ({
  name,
  version = null,
  dataset,
}: Pick<Trial['spec']['task'], 'name' | 'dataset'> & { version?: string | null }) => ({
  task_name: name,
  task_version: version,
  task_id: taskId(name, version),
  source: dataset,
});

/** Of a Trial's `result.json`, what its record is made of. */
const StoredResult = Type.Object({
  ...shared,
  id: Type.String({ minLength: 1, maxLength: 64 }),
  agent_info: Type.Object({ name: Word }),
  config: Type.Object({ agent: Type.Object({ model_name: WordOrNull }) }),
  /** Null of a task with steps, which have it each. */
  agent_result: Type.Union([Type.Object(USAGE_FIELDS), Type.Null()]),
  usage: Type.Optional(Type.Object(USAGE_FIELDS)),
  verifier_result: Type.Union([Type.Object({ rewards: Rewards }), Type.Null()]),
  exception_info: Type.Union([Type.Object({ exception_type: Word }), Type.Null()]),
  attempts: Type.Array(Type.Unknown(), { maxItems: 32 }),
  regraded_from: Type.Optional(
    Type.Union([
      Type.Object({
        trial_name: Type.String({ maxLength: 100 }),
        reward: Type.Union([Type.Number(), Type.Null()]),
      }),
      Type.Null(),
    ]),
  ),
});

/** The record that a stored `result.json` tells: the same as `recordOf`. Undefined for what is no result of an operator that stores records. */
export function recordOfResult(result: unknown): TrialRecord | undefined {
  if (!Value.Check(StoredResult, result)) return undefined;
  const {
    config,
    agent_info,
    agent_result,
    verifier_result,
    exception_info,
    attempts,
    regraded_from: from,
  } = result;
  const kept = Object.fromEntries(
    Object.keys(shared).map((key) => [key, result[key as keyof typeof shared]]),
  ) as Pick<TrialRecord, keyof typeof shared>;
  const used = agent_result ?? result.usage ?? usageFields();
  const { n_input_tokens, n_cache_tokens, n_output_tokens, cost_usd } = used;
  return asRecord({
    schema_version: 1,
    ...kept,
    uid: result.id,
    task_id: taskId(result.task_name, result.task_version),
    agent: agent_info.name,
    model: config.agent.model_name,
    rewards: verifier_result?.rewards ?? null,
    exception_type: exception_info?.exception_type ?? null,
    n_attempts: attempts.length,
    n_input_tokens,
    n_cache_tokens,
    n_output_tokens,
    cost_usd,
    ...(from && { regraded: { trial_name: from.trial_name, reward: from.reward } }),
  });
}

/** Before the latest attempt there were retries. */
export const retriesOf = ({ n_attempts }: TrialRecord): number => Math.max(0, n_attempts - 1);

/** In the order in which they ended, the same on every machine. */
export const inOrderOfEnd = (a: TrialRecord, b: TrialRecord): number =>
  byText(a.finished_at, b.finished_at) || byText(a.trial_name, b.trial_name);
