/** Pure: heads of calls and answers, and what of them goes on. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { endToEnd, type RawHeaders } from '../network/heads.ts';

/** Where programs put a key. */
export const KEY_HEADERS = ['authorization', 'x-api-key', 'x-goog-api-key'] as const;
const KEY_PARAMETER = 'key';
const BEARER = /^Bearer +(\S+)$/i;

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
const isSame = (one: string, other: string): boolean => timingSafeEqual(digest(one), digest(other));

export interface CallHead {
  headers: RawHeaders;
  /** Without the question mark. */
  query: string;
}

/** The same with the key in each place that had the token, and with nothing in the others; undefined where none had it. No key: none is sent. */
export function withKey(
  { headers, query }: CallHead,
  token: string,
  key: string | undefined,
): { headers: string[]; query: string } | undefined {
  let found = false;
  const keyFor = (given: string, write: (key: string) => string): string | undefined => {
    if (!isSame(given, token)) return undefined;
    found = true;
    return key === undefined ? undefined : write(key);
  };
  const passed = pairsOf(headers).flatMap(([name, value]): string[] => {
    const lower = name.toLowerCase();
    if (!KEY_HEADERS.some((one) => one === lower)) return [name, value];
    const isBearer = lower === 'authorization';
    const given = isBearer ? (BEARER.exec(value)?.[1] ?? '') : value.trim();
    const put = keyFor(given, (own) => (isBearer ? `Bearer ${own}` : own));
    return put === undefined ? [] : [name, put];
  });
  const parameters = query.split('&').flatMap((parameter): string[] => {
    const [name = '', ...rest] = parameter.split('=');
    if (decoded(name) !== KEY_PARAMETER) return parameter === '' ? [] : [parameter];
    const put = keyFor(decoded(rest.join('=')), (own) => `${KEY_PARAMETER}=${encodeURIComponent(own)}`);
    return put === undefined ? [] : [put];
  });
  return found ? { headers: passed, query: parameters.join('&') } : undefined;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function pairsOf(raw: RawHeaders): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  for (let index = 0; index + 1 < raw.length; index += 2)
    pairs.push([raw[index] ?? '', raw[index + 1] ?? '']);
  return pairs;
}

/** Of the connection, of the agent's own machine, or set anew. */
const NOT_SENT = new Set([
  'host',
  'cookie',
  'accept-encoding',
  'content-length',
  'forwarded',
  'via',
  'origin',
  'referer',
]);

/** The call's own headers for the other end. What is counted has to come as it is, not compressed. */
export const sentHeaders = (headers: RawHeaders): string[] => [
  ...without(endToEnd(headers), (name) => NOT_SENT.has(name) || name.startsWith('x-forwarded-')),
  'accept-encoding',
  'identity',
];

/** Whose account it is, and what would send the agent elsewhere, is none of its business. */
const NOT_SHOWN =
  /^(?:set-cookie2?|location|refresh|link|alt-svc|strict-transport-security|via|server|cf-.*|.*-organization(?:-id)?|openai-project)$/;

/** Says whether to ask again. Anthropic's and OpenAI's own programs heed it. */
const SHOULD_RETRY = 'x-should-retry';
export const NO_RETRY = [SHOULD_RETRY, 'false'] as const;

/** Claude Code asks for minutes with a key that was refused, unless it is told not to. What the provider says of it stays. */
const refusedForGood = (headers: RawHeaders, status: number): readonly string[] =>
  status === 401 && pairsOf(headers).every(([name]) => name.toLowerCase() !== SHOULD_RETRY) ? NO_RETRY : [];

/** An answer's headers for the agent. */
export const shownHeaders = (headers: RawHeaders, status: number): string[] => [
  ...without(endToEnd(headers), (name) => NOT_SHOWN.test(name)),
  ...refusedForGood(headers, status),
];

const without = (headers: RawHeaders, isDropped: (name: string) => boolean): string[] =>
  pairsOf(headers).flatMap(([name, value]) => (isDropped(name.toLowerCase()) ? [] : [name, value]));
