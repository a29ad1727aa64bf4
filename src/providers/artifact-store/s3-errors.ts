/** What S3 and the SDK throw, in the words of the ports. */
import { ProviderError, type ProviderReason } from '../errors.ts';

interface SdkError {
  name?: string;
  message?: string;
  $metadata?: { httpStatusCode?: number };
}

/** Codes whose HTTP status says something else than they mean. */
const REASONS: Record<string, ProviderReason> = {
  SlowDown: 'Throttled',
  ThrottlingException: 'Throttled',
  RequestLimitExceeded: 'Throttled',
  NoSuchBucket: 'NotFound',
  // A 400: the credentials ran out, which new ones cure.
  ExpiredToken: 'AccessDenied',
  TokenRefreshRequired: 'AccessDenied',
  // A 400: the connection broke while the body was on its way.
  RequestTimeout: 'Unavailable',
  // A 409: another conditional write of this key is under way; the next try is told 412.
  ConditionalRequestConflict: 'Unavailable',
  OperationAborted: 'Unavailable',
};

const BY_STATUS: Record<number, ProviderReason> = {
  401: 'AccessDenied',
  403: 'AccessDenied',
  404: 'NotFound',
  412: 'PreconditionFailed',
  413: 'TooLarge',
  429: 'Throttled',
};

function reasonOf({ name = '', $metadata }: SdkError): ProviderReason {
  const status = $metadata?.httpStatusCode;
  // Without a status there was no answer: no network, no name, no credentials yet.
  return (
    REASONS[name] ??
    (status === undefined || status >= 500 ? 'Unavailable' : (BY_STATUS[status] ?? 'Invalid'))
  );
}

/** `doing` names the call and its object: `get s3://bucket/key`. */
export function s3Error(doing: string, error: unknown): ProviderError {
  if (error instanceof ProviderError) return error;
  const sdk = error as SdkError;
  const said = [sdk.name, sdk.message].filter((part) => part && part !== 'UnknownError').join(': ');
  return new ProviderError(reasonOf(sdk), `${doing}: ${said || `HTTP ${sdk.$metadata?.httpStatusCode}`}`, {
    cause: error,
  });
}

/** True where the store says that there is no such object, which is an answer and no failure. */
export function isNoSuchKey(error: unknown): boolean {
  const { name, $metadata } = error as SdkError;
  return name !== 'NoSuchBucket' && $metadata?.httpStatusCode === 404;
}
