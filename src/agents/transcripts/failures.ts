/**
 * What a message of a model's provider means, as programs print it: by its words, then by its HTTP status. Only what a program says of its own
 * calls of the model belongs here; what a tool printed may say anything.
 */
import type { AgentFailureType } from '../../crds/agent-failures.ts';
import type { AgentFailure } from '../agent.ts';

/** Of a message. */
const MESSAGE_CHARS = 1024;

/** The first that fits. Words before status: providers answer 400 and 429 for several reasons. */
const WORDS: readonly (readonly [AgentFailureType, RegExp])[] = [
  ['BudgetExceededError', /\bbudget\b.{0,40}\b(exceeded|used up|exhausted)|\bmax(Tokens|CostUsd)\b/i],
  [
    'ContextWindowExceededError',
    /context[ _-]?(length|window|size)|maximum context|prompt is too long|(input|prompt)( token count)? .{0,40}exceeds? the (maximum|limit)|input is too long|out of room in the model|request_too_large|too many (input )?tokens/i,
  ],
  [
    'OutputTokenExceededError',
    /(output|completion) tokens? (maximum|limit)|max(imum)?[ _]output[ _]tokens|max_tokens.{0,20}(reached|exceeded)|finish_reason[": ]+length/i,
  ],
  [
    'AgentSafetyRefusalError',
    /\brefus(al|ed to)\b|content[ _-]?filter|usage policy|(blocked|flagged) .{0,20}safety|safety (classifier|measures|system)|safeguards|unable to respond to this request/i,
  ],
  // Reasons of Gemini's, of why an answer ended.
  ['OutputTokenExceededError', /\bMAX_TOKENS\b/],
  ['AgentSafetyRefusalError', /\b(PROHIBITED_CONTENT|SAFETY|BLOCKLIST|SPII|RECITATION)\b/],
  [
    'ApiUsageLimitError',
    /insufficient_quota|exceeded your current quota|quota (was )?exceeded|exhausted your .{0,20}quota|credit balance|out of credits|no credits|insufficient (balance|funds|credits)|usage limit|unpaid invoice|billing (hard limit|details)|payment required/i,
  ],
  [
    'AgentAuthenticationError',
    /(invalid|incorrect|missing|expired|revoked|no)[ _](x-)?api[ _-]?key|api[ _-]?key[^.]{0,20}(not valid|invalid|expired|not found)|authentication[ _](error|failed|fails)|invalid authentication|\bunauthorized\b|\bunauthenticated\b|not logged in|permission[ _]?denied|permission_error|\bforbidden\b|please run \/login/i,
  ],
  [
    'ModelNotFoundError',
    /model[^.\n]{0,120}(not found|does ?n[o']t exist|not exist|not supported|no access|is not available)|no such model|unknown model|model_not_found|not_found_error|issue with the selected model|cannot use this model/i,
  ],
  [
    'ApiOverloadedError',
    /overloaded|at capacity|service unavailable|ServiceUnavailable|\bunavailable\b|high demand/i,
  ],
  [
    'ApiRateLimitError',
    /rate[ _-]?limit|too many requests|RESOURCE_EXHAUSTED|throttl|resource has been exhausted/i,
  ],
  [
    'ApiResponseStalledError',
    /stall|idle timeout|stream .{0,20}timed? ?out|no (data|response) .{0,30}received/i,
  ],
  ['NetworkConnectionError', /error sending request|fetch failed|ECONNREFUSED|ENOTFOUND|EAI_AGAIN/i],
  [
    'ApiConnectionClosedError',
    /mid-(response|stream)|stream (was )?(disconnected|closed|aborted|interrupted|ended(?! with empty))|connection .{0,30}(closed|lost|reset|dropped)|closed (the )?connection|\bterminated\b|premature|socket hang up|other side closed|ECONNRESET|EPIPE|incomplete (chunked|json|stream|response)|peer closed|server disconnected|unexpected end|ended (without|before)|without (a )?finish reason|no finish/i,
  ],
  [
    'NetworkConnectionError',
    /ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|connection ?error|connection (refused|timed out)|could not (connect|resolve)|unable to connect|cannot connect|failed to connect|network (error|connection)|timed? ?out|certificate|\bSSL\b|\bTLS\b/i,
  ],
  ['ApiInternalServerError', /server[ _]?error|\binternal error|api_error|bad gateway/i],
  ['ApiInternalServerError', /\bINTERNAL\b/],
];

const STATUS: Readonly<Record<number, AgentFailureType>> = {
  401: 'AgentAuthenticationError',
  402: 'ApiUsageLimitError',
  403: 'AgentAuthenticationError',
  404: 'ModelNotFoundError',
  408: 'ApiResponseStalledError',
  413: 'ContextWindowExceededError',
  429: 'ApiRateLimitError',
  500: 'ApiInternalServerError',
  502: 'ApiInternalServerError',
  503: 'ApiOverloadedError',
  504: 'ApiResponseStalledError',
  529: 'ApiOverloadedError',
};

/** A status as programs print it: `API Error: 529 …`, `unexpected status 401`, `"code":400`, `Error code: 429`. */
const PRINTED_STATUS = /(?:status|code|error)\W{0,12}(?:code\W{0,4})?([45]\d\d)\b/i;

/** The type that the words stand for; undefined where they say nothing that is known. */
export const typeInWords = (message: string): AgentFailureType | undefined =>
  WORDS.find(([, pattern]) => pattern.test(message.slice(0, 4 * MESSAGE_CHARS)))?.[0];

/**
 * What a program says of a call of its model that failed; `status`: of the answer, where the program has it apart. A failure that is not
 * known by its words or status is an `UnknownApiError`.
 */
export function failureOf(message: string, status?: number): AgentFailure {
  const [, printed] = PRINTED_STATUS.exec(message.slice(0, 4 * MESSAGE_CHARS)) ?? [];
  const known = STATUS[status ?? Number(printed)];
  return {
    type: typeInWords(message) ?? known ?? 'UnknownApiError',
    message: message.slice(0, MESSAGE_CHARS).toWellFormed(),
  };
}
