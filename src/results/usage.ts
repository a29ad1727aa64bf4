/** Pure: tokens and costs in Harbor's words, of one Trial and of many. */
import { Type } from '../crds/schema.ts';
import type { Usage } from '../crds/trial-status.ts';

const CountOrNull = Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]);

/** The fields of a schema; null where nothing is known. Input tokens include cached ones. */
export const USAGE_FIELDS = {
  n_input_tokens: CountOrNull,
  n_cache_tokens: CountOrNull,
  n_output_tokens: CountOrNull,
  cost_usd: Type.Union([Type.Number(), Type.Null()]),
};
const Fields = Type.Object(USAGE_FIELDS);
export type UsageFields = Type.Static<typeof Fields>;

/** What a status tells, under Harbor's names. */
export const usageFields = (used: Usage = {}): UsageFields => ({
  n_input_tokens: used.inputTokens ?? null,
  n_cache_tokens: used.cacheTokens ?? null,
  n_output_tokens: used.outputTokens ?? null,
  cost_usd: used.costUsd ?? null,
});

const TOKENS = ['n_input_tokens', 'n_cache_tokens', 'n_output_tokens'] as const;
/** Costs are added as whole billionths of a dollar, so that their sum is the same in any order. */
const BILLION = 1e9;

/** Adds up what is known; what is not counts nothing. */
export class UsageFold {
  readonly #sums = new Map<keyof UsageFields, number>();

  add(used: UsageFields): void {
    for (const field of TOKENS) this.#add(field, used[field]);
    this.#add('cost_usd', used.cost_usd === null ? null : Math.round(used.cost_usd * BILLION));
  }

  #add(field: keyof UsageFields, value: number | null): void {
    if (value !== null) this.#sums.set(field, (this.#sums.get(field) ?? 0) + value);
  }

  /** Undefined where nothing was known of any. */
  sum(): UsageFields | undefined {
    if (this.#sums.size === 0) return undefined;
    const sumOf = (field: keyof UsageFields): number | null => this.#sums.get(field) ?? null;
    const cost = sumOf('cost_usd');
    return {
      n_input_tokens: sumOf('n_input_tokens'),
      n_cache_tokens: sumOf('n_cache_tokens'),
      n_output_tokens: sumOf('n_output_tokens'),
      cost_usd: cost === null ? null : cost / BILLION,
    };
  }
}
