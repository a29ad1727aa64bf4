/** What Responses and Chat Completions share: errors, lists of models, ends. https://platform.openai.com/docs/guides/error-codes */
import type { JsonSchema, Tool } from '../conversation.ts';
import type { FailureName, Usage } from '../script.ts';
import { type Body, created, type Failure, retryAfterHeader } from './protocol.ts';

const failures: Record<FailureName, [status: number, type: string, code: string | null, message: string]> = {
  auth: [
    401,
    'invalid_request_error',
    'invalid_api_key',
    'Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.',
  ],
  forbidden: [
    403,
    'invalid_request_error',
    'unsupported_country_region_territory',
    'Country, region, or territory not supported',
  ],
  'no-model': [
    404,
    'invalid_request_error',
    'model_not_found',
    'The model does not exist or you do not have access to it.',
  ],
  'bad-request': [400, 'invalid_request_error', 'invalid_value', 'The scripted model refuses this request.'],
  'context-length': [
    400,
    'invalid_request_error',
    'context_length_exceeded',
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 210000 tokens. Please reduce the length of the messages.",
  ],
  'too-large': [413, 'invalid_request_error', 'request_too_large', 'The request is too large.'],
  'rate-limit': [
    429,
    'requests',
    'rate_limit_exceeded',
    'Rate limit reached for the scripted model in organization org-scripted on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 1s.',
  ],
  quota: [
    429,
    'insufficient_quota',
    'insufficient_quota',
    'You exceeded your current quota, please check your plan and billing details.',
  ],
  server: [
    500,
    'server_error',
    null,
    'The server had an error while processing your request. Sorry about that!',
  ],
  overloaded: [
    503,
    'server_error',
    'server_is_overloaded',
    'The engine is currently overloaded, please try again later.',
  ],
};

/** The error as an object of its own. */
export function openaiError(name: FailureName): Body {
  const [, type, code, message] = failures[name];
  return { message, type, param: null, code };
}

export const openaiFailure = (name: FailureName, retryAfter?: number): Failure => ({
  status: failures[name][0],
  body: { error: openaiError(name) },
  headers: { 'x-request-id': 'req_scripted', ...retryAfterHeader(retryAfter) },
});

export const openaiModels = (names: readonly string[]): Body => ({
  object: 'list',
  data: names.map((id) => ({ id, object: 'model', created, owned_by: 'scripted' })),
});

/** A function that is offered; `from` holds its name and its schema. */
export const openaiTool = (from: Body): Tool => ({
  name: String(from['name'] ?? from['type']),
  parameters: from['parameters'] as JsonSchema | undefined,
});

/** All input. OpenAI and Gemini count what a cache held, or was given to hold, among it. */
export const inputTokens = (usage: Usage): number => usage.input + usage.cacheRead + usage.cacheWrite;

/** What of the input a cache held, and what it was given to hold. */
export const inputDetails = (usage: Usage): Body => ({
  cached_tokens: usage.cacheRead,
  cache_write_tokens: usage.cacheWrite,
});
