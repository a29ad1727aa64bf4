import {
  CreateBucketCommand,
  HeadBucketCommand,
  PutBucketPolicyCommand,
  PutBucketVersioningCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { s3 } from './services.ts';

/** Makes the bucket, readable by anyone who reaches the port (loopback and the cluster), so that links in a status open in a browser. */
export async function ensureBucket(): Promise<void> {
  const { endpoint, region, accessKeyId, secretAccessKey, bucket: Bucket } = s3;
  const client = new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  });
  try {
    const exists = await client.send(new HeadBucketCommand({ Bucket })).then(
      () => true,
      () => false,
    );
    if (!exists) await client.send(new CreateBucketCommand({ Bucket }));
    // Builds on CodeBuild ask for the very version of their context that was seen.
    await client.send(
      new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }),
    );
    await client.send(new PutBucketPolicyCommand({ Bucket, Policy: JSON.stringify(publicRead(Bucket)) }));
  } finally {
    client.destroy();
  }
}

function publicRead(bucket: string): object {
  const statement = {
    Effect: 'Allow',
    Principal: '*',
    Action: 's3:GetObject',
    Resource: `arn:aws:s3:::${bucket}/*`,
  };
  return { Version: '2012-10-17', Statement: [statement] };
}
