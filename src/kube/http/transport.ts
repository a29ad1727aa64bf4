import type { Dispatcher } from 'undici';
import type { Readable } from 'node:stream';
import { systemClock, type Clock } from '../../async/clock.ts';
import { ApiError, apiError } from '../errors.ts';
import type { Credentials } from './credentials.ts';
import { deadline, type Deadline } from './deadline.ts';
import type { GuardedRequest, Lane, Pools } from './pools.ts';
import { withRetries } from './retry.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface ApiRequest {
  method: Method;
  /** Path and query, as in `/api/v1/pods?limit=500`. */
  path: string;
  body?: string;
  contentType?: string;
  /** Default: JSON. */
  accept?: string;
  signal?: AbortSignal | undefined;
  /**
   * Called before the request is sent, before it is sent again, and as it leaves, which may be long after where all connections are busy; throws where
   * that must not be (any more).
   */
  guard?: (() => void) | undefined;
}

export interface StreamRequest {
  path: string;
  signal: AbortSignal;
  /** How long to wait for the response's headers. */
  headersTimeoutMs: number;
}

/** Sends requests with our identity. Rejects with `ApiError`, or with the signal's reason once it fired. */
export interface Transport {
  /** Sends a request and reads the whole answer as text. Retries what is safe to send again. */
  send(request: ApiRequest): Promise<string>;
  /** Opens a GET on the watch lane and hands over its body, unread. */
  stream(request: StreamRequest): Promise<Readable>;
}

export interface TransportOptions {
  server: string;
  lane: Lane;
  /** For one attempt, from sending to the last byte. */
  timeoutMs: number;
  /** How often a request is sent again at the server's wish (429 or 5xx with Retry-After). */
  maxRetries: number;
  pools: Pools;
  credentials: Credentials;
  clock: Clock;
  random: () => number;
  /** Called once for every answer; `code` is the HTTP status or `<error>`. */
  onAnswer?: (method: Method, code: string) => void;
}

interface Attempt extends ApiRequest {
  signal: AbortSignal;
  /** Whether it had no answer in time. */
  expired: () => boolean;
  lane: Lane;
}

const USER_AGENT = 'sb-operator';

const header = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value;

type Answer = Dispatcher.ResponseData;

/** The one place that touches the network: identity, a second try on 401, metrics. */
function dispatchWith(options: TransportOptions): (attempt: Attempt) => Promise<Answer> {
  const { origin, pathname } = new URL(options.server);
  const prefix = pathname.replace(/\/+$/, '');
  const once = async (
    attempt: Attempt,
    identity: Awaited<ReturnType<Credentials['current']>>,
  ): Promise<Answer> => {
    const dispatcher = options.pools.lane(attempt.lane, identity.tls);
    const leaving: GuardedRequest = {
      origin,
      path: prefix + attempt.path,
      method: attempt.method,
      headers: {
        accept: attempt.accept ?? 'application/json, */*',
        'user-agent': USER_AGENT,
        ...identity.headers,
        ...(attempt.body !== undefined && { 'content-type': attempt.contentType ?? 'application/json' }),
      },
      body: attempt.body ?? null,
      signal: attempt.signal,
      guard: attempt.guard,
    };
    const answer = await dispatcher.request(leaving).catch((error: unknown) => {
      if (attempt.expired()) options.pools.renew(attempt.lane, dispatcher);
      throw error;
    });
    options.onAnswer?.(attempt.method, String(answer.statusCode));
    return answer;
  };
  return async (attempt) => {
    const identity = await options.credentials.current();
    const answer = await once(attempt, identity);
    if (answer.statusCode !== 401) return answer;
    await answer.body.dump();
    return once(attempt, await options.credentials.refresh(identity));
  };
}

function noAnswer(error: unknown, attempt: { method: Method; path: string; expired: boolean }): ApiError {
  const cause = error instanceof Error ? error : new Error(String(error));
  return new ApiError({
    status: 0,
    reason: attempt.expired ? 'NoAnswer' : 'Unreachable',
    message: `${attempt.method} ${attempt.path}: ${cause.message || cause.name}`,
    cause,
  });
}

async function rejectUnlessOk(answer: Answer, request: string, now: number): Promise<void> {
  if (answer.statusCode < 300) return;
  const body = await answer.body.text();
  const retryAfter = header(answer.headers['retry-after']);
  throw apiError({ status: answer.statusCode, body, retryAfter, request, now });
}

/** What went wrong, in our terms: an aborted caller gets its own reason, everybody else an `ApiError`. */
function translate(
  error: unknown,
  attempt: { method: Method; path: string; expired: boolean; caller: AbortSignal | undefined },
): unknown {
  if (error instanceof ApiError) return error;
  if (attempt.caller?.aborted) return attempt.caller.reason;
  return noAnswer(error, attempt);
}

/** By the system's clock, as the server at the other end has it, whatever clock the pauses between requests go by. */
const answerWithin = (ms: number, parents: (AbortSignal | undefined)[]): Deadline =>
  deadline(systemClock, ms, parents);

export function createTransport(options: TransportOptions): Transport {
  const { clock, lane, timeoutMs, onAnswer } = options;
  const dispatch = dispatchWith(options);
  const attempt = async (request: ApiRequest): Promise<string> => {
    request.guard?.();
    const limit = answerWithin(timeoutMs, [request.signal]);
    try {
      const answer = await dispatch({ ...request, ...limit, lane });
      await rejectUnlessOk(answer, `${request.method} ${request.path}`, clock.now());
      return await answer.body.text();
    } catch (error) {
      if (!(error instanceof ApiError)) onAnswer?.(request.method, '<error>');
      throw translate(error, { ...request, expired: limit.expired(), caller: request.signal });
    } finally {
      limit.clear();
    }
  };
  return {
    send: (request) => withRetries(() => attempt(request), { ...options, request }),
    async stream({ path, signal, headersTimeoutMs }) {
      const limit = answerWithin(headersTimeoutMs, []);
      const either = AbortSignal.any([signal, limit.signal]);
      try {
        const answer = await dispatch({ ...limit, method: 'GET', path, lane: 'watch', signal: either });
        await rejectUnlessOk(answer, `GET ${path}`, clock.now());
        return answer.body;
      } catch (error) {
        throw translate(error, { method: 'GET', path, expired: limit.expired(), caller: signal });
      } finally {
        limit.clear();
      }
    },
  };
}
