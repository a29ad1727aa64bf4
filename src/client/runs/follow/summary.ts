/** Pure: the Trials of a run → what is said of the run. */
import type { ErrorGroup } from '../../documents/run.ts';
import { keepBest } from './best.ts';
import { byText } from '../../../text/by-text.ts';
import { estimate, type Range } from './estimate.ts';
import type { TrialLine } from './line.ts';
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
  /** Of the first Trial, milliseconds since the epoch; undefined where there is none yet. */
  createdAt?: number;
  /** From the first Trial's creation to now, or to the last end. */
  elapsedMs: number;
  remainingMs?: Range;
  /** The largest group first. */
  errors: ErrorGroup[];
  /** The last that ended, the latest first. */
  latest: TrialLine[];
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
  readonly #errors = new Map<string, ErrorGroup>();
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
    const { eval: key, task, reward, rewards, endedAt } = line;
    this.ended += 1;
    if (endedAt !== undefined) {
      this.firstEndedAt = Math.min(this.firstEndedAt, endedAt);
      this.lastEndedAt = Math.max(this.lastEndedAt, endedAt);
    }
    if (reward !== undefined) {
      this.rewarded += 1;
      this.#rewards.set(reward, (this.#rewards.get(reward) ?? 0) + 1);
    }
    const attempts = this.#evals.get(key) ?? new PassAtK();
    this.#evals.set(key, attempts);
    attempts.add(task, rewards);
    keepBest(this.latest, line, { size: LATEST, compare: laterFirst });
  }

  #troubled(line: TrialLine, trouble: string): void {
    const rewarded = line.reason === 'RewardObtained' || line.reason === 'VerifierDisabled';
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
    ...(fold.seen > 0 && { createdAt: fold.startedAt }),
    elapsedMs: Math.max(0, (through ? fold.lastEndedAt : now) - startedAt),
    ...(remainingMs && { remainingMs }),
    errors: fold.errors(),
    latest,
  };
}
