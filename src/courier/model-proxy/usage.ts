/** Pure: tokens as each protocol reports them. Whoever answers is trusted with them, not with their types. */
import type { TokenCounts } from '../../crds/model-prices.ts';
import type { ModelProtocol } from '../../crds/providers.ts';
import type { JsonPicker } from './json-picker.ts';

/** Where an answer, or an event of one, has its usage, and what went wrong; the first that is there counts. */
export const PLACES: Record<ModelProtocol, { usage: string[]; error: string[] }> = {
  'anthropic-messages': {
    usage: ['usage', 'message.usage'],
    error: ['error.type'],
  },
  'openai-responses': {
    usage: ['usage', 'response.usage'],
    error: ['error.code', 'error.type', 'response.error.code', 'code'],
  },
  // Moonshot has it in its last choice.
  'openai-chat': {
    usage: ['usage', 'choices.*.usage'],
    error: ['error.code', 'error.type'],
  },
  gemini: {
    usage: ['usageMetadata', '*.usageMetadata'],
    error: ['error.status', '*.error.status'],
  },
};

export const placesOf = (protocol: ModelProtocol): string[] => Object.values(PLACES[protocol]).flat();

export const firstOf = (data: JsonPicker, places: readonly string[]): unknown =>
  places.map((place) => data.value(place)).find((value) => value !== undefined && value !== null);

type Json = Record<string, unknown>;

const COUNT_MAX = 1e9;
const count = (value: unknown): number =>
  typeof value === 'number' && value > 0 && value <= COUNT_MAX ? Math.floor(value) : 0;
const within = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});

const READ: Record<ModelProtocol, (usage: Json) => TokenCounts> = {
  'anthropic-messages': (usage) => ({
    plain: count(usage['input_tokens']),
    cached: count(usage['cache_read_input_tokens']),
    cacheWrite: count(usage['cache_creation_input_tokens']),
    output: count(usage['output_tokens']),
  }),
  'openai-responses': (usage) => {
    const cached = count(within(usage['input_tokens_details'])['cached_tokens']);
    return partsOf(count(usage['input_tokens']), cached, count(usage['output_tokens']));
  },
  'openai-chat': (usage) => {
    const input = count(usage['prompt_tokens']);
    // OpenAI, then DeepSeek, then Moonshot.
    const cached = [
      within(usage['prompt_tokens_details'])['cached_tokens'],
      usage['prompt_cache_hit_tokens'],
      usage['cached_tokens'],
    ];
    // Some leave thinking out of the completion, and none out of the total.
    const output = Math.max(count(usage['completion_tokens']), count(usage['total_tokens']) - input);
    return partsOf(input, Math.max(...cached.map(count)), output);
  },
  gemini: (usage) => {
    const input = count(usage['promptTokenCount']) + count(usage['toolUsePromptTokenCount']);
    const output = count(usage['candidatesTokenCount']) + count(usage['thoughtsTokenCount']);
    return partsOf(input, count(usage['cachedContentTokenCount']), output);
  },
};

const partsOf = (input: number, cached: number, output: number): TokenCounts => ({
  plain: Math.max(0, input - cached),
  cached: Math.min(input, cached),
  cacheWrite: 0,
  output,
});

export const NO_TOKENS: TokenCounts = { plain: 0, cached: 0, cacheWrite: 0, output: 0 };

/** Of a whole answer, by the usages that it told of: each says more of the same, or the same anew. */
export function tokensOf(protocol: ModelProtocol, usages: readonly Json[]): TokenCounts | undefined {
  if (usages.length === 0) return undefined;
  return READ[protocol](Object.assign({}, ...usages) as Json);
}

export const isUsage = (value: unknown): value is Json => typeof value === 'object' && value !== null;

export const sumOf = (one: TokenCounts, other: TokenCounts): TokenCounts => ({
  plain: one.plain + other.plain,
  cached: one.cached + other.cached,
  cacheWrite: one.cacheWrite + other.cacheWrite,
  output: one.output + other.output,
});

export const inputOf = ({ plain, cached, cacheWrite }: TokenCounts): number => plain + cached + cacheWrite;
