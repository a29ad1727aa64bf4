/** Failures of the API server, as one error type with the `reason` that Kubernetes gives them. */

export interface ApiFailure {
  /** HTTP status; 0 when there was no answer. */
  status: number;
  /** Kubernetes' StatusReason (`Conflict`, `NotFound`, …); ours: `Unreachable`, `NoAnswer`, `NotLeader`. */
  reason: string;
  message: string;
  /** How long the server asked us to wait. */
  retryAfterMs?: number | undefined;
  cause?: unknown;
}

export class ApiError extends Error {
  readonly status: number;
  readonly reason: string;
  readonly retryAfterMs: number | undefined;

  constructor(failure: ApiFailure) {
    super(failure.message, failure.cause === undefined ? undefined : { cause: failure.cause });
    this.name = 'ApiError';
    this.status = failure.status;
    this.reason = failure.reason;
    this.retryAfterMs = failure.retryAfterMs;
  }
}

/** Thrown by a reconcile for what no retry can cure: it is counted and logged, and waits for the next event. */
export class TerminalError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TerminalError';
  }
}

const has =
  (status: number, reason?: string) =>
  (error: unknown): error is ApiError =>
    error instanceof ApiError && error.status === status && (reason === undefined || error.reason === reason);

export const isNotFound = has(404);
/** The object changed since it was read: read again and decide again. */
export const isConflict = has(409, 'Conflict');
/** Something of that name exists; it may be our own of an earlier try. */
export const isAlreadyExists = has(409, 'AlreadyExists');
/** The resourceVersion or continue token is no longer known. */
export const isGone = has(410);
export const isForbidden = has(403);
/** The object was refused by validation or admission policy: sending it again cannot help. */
export const isInvalid = has(422);

/** What the API server takes later, or did take: it was away or overloaded, or somebody else was first. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (!(error instanceof ApiError)) return isPassing(error.cause);
  return [0, 409, 429].includes(error.status) || error.status >= 500;
}

/** Nothing was sent, since another replica may be leader, or is about to be. */
export function isFenced(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error instanceof ApiError ? error.reason === 'NotLeader' : isFenced(error.cause);
}

interface Status {
  reason?: string;
  message?: string;
  details?: { retryAfterSeconds?: number };
}

const REASONS: Record<number, string> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Expired',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

function parseStatus(body: string): Status {
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === 'object' && parsed !== null ? parsed : {};
  } catch {
    return { message: body.slice(0, 500) };
  }
}

/** Retry-After in milliseconds: seconds or an HTTP date. */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

export interface HttpAnswer {
  status: number;
  body: string;
  retryAfter?: string | undefined;
  /** The request, for the message: `GET /api/v1/pods`. */
  request: string;
  now: number;
}

/** The error in an HTTP answer that is not 2xx. */
export function apiError(answer: HttpAnswer): ApiError {
  const status = parseStatus(answer.body);
  const asked = status.details?.retryAfterSeconds;
  return new ApiError({
    status: answer.status,
    reason: status.reason || REASONS[answer.status] || 'Unknown',
    message: `${answer.request}: ${status.message || REASONS[answer.status] || 'failed'} (${answer.status})`,
    retryAfterMs:
      retryAfterMs(answer.retryAfter, answer.now) ?? (asked === undefined ? undefined : asked * 1000),
  });
}
