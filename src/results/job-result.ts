/** Pure: a job's `result.json` as Harbor 0.25 writes it (models/job/result.py, metrics/mean.py), out of its Trials. */
import { createHash } from 'node:crypto';
import { byText } from '../text/figures.ts';
import { evalKey, PassAtK } from './pass-at-k.ts';
import { retriesOf, type TrialRecord } from './record.ts';

/** Harbor's AgentDatasetStats. */
export interface EvalStats {
  /** Trials with rewards; the means are over all of them, though. */
  n_trials: number;
  n_errors: number;
  metrics: Record<string, number>[];
  pass_at_k: Record<string, number>;
  /** Key of the reward file → value → names of Trials. */
  reward_stats: Record<string, Record<string, string[]>>;
  exception_stats: Record<string, string[]>;
}

/** Harbor's JobResult, without `trial_results`, as Harbor itself leaves them out. */
export interface JobResult {
  id: string;
  started_at: string;
  updated_at: string;
  finished_at: string | null;
  n_total_trials: number;
  stats: {
    /** Those with errors included. */
    n_completed_trials: number;
    n_errored_trials: number;
    n_running_trials: number;
    n_pending_trials: number;
    n_cancelled_trials: number;
    n_retries: number;
    evals: Record<string, EvalStats>;
    n_input_tokens: number | null;
    n_cache_tokens: number | null;
    n_output_tokens: number | null;
    cost_usd: number | null;
  };
}

export interface JobProgress {
  run: string;
  /** Trials that the run has or will have. */
  total: number;
  /** Trials whose Pod runs. */
  running: number;
  /** When the first Trial was created. */
  startedAt: Date;
  now: Date;
}

/** The aggregate of these Trials; their order has no part in it. It is finished when all of the run's Trials have a record. */
export function jobResult(records: readonly TrialRecord[], progress: JobProgress): JobResult {
  const sorted = records.toSorted((a, b) => byText(a.trial_name, b.trial_name));
  const { run, startedAt, now } = progress;
  const total = Math.max(progress.total, sorted.length);
  const finished = total > 0 && sorted.length === total;
  const lastEnd = new Date(Math.max(...sorted.map(({ finished_at }) => Date.parse(finished_at))));
  const running = finished ? 0 : Math.min(progress.running, total - sorted.length);
  return {
    id: jobId(run),
    started_at: naive(startedAt),
    updated_at: naive(finished ? lastEnd : now),
    finished_at: finished ? naive(lastEnd) : null,
    n_total_trials: total,
    stats: {
      n_completed_trials: sorted.length,
      n_errored_trials: sorted.filter(isErrored).length,
      n_running_trials: running,
      n_pending_trials: total - sorted.length - running,
      n_cancelled_trials: sorted.filter(({ state }) => state === 'cancelled').length,
      n_retries: sorted.reduce((sum, record) => sum + retriesOf(record), 0),
      evals: evalsOf(sorted),
      ...tokensOf(sorted),
    },
  };
}

const isErrored = ({ exception_type }: TrialRecord): boolean => exception_type !== null;

/** Harbor wants a UUID; ours is made of the run's name (RFC 9562, version 8), so that every writer has the same. */
export function jobId(run: string): string {
  const hex = createHash('sha256').update(`sb.abundant.ai/run/${run}`).digest('hex').slice(0, 32);
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 3) | 8).toString(16);
  const digits = `${hex.slice(0, 12)}8${hex.slice(13, 16)}${variant}${hex.slice(17)}`;
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

const two = (value: number): string => String(value).padStart(2, '0');

/** A job's times are local and without a zone, as Python's `datetime.now()` is; its viewer could not sort ours among them otherwise. */
export function naive(at: Date): string {
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return `${date}T${time}.${String(at.getMilliseconds()).padStart(3, '0')}000`;
}

function tokensOf(records: TrialRecord[]) {
  const sum = (field: 'n_input_tokens' | 'n_cache_tokens' | 'n_output_tokens' | 'cost_usd') => {
    const told = records.flatMap((record) => record[field] ?? []);
    return told.length === 0 ? null : told.reduce((total, value) => total + value, 0);
  };
  return {
    n_input_tokens: sum('n_input_tokens'),
    n_cache_tokens: sum('n_cache_tokens'),
    n_output_tokens: sum('n_output_tokens'),
    cost_usd: sum('cost_usd'),
  };
}

function evalsOf(records: TrialRecord[]): Record<string, EvalStats> {
  const groups = Map.groupBy(records, ({ agent, model, source }) =>
    evalKey(agent, model ?? undefined, source),
  );
  const entries = [...groups].sort(([a], [b]) => byText(a, b));
  return Object.fromEntries(entries.map(([key, group]) => [key, statsOf(group)]));
}

function statsOf(records: TrialRecord[]): EvalStats {
  const attempts = new PassAtK();
  for (const { task_name, rewards } of records) attempts.add(task_name, rewards ?? undefined);
  return {
    n_trials: records.filter(({ rewards }) => rewards !== null).length,
    n_errors: records.filter(isErrored).length,
    metrics: [meanOf(records.map(({ rewards }) => rewards))],
    pass_at_k: attempts.result(),
    reward_stats: rewardStats(records),
    exception_stats: namesBy(records, ({ exception_type }) => exception_type),
  };
}

/** One key in all: `mean`, whatever it is called; several: the mean of each. What is missing counts 0. */
function meanOf(rewards: TrialRecord['rewards'][]): Record<string, number> {
  const keys = [...new Set(rewards.flatMap((reward) => Object.keys(reward ?? {})))].sort(byText);
  const mean = (value: (reward: Record<string, number>) => number | undefined): number =>
    rewards.reduce((sum, reward) => sum + (value(reward ?? {}) ?? 0), 0) / rewards.length;
  if (keys.length <= 1) return { mean: mean((reward) => Object.values(reward)[0]) };
  return Object.fromEntries(keys.map((key) => [key, mean((reward) => reward[key])]));
}

function rewardStats(records: TrialRecord[]): EvalStats['reward_stats'] {
  const keys = [...new Set(records.flatMap(({ rewards }) => Object.keys(rewards ?? {})))].sort(byText);
  return Object.fromEntries(
    keys.map((key) => [key, namesBy(records, ({ rewards }) => asPython(rewards?.[key]))]),
  );
}

/** A reward as Harbor's keys have it: Python writes a float with its fraction. */
const asPython = (value: number | undefined): string | null =>
  value === undefined ? null : Number.isInteger(value) ? `${value}.0` : String(value);

function namesBy(
  records: TrialRecord[],
  keyOf: (record: TrialRecord) => string | null,
): Record<string, string[]> {
  const groups = Map.groupBy(records, keyOf);
  groups.delete(null);
  const entries = [...groups].map(
    ([key, group]) => [key, group.map(({ trial_name }) => trial_name)] as const,
  );
  return Object.fromEntries(entries.sort(([a], [b]) => byText(String(a), String(b))));
}
