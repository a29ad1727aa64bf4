/** Pure: what became of each agent and model of a run, and what it used. */
import { present } from '../../../crds/present.ts';
import { isEnded } from '../../../results/state.ts';
import { UsageFold, type UsageFields } from '../../../results/usage.ts';
import { byText } from '../../../text/figures.ts';
import type { TrialLine } from './line.ts';

/** One agent with one model on one dataset. */
export interface ContenderSummary {
  agent: string;
  model?: string;
  /** Harbor's key, without the model's provider. */
  eval: string;
  /** Trials that have ended. */
  ended: number;
  /** Of them, those with full reward. */
  passed: number;
  /** Over all that ended; one without a reward counts 0. */
  mean: number;
  /** Sums of what is known; missing where nothing is. */
  usage?: UsageFields;
  /** Trials whose cost is known. */
  priced: number;
}

export class ContenderFold {
  readonly #groups = new Map<string, Group>();

  add(line: TrialLine): void {
    if (!isEnded(line.state)) return;
    const key = `${line.eval}\n${line.model ?? ''}`;
    const group = this.#groups.get(key) ?? new Group(line);
    this.#groups.set(key, group);
    group.add(line);
  }

  /** By agent, dataset and model. */
  all(): ContenderSummary[] {
    const order = (a: ContenderSummary, b: ContenderSummary): number =>
      byText(a.eval, b.eval) || byText(a.model ?? '', b.model ?? '');
    return [...this.#groups.values()].map((group) => group.summary()).sort(order);
  }
}

class Group {
  readonly #first: TrialLine;
  readonly #usage = new UsageFold();
  readonly #rewards = new Map<number, number>();
  #ended = 0;
  #passed = 0;
  #priced = 0;

  constructor(first: TrialLine) {
    this.#first = first;
  }

  add({ state, reward, usage }: TrialLine): void {
    this.#ended += 1;
    this.#passed += Number(state === 'passed');
    if (reward !== undefined) this.#rewards.set(reward, (this.#rewards.get(reward) ?? 0) + 1);
    if (!usage) return;
    this.#usage.add(usage);
    this.#priced += Number(usage.cost_usd !== null);
  }

  summary(): ContenderSummary {
    const { agent, model, eval: key } = this.#first;
    // Sums of fractions come out the same every time only in one order.
    const rewards = [...this.#rewards].sort(([a], [b]) => a - b);
    return {
      agent,
      eval: key,
      ended: this.#ended,
      passed: this.#passed,
      mean: rewards.reduce((sum, [reward, count]) => sum + reward * count, 0) / this.#ended,
      priced: this.#priced,
      ...present({ model, usage: this.#usage.sum() }),
    };
  }
}

/** Cost of one that was solved; undefined where none was, or a cost is not known. */
export const costPerPassed = ({ usage, passed, priced, ended }: ContenderSummary): number | undefined =>
  usage && usage.cost_usd !== null && passed > 0 && priced === ended ? usage.cost_usd / passed : undefined;
