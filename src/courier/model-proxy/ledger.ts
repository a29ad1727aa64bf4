/**
 * What the agent's calls came to, and which may still be made. A call is made as long as less than the limit is counted, so the last one goes over
 * it, and no other: calls at the same time are let in only where all of them would fit, whatever they came to; else one waits for the other.
 */
import { costOf, MODEL_PRICES, priceOf, type ModelPrice, type TokenCounts } from '../../crds/model-prices.ts';
import { present } from '../../crds/present.ts';
import { USAGE_MODELS_MAX, type Usage } from '../../crds/trial-status.ts';
import { inputOf, NO_TOKENS, sumOf } from './usage.ts';

/** Calls at the same time. */
const RUNNING_MAX = 16;
/** More than any model writes in one answer. */
const OUTPUT_MAX_TOKENS = 131_072;

export interface Limits {
  maxTokens?: number;
  maxCostUsd?: number;
  /** Before what is built in. */
  prices: readonly ModelPrice[];
}

/** Ends a call, which may have come to nothing. */
export type Leave = (used?: { model: string; tokens: TokenCounts }) => void;

interface Waiting {
  /** A token has at least one byte. */
  tokensAtMost: number;
  go: (admitted: Leave | 'spent') => void;
}

export class Ledger {
  readonly #limits: Limits;
  readonly #dearest: ModelPrice;
  #all = new Map<string, TokenCounts>();
  #lap = new Map<string, TokenCounts>();
  readonly #running = new Set<Waiting>();
  #waiting: Waiting[] = [];

  constructor(limits: Limits) {
    this.#limits = limits;
    const prices = [...limits.prices, ...MODEL_PRICES];
    const most = (of: (price: ModelPrice) => number): number => Math.max(...prices.map(of));
    const input = most((price) => Math.max(price.input, price.cacheWrite ?? 0));
    this.#dearest = { model: '*', input, cached: input, output: most(({ output }) => output) };
  }

  /** Why no call is made any more; undefined where one may be. */
  get spent(): string | undefined {
    const { maxTokens = Infinity, maxCostUsd = Infinity } = this.#limits;
    const [tokens, cost] = [tokensIn(this.#all), this.#cost(this.#all)];
    if (tokens >= maxTokens) return `${tokens} tokens are used, and maxTokens is ${maxTokens}`;
    if (cost >= maxCostUsd) return `${cost.toFixed(4)} US dollars are used, and maxCostUsd is ${maxCostUsd}`;
    return undefined;
  }

  /** Whether a call of this model can be counted. */
  prices(model: string): boolean {
    return this.#limits.maxCostUsd === undefined || priceOf(model, this.#limits.prices) !== undefined;
  }

  /** Resolves once a call may be made; `bytes` of its request, Infinity where that is not known. Of who leaves before, `gone` is aborted. */
  admit(bytes: number, gone: AbortSignal): Promise<Leave | 'spent'> {
    const { promise, resolve } = Promise.withResolvers<Leave | 'spent'>();
    const waiting: Waiting = { tokensAtMost: bytes + OUTPUT_MAX_TOKENS, go: resolve };
    const leave = (): void => {
      this.#waiting = this.#waiting.filter((other) => other !== waiting);
      resolve('spent');
    };
    if (gone.aborted) leave();
    gone.addEventListener('abort', leave, { once: true });
    this.#waiting.push(waiting);
    this.#next();
    return promise;
  }

  #next(): void {
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      if (this.spent === undefined && !this.#fits(first)) return;
      this.#waiting.shift();
      first.go(this.spent === undefined ? this.#leaveOf(first) : 'spent');
    }
  }

  #fits(one: Waiting): boolean {
    if (this.#running.size === 0) return true;
    const { maxTokens = Infinity, maxCostUsd = Infinity } = this.#limits;
    const atMost = [...this.#running, one].map(({ tokensAtMost }) => tokensAtMost);
    const tokens = atMost.reduce((sum, more) => sum + more, tokensIn(this.#all));
    const plain = tokens - atMost.length * OUTPUT_MAX_TOKENS;
    const cost = costOf({ ...NO_TOKENS, plain, output: atMost.length * OUTPUT_MAX_TOKENS }, this.#dearest);
    const isWithin = (limit: number, all: number): boolean => limit === Infinity || all < limit;
    return (
      this.#running.size < RUNNING_MAX &&
      isWithin(maxTokens, tokens) &&
      isWithin(maxCostUsd, cost + this.#cost(this.#all))
    );
  }

  #leaveOf(one: Waiting): Leave {
    this.#running.add(one);
    return (used) => {
      if (!this.#running.delete(one)) return;
      if (used) for (const sums of [this.#all, this.#lap]) add(sums, used.model, used.tokens);
      this.#next();
    };
  }

  #cost(sums: ReadonlyMap<string, TokenCounts>): number {
    return [...sums].reduce((sum, [model, tokens]) => sum + (this.#costOf(model, tokens) ?? 0), 0);
  }

  #costOf(model: string, tokens: TokenCounts): number | undefined {
    const price = priceOf(model, this.#limits.prices);
    return price && costOf(tokens, price);
  }

  /** What was used since the last time. */
  lap(): Usage {
    const sums = [...this.#lap];
    this.#lap = new Map();
    const costs = sums.map(([model, tokens]) => this.#costOf(model, tokens));
    const total = sums.reduce((sum, [, tokens]) => sumOf(sum, tokens), NO_TOKENS);
    const models = sums.map(([model, tokens], index) => ({ model, ...usageOf(tokens, costs[index]) }));
    const isKnown = costs.every((cost) => cost !== undefined);
    const cost = isKnown ? costs.reduce((sum, one) => sum + one, 0) : undefined;
    return {
      ...usageOf(total, cost),
      ...(models.length > 0 && { models: models.slice(0, USAGE_MODELS_MAX) }),
      countedBy: 'Courier',
    };
  }
}

/** An agent can ask for models by as many names as it likes. */
const MODELS_MAX = 64;
const OTHERS = 'others';

function add(sums: Map<string, TokenCounts>, model: string, tokens: TokenCounts): void {
  const name = sums.has(model) || sums.size < MODELS_MAX ? model : OTHERS;
  sums.set(name, sumOf(sums.get(name) ?? NO_TOKENS, tokens));
}

const tokensIn = (sums: ReadonlyMap<string, TokenCounts>): number =>
  [...sums.values()].reduce((sum, tokens) => sum + inputOf(tokens) + tokens.output, 0);

const usageOf = (tokens: TokenCounts, costUsd: number | undefined) => ({
  inputTokens: inputOf(tokens),
  cacheTokens: tokens.cached,
  outputTokens: tokens.output,
  ...present({ costUsd }),
});
