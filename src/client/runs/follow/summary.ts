/** Pure: the Trials of a run → what is said of the run. */
import { hasResult } from '../../../crds/reasons.ts';
import { faultOfException } from '../../../crds/agent-failures.ts';
import { agentFacts } from '../../../crds/agents.ts';
import { present } from '../../../crds/present.ts';
import { byText, counted, figure } from '../../../text/figures.ts';
import { inNamespace } from '../../session/namespace.ts';
import type { ErrorGroup, RunSummaryDocument } from '../../documents/run.ts';
import { ContenderFold, type ContenderSummary } from './contenders.ts';
import type { TrialLine } from './line.ts';
import { compared, type Compared } from '../../../results/job-result.ts';
import { PassAtK } from '../../../results/pass-at-k.ts';
import { isEnded } from '../../../results/state.ts';
import { STATE_NAMES, type TrialState } from '../../../results/state-names.ts';

export interface RunSummary {
  run: string;
  /** Trials that the run has or will have. */
  total: number;
  counts: Record<TrialState, number>;
  ended: number;
  /** Trials with a reward. */
  rewarded: number;
  /** Over all that ended; one without a reward counts 0, as in Harbor. Undefined before the first end. */
  mean?: number;
  /** By agent, model and dataset, then by k. Only where every task was tried at least twice, with rewards of 0 and 1. */
  passAtK: Record<string, Record<string, number>>;
  /** Agents and models, with what they used. */
  contenders: ContenderSummary[];
  /** Trials that met a failure of their model's provider, by its name; the most frequent first. */
  modelFailures: [type: string, count: number][];
  /** Of the first Trial, milliseconds since the epoch; undefined where there is none yet. */
  createdAt?: number;
  /** From the first Trial's creation to now, or to the last end. */
  elapsedMs: number;
  remainingMs?: Range;
  /** The largest group first. */
  errors: ErrorGroup[];
  /** The last that ended, the latest first. */
  latest: TrialLine[];
  /** Of regrades, in the words of the documents; missing where there is nothing to compare. */
  regrade?: NonNullable<RunSummaryDocument['regrade']>;
}

const LATEST = 8;
const NAMES = 5;

const laterFirst = (a: TrialLine, b: TrialLine): number =>
  (b.endedAt ?? 0) - (a.endedAt ?? 0) || byText(a.name, b.name);

const noCounts = (): Record<TrialState, number> =>
  Object.fromEntries(STATE_NAMES.map((state) => [state, 0])) as Record<TrialState, number>;

/** One pass over the lines. Their order has no part in the result. */
class Fold {
  readonly counts = noCounts();
  readonly latest: TrialLine[] = [];
  readonly #rewards = new Map<number, number>();
  readonly #evals = new Map<string, PassAtK>();
  readonly #regrades: Compared[] = [];
  readonly #errors = new Map<string, ErrorGroup>();
  readonly contenders = new ContenderFold();
  readonly #modelFailures = new Map<string, number>();
  seen = 0;
  ended = 0;
  rewarded = 0;
  startedAt = Infinity;
  firstEndedAt = Infinity;
  lastEndedAt = 0;

  add(line: TrialLine): void {
    this.seen += 1;
    this.counts[line.state] += 1;
    this.startedAt = Math.min(this.startedAt, line.createdAt);
    if (line.trouble !== undefined) this.#troubled(line, line.trouble);
    if (isEnded(line.state)) this.#ended(line);
  }

  #ended(line: TrialLine): void {
    const { eval: key, task, reward, rewards, endedAt, original } = line;
    this.ended += 1;
    if (endedAt !== undefined) {
      this.firstEndedAt = Math.min(this.firstEndedAt, endedAt);
      this.lastEndedAt = Math.max(this.lastEndedAt, endedAt);
    }
    if (reward !== undefined) {
      this.rewarded += 1;
      this.#rewards.set(reward, (this.#rewards.get(reward) ?? 0) + 1);
      if (original !== undefined) this.#regrades.push({ original, regraded: reward });
    }
    const attempts = this.#evals.get(key) ?? new PassAtK();
    this.#evals.set(key, attempts);
    attempts.add(task, rewards);
    this.contenders.add(line);
    this.#modelFailed(line.exception);
    keepBest(this.latest, line, { size: LATEST, compare: laterFirst });
  }

  #modelFailed(exception: string | undefined): void {
    if (exception === undefined || faultOfException(exception) !== 'model') return;
    this.#modelFailures.set(exception, (this.#modelFailures.get(exception) ?? 0) + 1);
  }

  modelFailures(): RunSummary['modelFailures'] {
    return [...this.#modelFailures].sort(([a, m], [b, n]) => n - m || byText(a, b));
  }

  #troubled(line: TrialLine, trouble: string): void {
    const rewarded = hasResult(line.reason);
    const reason = rewarded ? (line.exception ?? line.reason) : line.reason;
    const group = this.#errors.get(trouble) ?? { reason, message: line.message, count: 0, trials: [] };
    group.count += 1;
    if (line.message < group.message) group.message = line.message;
    keepBest(group.trials, line.name, { size: NAMES, compare: byText });
    this.#errors.set(trouble, group);
  }

  mean(): number | undefined {
    if (this.ended === 0) return undefined;
    const values = [...this.#rewards].sort(([a], [b]) => a - b);
    return values.reduce((sum, [reward, count]) => sum + reward * count, 0) / this.ended;
  }

  regrade(): RunSummary['regrade'] {
    const { n_compared, n_up, n_down, mean_original, mean_regraded } = compared(this.#regrades);
    if (mean_original === null || mean_regraded === null) return undefined;
    return { compared: n_compared, up: n_up, down: n_down, mean_original, mean_regraded };
  }

  passAtK(): RunSummary['passAtK'] {
    const entries = [...this.#evals].map(([key, attempts]) => [key, attempts.result()] as const);
    const told = entries.filter(([, result]) => Object.keys(result).length > 0);
    return Object.fromEntries(told.sort(([a], [b]) => byText(a, b)));
  }

  errors(): ErrorGroup[] {
    const order = (a: ErrorGroup, b: ErrorGroup): number =>
      b.count - a.count || byText(a.reason, b.reason) || byText(a.message, b.message);
    return [...this.#errors.values()].sort(order);
  }
}

/** The summary of a run at `now`, in milliseconds since the epoch. `expected`: how many Trials were planned, where that is known. */
export function summarize(
  lines: Iterable<TrialLine>,
  { run, expected = 0, now }: { run: string; expected?: number | undefined; now: number },
): RunSummary {
  const fold = new Fold();
  for (const line of lines) fold.add(line);
  const { counts, ended, rewarded, latest } = fold;
  const total = Math.max(expected, fold.seen);
  const startedAt = Math.min(fold.startedAt, now);
  const through = total > 0 && ended >= total && fold.lastEndedAt > 0;
  const firstEndedAt = Number.isFinite(fold.firstEndedAt) ? fold.firstEndedAt : undefined;
  const remainingMs = estimate({ total, ended, startedAt, firstEndedAt, now });
  const mean = fold.mean();
  return {
    run,
    total,
    counts,
    ended,
    rewarded,
    ...(mean !== undefined && { mean }),
    passAtK: fold.passAtK(),
    contenders: fold.contenders.all(),
    modelFailures: fold.modelFailures(),
    ...(fold.seen > 0 && { createdAt: fold.startedAt }),
    elapsedMs: Math.max(0, (through ? fold.lastEndedAt : now) - startedAt),
    ...(remainingMs && { remainingMs }),
    errors: fold.errors(),
    latest,
    ...present({ regrade: fold.regrade() }),
  };
}

/** Puts `item` where it belongs among the `size` first of an ordered list; the list is changed. */
export function keepBest<T>(
  list: T[],
  item: T,
  { size, compare }: { size: number; compare: (a: T, b: T) => number },
): void {
  const last = list.at(-1);
  if (list.length >= size && last !== undefined && compare(item, last) >= 0) return;
  const at = list.findIndex((other) => compare(item, other) < 0);
  list.splice(at < 0 ? list.length : at, 0, item);
  if (list.length > size) list.pop();
}

interface Progress {
  total: number;
  ended: number;
  /** Milliseconds since the epoch. */
  startedAt: number;
  firstEndedAt: number | undefined;
  now: number;
}

/** Milliseconds from now. */
interface Range {
  from: number;
  to: number;
}

const SHOWN_FROM = 0.1;
/** Fewer ends say nothing about a rate. */
const LEAST_ENDS = 3;

/**
 * What remains divided by the rate seen so far, as a range: the rate since the run began (builds and pulls included) and since the first
 * Trial ended, each with its chance deviation of √n. Undefined before a tenth of the run is done, and when all of it is.
 */
export function estimate({ total, ended, startedAt, firstEndedAt, now }: Progress): Range | undefined {
  const remaining = total - ended;
  if (remaining <= 0 || ended < LEAST_ENDS || ended < SHOWN_FROM * total || firstEndedAt === undefined)
    return undefined;
  const periods: [number, number][] = [
    [ended, now - startedAt],
    [ended - 1, now - firstEndedAt],
  ];
  const rates = periods
    .filter(([ends, ms]) => ends > 1 && ms > 0)
    .flatMap(([ends, ms]) => [(ends - Math.sqrt(ends)) / ms, (ends + Math.sqrt(ends)) / ms]);
  if (rates.length === 0) return undefined;
  return { from: remaining / Math.max(...rates), to: remaining / Math.min(...rates) };
}

const NAMED = 5;

/** What to tell of tasks whose tests gave the agent nop a reward; undefined where none did. Not yet safe for a terminal. */
export function rewardedNop(
  lines: Iterable<Pick<TrialLine, 'agent' | 'task' | 'reward'>>,
): string | undefined {
  const tasks = new Set<string>();
  for (const { agent, task, reward = 0 } of lines)
    if (agentFacts(agent)?.reads === 'nothing' && reward > 0) tasks.add(task);
  if (tasks.size === 0) return undefined;
  const shown = [...tasks].sort(byText).slice(0, NAMED).join(', ');
  const more = tasks.size > NAMED ? ` and ${tasks.size - NAMED} more` : '';
  return `warning: the agent nop, which does nothing, earned a reward: the tests of ${shown}${more} give it without the work`;
}

/** What to tell of a run that regraded others; undefined for every other. */
export const regradeLine = ({ regrade }: Pick<RunSummary, 'regrade'>): string | undefined =>
  regrade &&
  `${counted(regrade.compared, 'Trial')} compared: ${regrade.up} up, ${regrade.down} down; mean reward ${figure(regrade.mean_original)} → ${figure(regrade.mean_regraded)}`;

/** What to tell of Trials that met failures of their model, which are zeros that no agent earned; undefined where none did. `namespace`: see `namespaceToSay`. */
export function modelFailureLine(
  { run, modelFailures }: Pick<RunSummary, 'run' | 'modelFailures'>,
  namespace: string | undefined,
): string | undefined {
  const all = modelFailures.reduce((sum, [, count]) => sum + count, 0);
  if (all === 0) return undefined;
  const types = modelFailures.map(([type, count]) => `${count} ${type}`).join(', ');
  const again = inNamespace(`sb run rerun ${run} --only model`, namespace);
  return `${counted(all, 'Trial')} met failures of the model (${types}): ${again}`;
}
