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
  type MultipartUpload,
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

interface Owner {
  Bucket: string;
  ExpectedBucketOwner: string;
}

/** Where a page of a list begins: after this key, and this version or upload of it. */
interface Markers {
  KeyMarker?: string;
  VersionIdMarker?: string;
}

interface Page<T> {
  items: T[];
  /** Undefined at the end. */
  next: Markers | undefined;
}

const nextOf = (more = false, key?: string, version?: string): Markers | undefined =>
  more
    ? {
        ...(key !== undefined && { KeyMarker: key }),
        ...(version !== undefined && { VersionIdMarker: version }),
      }
    : undefined;

/** How often a bucket is gone through: what comes while it is emptied is taken away twice more, and then somebody is told. */
const MOST_WALKS = 3;

/** Takes away all that is listed, until nothing is. False where there is no such bucket. Throws `PreconditionFailed` where something keeps writing there. */
async function emptied<T>(
  bucket: string,
  {
    page,
    remove,
  }: { page: (from: Markers) => Promise<Page<T> | undefined>; remove: (items: T[]) => Promise<void> },
): Promise<boolean> {
  for (let walk = 0; walk < MOST_WALKS; walk++) {
    let found = 0;
    for (let from: Markers | undefined = {}; from;) {
      const seen: Page<T> | undefined = await page(from);
      if (!seen) return false;
      if (seen.items.length > 0) await remove(seen.items);
      found += seen.items.length;
      from = seen.next;
    }
    if (found === 0) return true;
  }
  throw beingWrittenTo(bucket, `it was emptied ${MOST_WALKS} times, and more came each time`);
}

const beingWrittenTo = (bucket: string, why: string): ProviderError =>
  new ProviderError(
    'PreconditionFailed',
    `bucket ${bucket} is still being written to: ${why}; end what uploads there (sb, an operator in another cluster)`,
  );

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
    let from: Markers | undefined = {};
    for (let page = 0; from && page < COUNTED_PAGES; page++) {
      const found = await this.#page(bucket, from);
      if (!found) return undefined;
      count += found.items.length;
      from = found.next;
    }
    return { count, more: from !== undefined };
  }

  async bucket(name: string, report: (gone: number) => void): Promise<void> {
    const owner = { Bucket: name, ExpectedBucketOwner: this.#account };
    let gone = 0;
    const isThere = await emptied(name, {
      page: (from) => this.#page(name, from),
      remove: async (versions: ObjectIdentifier[]) => {
        await this.#delete(name, versions);
        report((gone += versions.length));
      },
    });
    if (!isThere) return;
    await emptied(name, {
      page: (from) => this.#uploads(owner, from),
      remove: (uploads: MultipartUpload[]) => this.#abort(owner, uploads),
    });
    const command = new DeleteBucketCommand(owner);
    await this.#unlessAbsent(['s3:DeleteBucket', name], () =>
      this.#s3.send(command).catch((error: Error) => {
        throw error.name === 'BucketNotEmpty' ? beingWrittenTo(name, error.message) : error;
      }),
    );
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

  /** A page of the unfinished uploads; undefined where there is no such bucket. */
  async #uploads(owner: Owner, from: Markers): Promise<Page<MultipartUpload> | undefined> {
    const { KeyMarker, VersionIdMarker: UploadIdMarker } = from;
    const command = new ListMultipartUploadsCommand({
      ...owner,
      ...(KeyMarker !== undefined && { KeyMarker }),
      ...(UploadIdMarker !== undefined && { UploadIdMarker }),
    });
    const page = await this.#unlessAbsent(['s3:ListBucketMultipartUploads', owner.Bucket], () =>
      this.#s3.send(command),
    );
    if (!page) return undefined;
    const next = nextOf(page.IsTruncated, page.NextKeyMarker, page.NextUploadIdMarker);
    return { items: page.Uploads ?? [], next };
  }

  async #abort(owner: Owner, uploads: readonly MultipartUpload[]): Promise<void> {
    for (const { Key, UploadId } of uploads) {
      const abort = new AbortMultipartUploadCommand({ ...owner, Key, UploadId });
      await this.#unlessAbsent(['s3:AbortMultipartUpload', owner.Bucket], () => this.#s3.send(abort));
    }
  }

  /** A page of all versions; undefined where there is no such bucket. */
  async #page(bucket: string, from: Markers): Promise<Page<ObjectIdentifier> | undefined> {
    const command = new ListObjectVersionsCommand({
      Bucket: bucket,
      ExpectedBucketOwner: this.#account,
      ...from,
    });
    const page = await this.#unlessAbsent(['s3:ListBucketVersions', bucket], () => this.#s3.send(command));
    if (!page) return undefined;
    const all = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])];
    return {
      items: all.map(({ Key, VersionId }) => ({ Key, VersionId })),
      next: nextOf(page.IsTruncated, page.NextKeyMarker, page.NextVersionIdMarker),
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
