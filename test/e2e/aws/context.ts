import { createHash } from 'node:crypto';
import { HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { zipSync } from 'fflate';
import { s3 } from '../cluster/index.ts';

/** A build context in the bucket. */
export interface StoredContext {
  uri: string;
  sha256: string;
  versionId: string;
}

const { endpoint, region, bucket, accessKeyId, secretAccessKey } = s3;
const client = (): S3Client =>
  new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } });

/** Zips files and stores them under `tasks/e2e/<name>/context.zip`. */
export async function storeContext(name: string, files: Record<string, string>): Promise<StoredContext> {
  const texts = Object.entries(files).map(([path, text]) => [path, new TextEncoder().encode(text)] as const);
  const archive = zipSync(Object.fromEntries(texts), { mtime: '2020-01-01' });
  const place = { Bucket: bucket, Key: `tasks/e2e/${name}/context.zip` };
  const store = client();
  try {
    await store.send(new PutObjectCommand({ ...place, Body: archive }));
    const { VersionId: versionId = '' } = await store.send(new HeadObjectCommand(place));
    const sha256 = createHash('sha256').update(archive).digest('hex');
    return { uri: `s3://${bucket}/${place.Key}`, sha256, versionId };
  } finally {
    store.destroy();
  }
}
