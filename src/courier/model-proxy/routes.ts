/** Pure: what may be asked of a provider by its key. Models alone: the same key opens files, batches and settings of a whole account. */
import type { ModelProtocol } from '../../crds/providers.ts';

/** `generate` is what costs. */
export interface Route {
  protocol: ModelProtocol;
  does: 'generate' | 'count' | 'list';
  /** Where the path names it. */
  model?: string;
}

interface Path {
  protocol: ModelProtocol;
  method: 'GET' | 'POST';
  /** Below the provider's base URL, from its first letter to its last. */
  path: RegExp;
  does: Route['does'];
}

const MODEL = '([A-Za-z0-9][A-Za-z0-9._-]{0,127})';
const GEMINI = '/v1(?:beta|alpha)?/models';

const PATHS: readonly Path[] = [
  { protocol: 'anthropic-messages', method: 'POST', path: /^\/v1\/messages$/, does: 'generate' },
  { protocol: 'anthropic-messages', method: 'POST', path: /^\/v1\/messages\/count_tokens$/, does: 'count' },
  {
    protocol: 'anthropic-messages',
    method: 'GET',
    path: new RegExp(`^/v1/models(?:/${MODEL})?$`),
    does: 'list',
  },
  { protocol: 'openai-responses', method: 'POST', path: /^\/responses(?:\/compact)?$/, does: 'generate' },
  { protocol: 'openai-responses', method: 'POST', path: /^\/responses\/input_tokens$/, does: 'count' },
  { protocol: 'openai-chat', method: 'POST', path: /^\/chat\/completions$/, does: 'generate' },
  {
    protocol: 'openai-chat',
    method: 'GET',
    path: new RegExp(`^/models(?:/(?:[A-Za-z0-9-]+/)?${MODEL})?$`),
    does: 'list',
  },
  {
    protocol: 'gemini',
    method: 'POST',
    path: new RegExp(`^${GEMINI}/${MODEL}:(?:g|streamG)enerateContent$`),
    does: 'generate',
  },
  { protocol: 'gemini', method: 'POST', path: new RegExp(`^${GEMINI}/${MODEL}:countTokens$`), does: 'count' },
  { protocol: 'gemini', method: 'GET', path: new RegExp(`^${GEMINI}(?:/${MODEL})?$`), does: 'list' },
];

/** `path`: as it was written, without the query. Undefined for what nobody may ask, be it spelled in another way. */
export function routeOf(
  method: string,
  path: string,
  protocols: readonly ModelProtocol[],
): Route | undefined {
  for (const { protocol, method: itsOwn, path: pattern, does } of PATHS) {
    const [found, model] = (protocols.includes(protocol) && method === itsOwn && pattern.exec(path)) || [];
    if (found === undefined) continue;
    return { protocol, does, ...(model !== undefined && protocol === 'gemini' && { model }) };
  }
  return undefined;
}
