/** Providers of models, as data: by the name before the slash of a model, `anthropic/claude-opus-4-1`. */

/** How a program speaks with a model; the names are the vendors' own. */
export type ModelProtocol = 'anthropic-messages' | 'openai-responses' | 'openai-chat' | 'gemini';

export interface ModelProvider {
  /** The variable that programs read its key from. */
  key: string;
  /** The variable that its own programs read another base URL from. */
  baseUrlVariable?: string;
  /** Where it answers, as its own programs take it: with the path that theirs begin with, without a slash at the end. */
  baseUrl: string;
  protocols: readonly ModelProtocol[];
}

export const PROVIDERS = {
  anthropic: {
    key: 'ANTHROPIC_API_KEY',
    baseUrlVariable: 'ANTHROPIC_BASE_URL',
    baseUrl: 'https://api.anthropic.com',
    protocols: ['anthropic-messages'],
  },
  openai: {
    key: 'OPENAI_API_KEY',
    baseUrlVariable: 'OPENAI_BASE_URL',
    baseUrl: 'https://api.openai.com/v1',
    protocols: ['openai-responses', 'openai-chat'],
  },
  gemini: {
    key: 'GEMINI_API_KEY',
    baseUrlVariable: 'GOOGLE_GEMINI_BASE_URL',
    baseUrl: 'https://generativelanguage.googleapis.com',
    protocols: ['gemini'],
  },
  openrouter: {
    key: 'OPENROUTER_API_KEY',
    baseUrl: 'https://openrouter.ai/api/v1',
    protocols: ['openai-chat'],
  },
  deepseek: { key: 'DEEPSEEK_API_KEY', baseUrl: 'https://api.deepseek.com', protocols: ['openai-chat'] },
  moonshot: { key: 'MOONSHOT_API_KEY', baseUrl: 'https://api.moonshot.ai/v1', protocols: ['openai-chat'] },
  dashscope: {
    key: 'DASHSCOPE_API_KEY',
    baseUrl: 'https://dashscope-intl.aliyuncs.com/compatible-mode/v1',
    protocols: ['openai-chat'],
  },
  mistral: { key: 'MISTRAL_API_KEY', baseUrl: 'https://api.mistral.ai/v1', protocols: ['openai-chat'] },
  xai: { key: 'XAI_API_KEY', baseUrl: 'https://api.x.ai/v1', protocols: ['openai-chat'] },
  groq: { key: 'GROQ_API_KEY', baseUrl: 'https://api.groq.com/openai/v1', protocols: ['openai-chat'] },
} as const satisfies Record<string, ModelProvider>;

export type ProviderName = keyof typeof PROVIDERS;
export const PROVIDER_NAMES = Object.keys(PROVIDERS) as ProviderName[];

const isProvider = (name: string): name is ProviderName => Object.hasOwn(PROVIDERS, name);

/** A model as a Trial names it, taken apart. */
export interface ModelNamed {
  provider: ProviderName;
  /** As the provider knows it. */
  name: string;
}

/**
 * What a Trial's `model` means to an agent that knows `providers`: the one before the slash, else the agent's first. Undefined where the one
 * before the slash is a provider that the agent does not know, or the agent knows none.
 */
export function modelNamed(model: string, providers: readonly ProviderName[]): ModelNamed | undefined {
  const [, prefix = '', rest = ''] = /^([^/]+)\/(.+)$/s.exec(model) ?? [];
  const named = prefix === 'google' ? 'gemini' : prefix;
  if (isProvider(named)) return providers.includes(named) ? { provider: named, name: rest } : undefined;
  const [first] = providers;
  return first === undefined ? undefined : { provider: first, name: model };
}
