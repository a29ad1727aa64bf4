/** What the AWS SDK throws, in the words of the ports. */
import { isClockSkewError, isThrottlingError, isTransientError } from '@smithy/core/retry';
import { ProviderError, type ProviderReason } from '../errors.ts';

export interface SdkError {
  name?: string;
  message?: string;
  $metadata?: { httpStatusCode?: number; clockSkewCorrected?: true };
}

/** What was being done, for messages. */
export interface Doing {
  /** The call and its object: `get s3://bucket/key`. */
  call: string;
  /** The permission that the call needs: `ecr:DescribeImages on arn:…`. Told where it was refused. */
  needs?: string;
  /** Codes of this service that mean something else than their HTTP status. */
  reasons?: Record<string, ProviderReason>;
}

/** Codes of every service whose HTTP status says something else than they mean, and which the SDK has in no list. */
const REASONS: Record<string, ProviderReason> = {
  AccessDeniedException: 'AccessDenied',
  UnrecognizedClientException: 'AccessDenied',
  SignatureDoesNotMatch: 'AccessDenied',
  // A 400 or 403: the credentials ran out on the way; the SDK fetches new ones for the next call.
  ExpiredToken: 'Unavailable',
  ExpiredTokenException: 'Unavailable',
  // A 400: the identity provider did not answer STS.
  IDPCommunicationError: 'Unavailable',
};

/** Codes that mean, of a person's credentials, that logging in anew is all that helps. */
export const LOGIN_CODES = [
  'AuthFailure',
  'CredentialsProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'RequestExpired',
  'SignatureDoesNotMatch',
  'TokenProviderError',
  'UnrecognizedClientException',
] as const;

/** For `Doing.reasons` where the caller is a person: waiting does not bring other credentials. */
export const OF_A_PERSON: Record<string, ProviderReason> = Object.fromEntries(
  LOGIN_CODES.map((code) => [code, 'AccessDenied'] as const),
);

const BY_STATUS: Record<number, ProviderReason> = {
  401: 'AccessDenied',
  403: 'AccessDenied',
  404: 'NotFound',
  412: 'PreconditionFailed',
  413: 'TooLarge',
  429: 'Throttled',
};

/** Name and message that the SDK gives to an answer without a body, such as a load balancer's. */
const WORDLESS = new Set(['Unknown', 'UnknownError']);

/** The SDK's own lists of what passes, clocks that differ among them: it signs with the service's time from the next call on. */
function passing(error: unknown): ProviderReason | undefined {
  const sdk = error as Parameters<typeof isTransientError>[0];
  if (isThrottlingError(sdk)) return 'Throttled';
  return isTransientError(sdk) || isClockSkewError(sdk) ? 'Unavailable' : undefined;
}

/** Without a status there was no answer: no network, no name, no credentials yet. */
const byStatus = (status = 500): ProviderReason =>
  status >= 500 ? 'Unavailable' : (BY_STATUS[status] ?? 'Invalid');

function reasonOf(error: SdkError, reasons: Record<string, ProviderReason>): ProviderReason {
  const { name = '', $metadata } = error;
  const meant = $metadata?.clockSkewCorrected ? undefined : REASONS[name];
  return reasons[name] ?? meant ?? passing(error) ?? byStatus($metadata?.httpStatusCode);
}

/** The SDK’s error as the port’s, with code and message of the service; what is a `ProviderError` already stays as it is. */
export function awsError({ call, needs, reasons = {} }: Doing, error: unknown): ProviderError {
  if (error instanceof ProviderError) return error;
  const sdk = error as SdkError;
  const reason = reasonOf(sdk, reasons);
  const said = [sdk.name, sdk.message].filter((part) => part && !WORDLESS.has(part)).join(': ');
  const permission = reason === 'AccessDenied' && needs !== undefined ? `; it needs ${needs}` : '';
  const message = `${call}: ${said || `HTTP ${sdk.$metadata?.httpStatusCode}`}${permission}`;
  return new ProviderError(reason, message, { cause: error });
}
