/** What S3 throws, in the words of the ports. */
import { awsError, type SdkError } from '../aws/errors.ts';
import { arnIn } from '../aws/partition.ts';
import type { ProviderError, ProviderReason } from '../errors.ts';

const REASONS: Record<string, ProviderReason> = {
  NoSuchBucket: 'NotFound',
  TokenRefreshRequired: 'Unavailable',
  // A 409: another conditional write of this key is under way; the next try is told 412.
  ConditionalRequestConflict: 'Unavailable',
  OperationAborted: 'Unavailable',
};

const ON_OBJECT: Record<string, string> = {
  put: 's3:PutObject',
  get: 's3:GetObject',
  head: 's3:GetObject (and s3:ListBucket, to be told that an object is missing)',
  list: 's3:ListBucket',
  delete: 's3:DeleteObject',
};

/** `operation` is the store's own word, `place` what it was for: bucket and key, or prefix. */
export function s3Error(
  operation: string,
  place: { bucket: string; key: string; region: string },
  error: unknown,
): ProviderError {
  const { bucket, key, region } = place;
  const action = ON_OBJECT[operation];
  const on = operation === 'list' ? bucket : `${bucket}/${key}`;
  const needs = action === undefined ? {} : { needs: `${action} on ${arnIn(region, `s3:::${on}`)}` };
  return awsError({ call: `${operation} s3://${bucket}/${key}`, reasons: REASONS, ...needs }, error);
}

/** True where the store says that there is no such object, which is an answer and no failure. */
export function isNoSuchKey(error: unknown): boolean {
  const { name, $metadata } = error as SdkError;
  return name !== 'NoSuchBucket' && $metadata?.httpStatusCode === 404;
}
