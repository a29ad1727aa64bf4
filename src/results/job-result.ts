/** Pure: a job's `result.json` as Harbor 0.25 writes it (models/job/result.py, metrics/mean.py), out of its Trials. */
import { createHash } from 'node:crypto';
import Value from 'typebox/value';
import { faultOfException } from '../crds/agent-failures.ts';
import { Type } from '../crds/schema.ts';
import { byText } from '../text/figures.ts';
import { parsedJson } from '../text/json.ts';
import { evalKey, PassAtK } from './pass-at-k.ts';
import { retriesOf, rewardOf, type TrialRecord } from './record.ts';
import { USAGE_FIELDS, UsageFold, usageFields } from './usage.ts';

const Count = Type.Integer({ minimum: 0 });
/** Without a zone, as Python writes it. */
const Stamp = Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}$' });
const Means = Type.Record(Type.String(), Type.Number());
const Names = Type.Record(Type.String(), Type.Array(Type.String()));

/** Harbor's AgentDatasetStats; what is optional is ours. */
const EvalStats = Type.Object({
  /** Trials with rewards; the means are over all of them, though. */
  n_trials: Count,
  n_errors: Count,
  metrics: Type.Array(Means),
  pass_at_k: Means,
  /** Key of the reward file → value → names of Trials. */
  reward_stats: Type.Record(Type.String(), Names),
  exception_stats: Names,
  /** What those Trials used whose usage is known. */
  usage: Type.Optional(Type.Object(USAGE_FIELDS)),
});
export type EvalStats = Type.Static<typeof EvalStats>;

/** Harbor's JobResult, without `trial_results`, as Harbor itself leaves them out. */
const JobResult = Type.Object({
  id: Type.String(),
  started_at: Stamp,
  updated_at: Stamp,
  finished_at: Type.Union([Stamp, Type.Null()]),
  n_total_trials: Count,
  stats: Type.Object({
    /** Those with errors included. */
    n_completed_trials: Count,
    n_errored_trials: Count,
    n_running_trials: Count,
    n_pending_trials: Count,
    n_cancelled_trials: Count,
    n_retries: Count,
    evals: Type.Record(Type.String(), EvalStats),
    ...USAGE_FIELDS,
    /** Trials that met a failure of their model's provider; ours, and missing in older ones. */
    n_model_failures: Type.Optional(Count),
  }),
  /** Of Trials that judged others again; missing where there are none. */
  regrade: Type.Optional(
    Type.Object({
      /** With a reward on both sides; the means are over these. */
      n_compared: Count,
      n_up: Count,
      n_down: Count,
      mean_original: Type.Union([Type.Number(), Type.Null()]),
      mean_regraded: Type.Union([Type.Number(), Type.Null()]),
    }),
  ),
});
export type JobResult = Type.Static<typeof JobResult>;

/** Reads the text of a job's `result.json`; undefined where it is not what `jobResult` makes. */
export function readJobResult(text: string): JobResult | undefined {
  const value = parsedJson(text);
  return Value.Check(JobResult, value) ? value : undefined;
}

export interface JobProgress {
  /** Name of the run, or of the job where another namespace has a run of that name. */
  run: string;
  /** Trials that the run has or will have. */
  total: number;
  /** Trials whose Pod runs. */
  running: number;
  /** When the first Trial was created that has not ended; undefined where all have. */
  startedAt?: Date | undefined;
  now: Date;
  /** How times are written; default: `naive`. */
  stamp?: (at: Date) => string;
}

/** The aggregate of these Trials; their order has no part in it. It is finished when all of the run's Trials have a record. */
export function jobResult(records: Iterable<TrialRecord>, progress: JobProgress): JobResult {
  const fold = new JobFold();
  for (const record of records) fold.add(record);
  return fold.result(progress);
}

/** Adds records up, each in the same time however many there were. Keeps of each its name, and counts by task. */
export class JobFold {
  readonly #evals = new Map<string, EvalFold>();
  readonly #usage = new UsageFold();
  readonly #regrades: Compared[] = [];
  #hasRegrades = false;
  #errored = 0;
  #cancelled = 0;
  #retries = 0;
  #modelFailures = 0;
  #firstStart = Infinity;
  #lastEnd = -Infinity;
  completed = 0;

  add(record: TrialRecord): void {
    const { agent, model, source, started_at, finished_at, exception_type } = record;
    this.completed += 1;
    this.#errored += Number(isErrored(record));
    this.#cancelled += Number(record.state === 'cancelled');
    this.#retries += retriesOf(record);
    this.#firstStart = Math.min(this.#firstStart, Date.parse(started_at));
    this.#lastEnd = Math.max(this.#lastEnd, Date.parse(finished_at));
    this.#modelFailures += Number(faultOfException(exception_type) === 'model');
    this.#usage.add(record);
    this.#compare(record);
    const key = evalKey(agent, model ?? undefined, source);
    const group = this.#evals.get(key) ?? new EvalFold();
    this.#evals.set(key, group);
    group.add(record);
  }

  #compare({ regraded, rewards }: TrialRecord): void {
    if (!regraded) return;
    this.#hasRegrades = true;
    if (regraded.reward !== null && rewards)
      this.#regrades.push({ original: regraded.reward, regraded: rewardOf(rewards) });
  }

  result({ run, total: expected, running, startedAt, now, stamp = naive }: JobProgress): JobResult {
    const total = Math.max(expected, this.completed);
    const finished = total > 0 && this.completed === total;
    const start = new Date(Math.min(this.#firstStart, startedAt?.getTime() ?? Infinity, now.getTime()));
    const end = new Date(this.#lastEnd);
    const runs = finished ? 0 : Math.min(running, total - this.completed);
    const evals = [...this.#evals].sort(([a], [b]) => byText(a, b));
    return {
      id: jobId(run),
      started_at: stamp(start),
      updated_at: stamp(finished ? end : now),
      finished_at: finished ? stamp(end) : null,
      n_total_trials: total,
      stats: {
        n_completed_trials: this.completed,
        n_errored_trials: this.#errored,
        n_running_trials: runs,
        n_pending_trials: total - this.completed - runs,
        n_cancelled_trials: this.#cancelled,
        n_retries: this.#retries,
        evals: Object.fromEntries(evals.map(([key, group]) => [key, group.stats()])),
        ...(this.#usage.sum() ?? usageFields()),
        n_model_failures: this.#modelFailures,
      },
      ...(this.#hasRegrades && { regrade: compared(this.#regrades) }),
    };
  }
}

/** The rewards of a Trial and of its regrade. */
export interface Compared {
  original: number;
  regraded: number;
}

/** What comes of comparing them. */
export function compared(pairs: readonly Compared[]): NonNullable<JobResult['regrade']> {
  const meanOf = (values: number[]): number | null =>
    // Sums of fractions come out the same every time only in one order.
    values.length === 0 ? null : values.sort((a, b) => a - b).reduce((a, b) => a + b) / values.length;
  return {
    n_compared: pairs.length,
    n_up: pairs.filter(({ original, regraded }) => regraded > original).length,
    n_down: pairs.filter(({ original, regraded }) => regraded < original).length,
    mean_original: meanOf(pairs.map(({ original }) => original)),
    mean_regraded: meanOf(pairs.map(({ regraded }) => regraded)),
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

/** The same for UTC, which is what the bucket has: those who read it are in many zones. */
export const naiveUtc = (at: Date): string => `${at.toISOString().slice(0, -1)}000`;

/** The aggregate out of the bucket with its times as this machine's clock shows them. */
export function inLocalTime(result: JobResult): JobResult {
  const local = (stamp: string): string => naive(new Date(`${stamp.slice(0, 23)}Z`));
  const { started_at, updated_at, finished_at } = result;
  return {
    ...result,
    started_at: local(started_at),
    updated_at: local(updated_at),
    finished_at: finished_at === null ? null : local(finished_at),
  };
}

/** One agent, model and dataset. */
class EvalFold {
  readonly #attempts = new PassAtK();
  /** Key of the reward file → value → names of Trials. */
  readonly #rewards = new Map<string, Map<number, string[]>>();
  readonly #exceptions = new Map<string, string[]>();
  readonly #usage = new UsageFold();
  #trials = 0;
  #rewarded = 0;
  #errors = 0;

  add(record: TrialRecord): void {
    const { task_name, trial_name, rewards, exception_type } = record;
    this.#trials += 1;
    this.#rewarded += Number(rewards !== null);
    this.#errors += Number(isErrored(record));
    this.#attempts.add(task_name, rewards ?? undefined);
    this.#usage.add(record);
    for (const [key, value] of Object.entries(rewards ?? {})) {
      const values = this.#rewards.get(key) ?? new Map<number, string[]>();
      this.#rewards.set(key, values);
      file(values, value, trial_name);
    }
    if (exception_type !== null) file(this.#exceptions, exception_type, trial_name);
  }

  stats(): EvalStats {
    const byKey = [...this.#rewards].sort(([a], [b]) => byText(a, b));
    const exceptions = [...this.#exceptions].sort(([a], [b]) => byText(a, b));
    const usage = this.#usage.sum();
    return {
      n_trials: this.#rewarded,
      n_errors: this.#errors,
      metrics: [this.#means(byKey)],
      pass_at_k: this.#attempts.result(),
      reward_stats: Object.fromEntries(byKey.map(([key, values]) => [key, namesByValue(values)])),
      exception_stats: Object.fromEntries(exceptions.map(([type, names]) => [type, sorted(names)])),
      ...(usage && { usage }),
    };
  }

  /** One key in all: `mean`, whatever it is called; several: the mean of each. What is missing counts 0. */
  #means(byKey: [string, Map<number, string[]>][]): Record<string, number> {
    const mean = (values: Map<number, string[]>): number =>
      inOrder(values).reduce((sum, [value, names]) => sum + value * names.length, 0) / this.#trials;
    if (byKey.length <= 1) return { mean: mean(byKey[0]?.[1] ?? new Map<number, string[]>()) };
    return Object.fromEntries(byKey.map(([key, values]) => [key, mean(values)]));
  }
}

function file<Key>(groups: Map<Key, string[]>, key: Key, name: string): void {
  const names = groups.get(key);
  if (names) names.push(name);
  else groups.set(key, [name]);
}

/** Sums of fractions come out the same every time only in one order. */
const inOrder = (values: Map<number, string[]>): [number, string[]][] =>
  [...values].sort(([a], [b]) => a - b);

const namesByValue = (values: Map<number, string[]>): Record<string, string[]> =>
  Object.fromEntries(
    inOrder(values)
      .map(([value, names]) => [asPython(value), sorted(names)] as const)
      .sort(([a], [b]) => byText(a, b)),
  );

/** In place: what is in order already is sorted again in no time. */
const sorted = (names: string[]): string[] => names.sort(byText);

/** A reward as Harbor's keys have it: Python writes a float with its fraction. */
const asPython = (value: number): string => (Number.isInteger(value) ? `${value}.0` : String(value));
