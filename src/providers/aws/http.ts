/** How the SDK's clients talk HTTP. */
import type { S3ClientConfig } from '@aws-sdk/client-s3';
import { lookup } from '../lookup.ts';

export const CONNECT_TIMEOUT_MS = 5_000;

/**
 * A client's `requestHandler`. An answer must begin within `timeoutMs` milliseconds, and neither it nor the request may then stand still for
 * as long; a `TimeoutError` else. The SDK's `requestTimeout` alone only logs a warning, and ends where the answer's body begins.
 */
export const httpWithin = (timeoutMs: number): NonNullable<S3ClientConfig['requestHandler']> => ({
  connectionTimeout: CONNECT_TIMEOUT_MS,
  requestTimeout: timeoutMs,
  throwOnRequestTimeout: true,
  socketTimeout: timeoutMs,
  httpAgent: { lookup },
  httpsAgent: { lookup },
});
