/** The one family of errors that ports throw. Expected outcomes are values; these are surprises with a reason for the condition. */

export type ProviderReason =
  | 'Unavailable'
  | 'Throttled'
  /** The account’s limit is reached until something of it ends. */
  | 'QuotaExceeded'
  | 'AccessDenied'
  | 'NotFound'
  | 'PreconditionFailed'
  | 'TooLarge'
  | 'Invalid';

const TRANSIENT = new Set<ProviderReason>(['Unavailable', 'Throttled', 'QuotaExceeded']);

/** What was being done, why it failed, and whether trying again later can help. */
export class ProviderError extends Error {
  override name = 'ProviderError';
  readonly reason: ProviderReason;

  constructor(reason: ProviderReason, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.reason = reason;
  }

  /** True where the same call may succeed later. */
  get transient(): boolean {
    return TRANSIENT.has(this.reason);
  }
}

/** For `get(…).catch`, where an object that is too large is as good as none; anything else is thrown on. */
export function noneIfTooLarge(error: unknown): undefined {
  if (!(error instanceof ProviderError) || error.reason !== 'TooLarge') throw error;
}
