/** What models cost, as data. */

/** US dollars for a million tokens. */
export interface ModelPrice {
  /** Name of the model without its provider; `*` at its end stands for any rest. */
  model: string;
  input: number;
  /** Of those that were read from a cache. */
  cached: number;
  output: number;
  /** Of those that were written to a cache; missing: as any other input. */
  cacheWrite?: number;
}

/** Anthropic takes a quarter more for what it keeps for five minutes, and a tenth for what it has kept. */
const anthropic = (model: string, input: number, output: number): ModelPrice => ({
  model,
  input,
  cached: input / 10,
  output,
  cacheWrite: input * 1.25,
});

const [OPUS, OPUS_4_5, SONNET, HAIKU] = [
  [15, 75],
  [5, 25],
  [3, 15],
  [1, 5],
] as const;

/**
 * Prices that the vendors publish, without batches, priority, regions and the surcharge on very long contexts (Gemini beyond 200,000 tokens,
 * Anthropic with a context of a million). From https://www.anthropic.com/pricing, https://platform.openai.com/docs/pricing,
 * https://ai.google.dev/gemini-api/docs/pricing, https://api-docs.deepseek.com/quick_start/pricing and https://platform.moonshot.ai/docs/pricing,
 * as of November 2025. Qwen's depend on the length of each request and are left out. A `*` stands for dates and the like, never for models
 * to come. The first that fits counts. An installation has others by `SB_MODEL_PRICES`.
 */
export const MODEL_PRICES: readonly ModelPrice[] = [
  anthropic('claude-opus-4-5*', ...OPUS_4_5),
  anthropic('claude-opus-4-1*', ...OPUS),
  anthropic('claude-opus-4-0', ...OPUS),
  anthropic('claude-opus-4-2025*', ...OPUS),
  anthropic('claude-sonnet-4-5*', ...SONNET),
  anthropic('claude-sonnet-4-0', ...SONNET),
  anthropic('claude-sonnet-4-2025*', ...SONNET),
  anthropic('claude-3-7-sonnet*', ...SONNET),
  anthropic('claude-haiku-4-5*', ...HAIKU),
  anthropic('claude-3-5-haiku*', 0.8, 4),
  { model: 'gpt-5.1-codex-mini', input: 0.25, cached: 0.025, output: 2 },
  { model: 'gpt-5.1', input: 1.25, cached: 0.125, output: 10 },
  { model: 'gpt-5.1-2025*', input: 1.25, cached: 0.125, output: 10 },
  { model: 'gpt-5.1-codex', input: 1.25, cached: 0.125, output: 10 },
  { model: 'gpt-5', input: 1.25, cached: 0.125, output: 10 },
  { model: 'gpt-5-2025*', input: 1.25, cached: 0.125, output: 10 },
  { model: 'gpt-5-codex', input: 1.25, cached: 0.125, output: 10 },
  { model: 'gpt-5-mini*', input: 0.25, cached: 0.025, output: 2 },
  { model: 'gpt-5-nano*', input: 0.05, cached: 0.005, output: 0.4 },
  { model: 'gpt-4.1', input: 2, cached: 0.5, output: 8 },
  { model: 'gpt-4.1-2025*', input: 2, cached: 0.5, output: 8 },
  { model: 'gpt-4.1-mini*', input: 0.4, cached: 0.1, output: 1.6 },
  { model: 'gpt-4.1-nano*', input: 0.1, cached: 0.025, output: 0.4 },
  { model: 'gpt-4o', input: 2.5, cached: 1.25, output: 10 },
  { model: 'gpt-4o-2024-08-06', input: 2.5, cached: 1.25, output: 10 },
  { model: 'gpt-4o-2024-11-20', input: 2.5, cached: 1.25, output: 10 },
  { model: 'gpt-4o-mini', input: 0.15, cached: 0.075, output: 0.6 },
  { model: 'gpt-4o-mini-2024*', input: 0.15, cached: 0.075, output: 0.6 },
  { model: 'o3', input: 2, cached: 0.5, output: 8 },
  { model: 'o3-2025*', input: 2, cached: 0.5, output: 8 },
  { model: 'o4-mini', input: 1.1, cached: 0.275, output: 4.4 },
  { model: 'o4-mini-2025*', input: 1.1, cached: 0.275, output: 4.4 },
  { model: 'gemini-3-pro-preview', input: 2, cached: 0.2, output: 12 },
  { model: 'gemini-2.5-pro', input: 1.25, cached: 0.125, output: 10 },
  { model: 'gemini-2.5-flash', input: 0.3, cached: 0.03, output: 2.5 },
  { model: 'gemini-2.5-flash-lite', input: 0.1, cached: 0.01, output: 0.4 },
  { model: 'deepseek-chat', input: 0.28, cached: 0.028, output: 0.42 },
  { model: 'deepseek-reasoner', input: 0.28, cached: 0.028, output: 0.42 },
  { model: 'kimi-k2-0905-preview', input: 0.6, cached: 0.15, output: 2.5 },
  { model: 'kimi-k2-thinking', input: 0.6, cached: 0.15, output: 2.5 },
  { model: 'kimi-k2-turbo-preview', input: 1.15, cached: 0.15, output: 8 },
];

/** The price of a model, by its name without or with a provider before it: of `own` first, then what is built in; undefined where nobody says it. */
export function priceOf(model: string, own: readonly ModelPrice[] = []): ModelPrice | undefined {
  const names = [model, model.slice(model.lastIndexOf('/') + 1)];
  const fits = ({ model: pattern }: ModelPrice): boolean =>
    pattern.endsWith('*')
      ? names.some((name) => name.startsWith(pattern.slice(0, -1)))
      : names.includes(pattern);
  return own.find(fits) ?? MODEL_PRICES.find(fits);
}

/** Tokens of calls. Each is counted in one of these alone. */
export interface TokenCounts {
  /** From no cache and into none. */
  plain: number;
  cached: number;
  cacheWrite: number;
  /** With those of thinking. */
  output: number;
}

/** In US dollars. */
export const costOf = ({ plain, cached, cacheWrite, output }: TokenCounts, price: ModelPrice): number =>
  (plain * price.input +
    cached * price.cached +
    cacheWrite * (price.cacheWrite ?? price.input) +
    output * price.output) /
  1e6;
