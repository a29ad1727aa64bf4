/**
 * Pure: what an agent is told where its call goes no further, in the words of its own provider. For a spent budget it is the status that real
 * programs give up on at once (docs/decisions/0039).
 */
import type { ModelProtocol } from '../../crds/providers.ts';

export type ErrorKind = 'token' | 'path' | 'bad' | 'large' | 'budget' | 'busy' | 'upstream';

interface Words {
  status: number;
  anthropic: string;
  openai: string;
  gemini: string;
}

const WORDS: Record<ErrorKind, Words> = {
  token: {
    status: 401,
    anthropic: 'authentication_error',
    openai: 'invalid_api_key',
    gemini: 'UNAUTHENTICATED',
  },
  path: { status: 404, anthropic: 'not_found_error', openai: 'not_found', gemini: 'NOT_FOUND' },
  bad: {
    status: 400,
    anthropic: 'invalid_request_error',
    openai: 'invalid_request',
    gemini: 'INVALID_ARGUMENT',
  },
  large: {
    status: 413,
    anthropic: 'request_too_large',
    openai: 'request_too_large',
    gemini: 'INVALID_ARGUMENT',
  },
  budget: {
    status: 400,
    anthropic: 'billing_error',
    openai: 'budget_exceeded',
    gemini: 'FAILED_PRECONDITION',
  },
  busy: { status: 503, anthropic: 'overloaded_error', openai: 'server_busy', gemini: 'UNAVAILABLE' },
  upstream: { status: 502, anthropic: 'api_error', openai: 'bad_gateway', gemini: 'UNAVAILABLE' },
};

export interface ErrorAnswer {
  status: number;
  body: string;
}

export function errorFor(protocol: ModelProtocol, kind: ErrorKind, message: string): ErrorAnswer {
  const words = WORDS[kind];
  const status = kind === 'budget' && protocol === 'anthropic-messages' ? 402 : words.status;
  return { status, body: JSON.stringify(bodyOf(protocol, { ...words, status }, message)) };
}

function bodyOf(
  protocol: ModelProtocol,
  { status, anthropic, openai, gemini }: Words,
  message: string,
): object {
  switch (protocol) {
    case 'anthropic-messages':
      return { type: 'error', error: { type: anthropic, message } };
    case 'gemini':
      return { error: { code: status, message, status: gemini } };
    case 'openai-chat':
    case 'openai-responses':
      return { error: { message, type: 'invalid_request_error', param: null, code: openai } };
    default:
      return protocol satisfies never;
  }
}
