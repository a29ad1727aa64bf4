/** The store of every profile so far: S3, or a server that speaks it. */
import type { Pattern, Reader } from '../../config/reader.ts';
import type { ArtifactStore } from '../artifact-store/port.ts';
import { s3ArtifactStore, type S3Settings } from '../artifact-store/s3.ts';
import { retried } from '../retry.ts';

/** Where a client finds the store. */
export interface StorePlace {
  bucket: string;
  region: string;
  /** Base URL of the store as the client reaches it; undefined: AWS. */
  endpoint?: string;
  /** Base URL of the store as browsers reach it, where that is another. */
  publicEndpoint?: string;
  /** Id of the KMS key that objects are encrypted with; undefined: the bucket decides. */
  kmsKeyId?: string;
}

/** The bucket as the operator knows it. */
export interface BucketSettings {
  /** `SB_S3_BUCKET`. */
  bucket: string;
  /** `SB_S3_REGION`; on AWS the default is `SB_AWS_REGION`. */
  region: string;
  /** `SB_S3_ENDPOINT`: what Pods reach; left out on AWS, where it is S3 itself. */
  endpoint?: string;
  /** `SB_S3_PUBLIC_ENDPOINT`: what a browser reaches. */
  publicEndpoint?: string;
  /** `SB_KMS_KEY_ID`: id of the KMS key that objects are encrypted with; without it the bucket decides. */
  kmsKeyId?: string;
}

const BUCKET: Pattern = { is: /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, called: 'the name of a bucket' };

/** Protocols of an endpoint. */
export const HTTP = /^https?:$/;

/** `region`: where nothing else is said. */
export function bucketSettings(read: Reader, region: string): BucketSettings {
  const kmsKeyId = read.optional('SB_KMS_KEY_ID');
  return {
    bucket: read.text('SB_S3_BUCKET', 'abundant-sb-artifacts', BUCKET),
    region: read.text('SB_S3_REGION', region),
    ...(kmsKeyId === undefined ? {} : { kmsKeyId }),
  };
}

/** A client's store, every call retried. Without `credentials` they come from where the SDK finds them. */
export function clientStore(
  { bucket, region, endpoint, publicEndpoint, kmsKeyId }: StorePlace,
  credentials?: S3Settings['credentials'],
): ArtifactStore {
  return retried(
    s3ArtifactStore({
      bucket,
      region,
      ...(endpoint !== undefined && { endpoint }),
      ...(publicEndpoint !== undefined && { publicEndpoint }),
      ...(kmsKeyId !== undefined && { kmsKeyId }),
      ...(credentials && { credentials }),
    }),
  );
}
