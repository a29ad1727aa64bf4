/**
 * What the courier itself saw go wrong with the model. An agent can bring any refusal of its own request about, so those tell nothing: what counts is
 * what it cannot, the key, the account, the provider's limits and failures, and that they were the last word.
 */
import type { AgentFailureType } from '../../crds/agent-failures.ts';

/** How a call ended. `status` of an answer that is none; `word`: the provider's own for it. */
export type CallEnd =
  | { kind: 'answered' }
  | { kind: 'refused'; status: number; word?: string | undefined }
  | { kind: 'cut' | 'stalled' | 'unreachable'; why: string };

export interface Trouble {
  type: AgentFailureType;
  message: string;
  /** Several calls in a row: whatever ended the agent, this is what kept it from working. */
  lasting: boolean;
}

/** In a row. */
const LASTING = 3;

const BY_STATUS: Record<number, AgentFailureType> = {
  401: 'AgentAuthenticationError',
  402: 'ApiUsageLimitError',
  403: 'AgentAuthenticationError',
  429: 'ApiRateLimitError',
  503: 'ApiOverloadedError',
  529: 'ApiOverloadedError',
};

const BY_WORD: Record<string, AgentFailureType> = {
  insufficient_quota: 'ApiUsageLimitError',
  billing_error: 'ApiUsageLimitError',
  authentication_error: 'AgentAuthenticationError',
  invalid_api_key: 'AgentAuthenticationError',
  rate_limit_error: 'ApiRateLimitError',
  rate_limit_exceeded: 'ApiRateLimitError',
  RESOURCE_EXHAUSTED: 'ApiRateLimitError',
  overloaded_error: 'ApiOverloadedError',
  UNAVAILABLE: 'ApiOverloadedError',
  api_error: 'ApiInternalServerError',
  server_error: 'ApiInternalServerError',
};

const BY_KIND = {
  cut: 'ApiConnectionClosedError',
  stalled: 'ApiResponseStalledError',
  unreachable: 'NetworkConnectionError',
} as const satisfies Record<string, AgentFailureType>;

const [REQUEST_ERROR, SERVER_ERROR] = [400, 500];

/** Undefined for what says nothing of the model: an answer, and a refusal of the request itself. */
export function failureOf(end: CallEnd): AgentFailureType | undefined {
  if (end.kind === 'answered') return undefined;
  return end.kind === 'refused' ? ofStatus(end.status, end.word) : BY_KIND[end.kind];
}

/** Within a stream that began well there is the word alone. */
function ofStatus(status: number, word = ''): AgentFailureType | undefined {
  const known = BY_STATUS[status] ?? (status >= SERVER_ERROR ? 'ApiInternalServerError' : undefined);
  const isOfRequest = status >= REQUEST_ERROR && known === undefined;
  return !isOfRequest && Object.hasOwn(BY_WORD, word) ? BY_WORD[word] : known;
}

/** What went wrong last, and how often in a row. */
export class TroubleWatch {
  #last: { end: CallEnd; type: AgentFailureType } | undefined;
  #length = 0;

  ended(end: CallEnd): void {
    const type = failureOf(end);
    // A refused request neither shows that the model answers nor that it does not.
    if (type === undefined && end.kind !== 'answered') return;
    this.#length = type === undefined ? 0 : this.#length + 1;
    this.#last = type && { end, type };
  }

  /** Of the calls since the last time. */
  lap(): Trouble | undefined {
    const last = this.#last;
    const length = this.#length;
    this.#last = undefined;
    this.#length = 0;
    if (!last) return undefined;
    const calls = length === 1 ? 'the last call of the model' : `the last ${length} calls of the model`;
    return {
      type: last.type,
      message: `${calls} failed: ${sentenceOf(last.end)}`,
      lasting: length >= LASTING,
    };
  }
}

function sentenceOf(end: CallEnd): string {
  if (end.kind === 'answered') return 'answered';
  if (end.kind !== 'refused') return end.why;
  return `its provider answered with status ${end.status}${end.word === undefined ? '' : ` (${end.word})`}`;
}
