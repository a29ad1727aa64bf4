/** Deletes what an installation keeps: versions, unfinished uploads, images, logs. */
import { CloudWatchLogsClient, DeleteLogGroupCommand } from '@aws-sdk/client-cloudwatch-logs';
import { DeleteRepositoryCommand, ECRClient } from '@aws-sdk/client-ecr';
import {
  AbortMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  S3Client,
  type ObjectIdentifier,
} from '@aws-sdk/client-s3';
import { awsError, OF_A_PERSON } from '../aws/errors.ts';
import { httpWithin } from '../aws/http.ts';
import { ProviderError } from '../errors.ts';
import type { AwsCredentials, Contents, Purge } from './port.ts';

export interface PurgeSettings {
  region: string;
  /** Whose buckets these are: one of that name in another account is refused by S3. */
  account: string;
  /** Default: those that the SDK finds. */
  credentials?: AwsCredentials;
  /** S3 by path instead of by host, as its stand-ins want it. */
  byPath?: boolean;
}

const TIMEOUT_MS = 60_000;
const COUNTED_PAGES = 10;
const ABSENT = new Set([
  'NoSuchBucket',
  'NotFound',
  'RepositoryNotFoundException',
  'ResourceNotFoundException',
]);

class AwsPurge implements Purge {
  readonly #s3: S3Client;
  readonly #ecr: ECRClient;
  readonly #logs: CloudWatchLogsClient;
  readonly #account: string;

  constructor({ region, account, credentials, byPath = false }: PurgeSettings) {
    const settings = {
      region,
      requestHandler: httpWithin(TIMEOUT_MS),
      ...(credentials && { credentials }),
    };
    this.#account = account;
    this.#s3 = new S3Client({ ...settings, forcePathStyle: byPath });
    this.#ecr = new ECRClient(settings);
    this.#logs = new CloudWatchLogsClient(settings);
  }

  async contents(bucket: string): Promise<Contents | undefined> {
    let count = 0;
    let from: { KeyMarker?: string; VersionIdMarker?: string } | undefined = {};
    for (let page = 0; from && page < COUNTED_PAGES; page++) {
      const found = await this.#page(bucket, from);
      if (!found) return undefined;
      count += found.versions.length;
      from = found.next;
    }
    return { count, more: from !== undefined };
  }

  async bucket(name: string, report: (gone: number) => void): Promise<void> {
    const owner = { Bucket: name, ExpectedBucketOwner: this.#account };
    let gone = 0;
    for (;;) {
      // From the beginning each time: what was listed before is gone.
      const found = await this.#page(name, {});
      if (!found) return;
      if (found.versions.length === 0) break;
      await this.#delete(name, found.versions);
      gone += found.versions.length;
      report(gone);
    }
    await this.#abortUploads(owner);
    const command = new DeleteBucketCommand(owner);
    await this.#unlessAbsent(['s3:DeleteBucket', name], () => this.#s3.send(command));
  }

  async #delete(name: string, versions: ObjectIdentifier[]): Promise<void> {
    const command = new DeleteObjectsCommand({
      Bucket: name,
      ExpectedBucketOwner: this.#account,
      Delete: { Objects: versions, Quiet: true },
    });
    const answer = await this.#unlessAbsent(['s3:DeleteObjectVersion', name], () => this.#s3.send(command));
    const [error] = answer?.Errors ?? [];
    if (!error) return;
    const reason = error.Code === 'AccessDenied' ? 'AccessDenied' : 'Unavailable';
    throw new ProviderError(
      reason,
      `delete s3://${name}/${error.Key}: ${error.Code}: ${error.Message}; it needs s3:DeleteObjectVersion on ${name}`,
    );
  }

  async #abortUploads(owner: { Bucket: string; ExpectedBucketOwner: string }): Promise<void> {
    for (;;) {
      const command = new ListMultipartUploadsCommand(owner);
      const answer = await this.#unlessAbsent(['s3:ListBucketMultipartUploads', owner.Bucket], () =>
        this.#s3.send(command),
      );
      const uploads = answer?.Uploads ?? [];
      if (uploads.length === 0) return;
      for (const { Key, UploadId } of uploads) {
        const abort = new AbortMultipartUploadCommand({ ...owner, Key, UploadId });
        await this.#unlessAbsent(['s3:AbortMultipartUpload', owner.Bucket], () => this.#s3.send(abort));
      }
    }
  }

  /** A page of all versions; undefined where there is no such bucket. */
  async #page(
    bucket: string,
    from: { KeyMarker?: string; VersionIdMarker?: string },
  ): Promise<
    | { versions: ObjectIdentifier[]; next: { KeyMarker?: string; VersionIdMarker?: string } | undefined }
    | undefined
  > {
    const command = new ListObjectVersionsCommand({
      Bucket: bucket,
      ExpectedBucketOwner: this.#account,
      ...from,
    });
    const page = await this.#unlessAbsent(['s3:ListBucketVersions', bucket], () => this.#s3.send(command));
    if (!page) return undefined;
    const all = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])];
    return {
      versions: all.map(({ Key, VersionId }) => ({ Key, VersionId })),
      next: page.IsTruncated
        ? {
            ...(page.NextKeyMarker !== undefined && { KeyMarker: page.NextKeyMarker }),
            ...(page.NextVersionIdMarker !== undefined && { VersionIdMarker: page.NextVersionIdMarker }),
          }
        : undefined,
    };
  }

  async repository(name: string): Promise<void> {
    const command = new DeleteRepositoryCommand({ repositoryName: name, force: true });
    await this.#unlessAbsent(['ecr:DeleteRepository', name], () => this.#ecr.send(command));
  }

  async logGroup(name: string): Promise<void> {
    const command = new DeleteLogGroupCommand({ logGroupName: name });
    await this.#unlessAbsent(['logs:DeleteLogGroup', name], () => this.#logs.send(command));
  }

  async #unlessAbsent<T>(
    [action, on]: readonly [string, string],
    send: () => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await send();
    } catch (error) {
      if (ABSENT.has((error as Error).name)) return undefined;
      throw awsError(
        { call: `${action.split(':')[1]} of ${on}`, needs: `${action} on ${on}`, reasons: OF_A_PERSON },
        error,
      );
    }
  }
}

export const awsPurge = (settings: PurgeSettings): Purge => new AwsPurge(settings);
