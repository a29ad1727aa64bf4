/**
 * Pure: what of a request has the provider itself search, fetch or connect. It would do so from the internet, for an agent whose phase may not reach
 * it, and with what the account has. A list of what the vendors document: a provider may have more.
 */
import type { ModelProtocol } from '../../crds/providers.ts';

interface WebTools {
  /** Paths of values that mean one by being there. */
  options: readonly string[];
  /** Path of the type of a tool, and which ones are such. */
  types?: { path: string; are: RegExp };
  /** Models that search by themselves. */
  models?: RegExp;
}

const WEB_TOOLS: Record<ModelProtocol, WebTools> = {
  'anthropic-messages': {
    options: ['mcp_servers'],
    types: { path: 'tools.*.type', are: /^(?:web_search|web_fetch|mcp)/ },
  },
  'openai-responses': {
    options: [],
    types: { path: 'tools.*.type', are: /^(?:web_search|mcp|file_search)/ },
    models: /search|deep-research/,
  },
  'openai-chat': {
    // OpenAI, OpenRouter, xAI, Qwen.
    options: ['web_search_options', 'plugins', 'search_parameters', 'enable_search'],
    // Moonshot, Zhipu.
    types: { path: 'tools.*.type', are: /^(?:builtin_function|web_search|browser_search|mcp)/ },
    // OpenAI, OpenRouter, Groq.
    models: /search|deep-research|:online$|compound/,
  },
  gemini: {
    options: [
      'google_search',
      'google_search_retrieval',
      'url_context',
      'google_maps',
      'file_search',
    ].flatMap((name) => [`tools.*.${name}`, `tools.*.${inCamels(name)}`]),
  },
};

function inCamels(name: string): string {
  return name.replace(/_([a-z])/g, (_whole, letter: string) => letter.toUpperCase());
}

export const webToolPlaces = (protocol: ModelProtocol): string[] => {
  const { options, types } = WEB_TOOLS[protocol];
  return [...options, ...(types ? [types.path] : [])];
};

/** Whether a value at one of these places is such a tool; one that could not be read is undefined. */
export function isWebTool(protocol: ModelProtocol, path: string, value: unknown): boolean {
  const { options, types } = WEB_TOOLS[protocol];
  if (options.includes(path)) return !isOff(value);
  return path === types?.path && (typeof value !== 'string' || types.are.test(value));
}

const isOff = (value: unknown): boolean =>
  value === null || value === false || (Array.isArray(value) && value.length === 0);

export const searchesByItself = (protocol: ModelProtocol, model: string): boolean =>
  WEB_TOOLS[protocol].models?.test(model) ?? false;
