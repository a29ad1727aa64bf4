/** How the SDK's clients talk HTTP. */
import type { S3ClientConfig } from '@aws-sdk/client-s3';
import { lookup } from '../lookup.ts';

const CONNECT_TIMEOUT_MS = 5_000;

/** A client's `requestHandler`; an answer must have come after `requestTimeout` milliseconds. */
export const httpWithin = (requestTimeout: number): NonNullable<S3ClientConfig['requestHandler']> => ({
  connectionTimeout: CONNECT_TIMEOUT_MS,
  requestTimeout,
  httpAgent: { lookup },
  httpsAgent: { lookup },
});
