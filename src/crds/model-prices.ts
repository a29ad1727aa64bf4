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

/** Anthropic takes a quarter more for what it keeps for five minutes, and `read` of the price, mostly a tenth, for what it has kept. */
const anthropic = (model: string, [input, output]: readonly [number, number], read = 0.1): ModelPrice => ({
  model,
  input,
  cached: Number((input * read).toPrecision(6)),
  output,
  cacheWrite: input * 1.25,
});

const [FABLE, OPUS, OPUS_4_5, OPUS_5_5, SONNET, SONNET_5, HAIKU] = [
  [10, 50],
  [15, 75],
  [5, 25],
  [4, 20],
  [3, 15],
  [2, 10],
  [1, 5],
] as const;

/** OpenAI takes a quarter more for what it keeps, from GPT-5.6 on. */
const openai = (model: string, [input, cached, output]: readonly [number, number, number]): ModelPrice => ({
  model,
  input,
  cached,
  output,
  cacheWrite: input * 1.25,
});

/**
 * Prices that the vendors publish, without batches, priority, regions and the surcharge on very long contexts (Gemini beyond 200,000 tokens, OpenAI
 * beyond 272,000). Compared on 2026-11-29 with https://platform.claude.com/docs/en/about-claude/pricing, the pages of
 * https://developers.openai.com/api/docs/models, https://api-docs.deepseek.com/quick_start/pricing (its peak hours; others cost half) and the list
 * `model_prices_and_context_window_backup.json` of LiteLLM 1.110.2, whose word it is for OpenAI, Gemini and Moonshot. Names that a vendor has shut
 * down stay for gateways which still have them; `kimi-k2-thinking`, `kimi-k2-turbo-preview` are by https://www.lava.so/docs alone.
 *
 * Left out are those that depend on the length of each request (Qwen, Claude Haiku 5.5), that are announced to change (Gemini 3.6 to 3.8 Flash),
 * and that could not be confirmed (gemini-3-pro-preview, kimi-k2-0905-preview). A `*` stands for dates and the like, never for models to come. The
 * first that fits counts. An installation has others by `SB_MODEL_PRICES`.
 */
export const MODEL_PRICES: readonly ModelPrice[] = [
  anthropic('claude-fable-5-1', FABLE, 0.025),
  anthropic('claude-fable-5', FABLE),
  anthropic('claude-opus-5-5', OPUS_5_5, 0.05),
  anthropic('claude-opus-5', OPUS_4_5),
  anthropic('claude-opus-4-8*', OPUS_4_5),
  anthropic('claude-opus-4-7*', OPUS_4_5),
  anthropic('claude-opus-4-6*', OPUS_4_5),
  anthropic('claude-opus-4-5*', OPUS_4_5),
  anthropic('claude-opus-4-1*', OPUS),
  anthropic('claude-opus-4-0', OPUS),
  anthropic('claude-opus-4-2025*', OPUS),
  anthropic('claude-sonnet-5-5', SONNET_5, 0.05),
  anthropic('claude-sonnet-5', SONNET_5),
  anthropic('claude-sonnet-4-6*', SONNET),
  anthropic('claude-sonnet-4-5*', SONNET),
  anthropic('claude-sonnet-4-0', SONNET),
  anthropic('claude-sonnet-4-2025*', SONNET),
  anthropic('claude-3-7-sonnet*', SONNET),
  anthropic('claude-haiku-4-5*', HAIKU),
  anthropic('claude-3-5-haiku*', [0.8, 4]),
  openai('gpt-6.1-sol', [2, 0.1, 10]),
  openai('gpt-6.1-terra', [1, 0.05, 5]),
  openai('gpt-6-astra', [10, 1, 50]),
  openai('gpt-6-sol', [2, 0.2, 10]),
  openai('gpt-6-luna', [0.1, 0.01, 0.5]),
  openai('gpt-5.6', [4, 0.4, 20]),
  openai('gpt-5.6-sol', [4, 0.4, 20]),
  openai('gpt-5.6-terra', [2, 0.2, 12]),
  openai('gpt-5.6-luna', [0.2, 0.02, 1.2]),
  { model: 'gpt-5.5', input: 5, cached: 0.5, output: 30 },
  { model: 'gpt-5.5-2026*', input: 5, cached: 0.5, output: 30 },
  { model: 'gpt-5.4', input: 2.5, cached: 0.25, output: 15 },
  { model: 'gpt-5.4-2026*', input: 2.5, cached: 0.25, output: 15 },
  { model: 'gpt-5.4-mini*', input: 0.75, cached: 0.075, output: 4.5 },
  { model: 'gpt-5.4-nano*', input: 0.2, cached: 0.02, output: 1.25 },
  { model: 'gpt-5.3-codex', input: 1.75, cached: 0.175, output: 14 },
  { model: 'gpt-5.2', input: 1.75, cached: 0.175, output: 14 },
  { model: 'gpt-5.2-2025*', input: 1.75, cached: 0.175, output: 14 },
  { model: 'gpt-5.2-codex', input: 1.75, cached: 0.175, output: 14 },
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
  { model: 'gemini-4-argon', input: 2, cached: 0.1, output: 10 },
  { model: 'gemini-4-hydrogen', input: 1.5, cached: 0.075, output: 7.5 },
  { model: 'gemini-3.5-flash', input: 1.5, cached: 0.15, output: 9 },
  { model: 'gemini-3.5-flash-lite', input: 0.3, cached: 0.03, output: 2.5 },
  { model: 'gemini-3.1-pro-preview', input: 2, cached: 0.2, output: 12 },
  { model: 'gemini-3.1-flash-lite', input: 0.25, cached: 0.025, output: 1.5 },
  { model: 'gemini-3-flash-preview', input: 0.5, cached: 0.05, output: 3 },
  { model: 'gemini-2.5-pro', input: 1.25, cached: 0.125, output: 10 },
  { model: 'gemini-2.5-flash', input: 0.3, cached: 0.03, output: 2.5 },
  { model: 'gemini-2.5-flash-lite', input: 0.1, cached: 0.01, output: 0.4 },
  { model: 'deepseek-chat', input: 0.28, cached: 0.028, output: 0.42 },
  { model: 'deepseek-reasoner', input: 0.28, cached: 0.028, output: 0.42 },
  { model: 'deepseek-flash', input: 0.3, cached: 0.006, output: 1.2 },
  { model: 'deepseek-v4-flash', input: 0.3, cached: 0.006, output: 1.2 },
  { model: 'deepseek-v4-pro', input: 1.32, cached: 0.044, output: 3.96 },
  { model: 'kimi-k3', input: 3, cached: 0.3, output: 15 },
  { model: 'kimi-k2.7-code', input: 0.95, cached: 0.19, output: 4 },
  { model: 'kimi-k2.6', input: 0.95, cached: 0.16, output: 4 },
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
