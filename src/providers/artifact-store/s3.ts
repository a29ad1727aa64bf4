/** ArtifactStore over S3 or anything that speaks its protocol. One attempt a call: retries are a decorator’s. */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  paginateListObjectsV2,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { httpWithin } from '../aws/http.ts';
import { ProviderError } from '../errors.ts';
import {
  originOf,
  PRESIGN_MAX_SECONDS,
  type ArtifactStore,
  type ObjectInfo,
  type PresignedRequest,
  type PutOptions,
} from './port.ts';
import { isNoSuchKey, s3Error } from './s3-errors.ts';
import { objectLink } from './s3-link.ts';
import { headerOf, S3Requests, type S3Request } from './s3-requests.ts';

export interface S3Settings {
  bucket: string;
  region: string;
  /** Base URL of a server that is not AWS; buckets are then the first path segment. */
  endpoint?: string;
  /** Base URL under which browsers reach that server; default: `endpoint`. */
  publicEndpoint?: string;
  /** Key of KMS that objects are encrypted with; default: what the bucket says. */
  kmsKeyId?: string;
  /** Default: the SDK’s own search (environment, IRSA, Pod Identity, instance role). */
  credentials?: NonNullable<S3ClientConfig['credentials']>;
  /** Milliseconds that a call may stand still; default: a minute. */
  timeoutMs?: number;
  /** Milliseconds since the epoch. */
  now?: () => number;
}

const REQUEST_TIMEOUT_MS = 60_000;
/** A request that was signed with credentials about to expire must still arrive. */
const EXPIRY_MARGIN_SECONDS = 30;

const clientFor = ({ region, endpoint, credentials, timeoutMs = REQUEST_TIMEOUT_MS }: S3Settings): S3Client =>
  new S3Client({
    region,
    maxAttempts: 1,
    // Otherwise a presigned PUT carries the CRC32 of an empty body, which stores that check it refuse.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: httpWithin(timeoutMs),
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    ...(credentials === undefined ? {} : { credentials }),
  });

const unquoted = (etag = ''): string => etag.replaceAll('"', '');

/** A bucket that once had versions calls what was stored without one `null`. */
const versionOf = (versionId: string | undefined): { versionId?: string } =>
  versionId === undefined || versionId === 'null' ? {} : { versionId };

/** The stream’s bytes; past `maxBytes` the rest is not fetched. */
async function read(body: Readable, maxBytes: number): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body as AsyncIterable<Uint8Array>) {
    size += part.length;
    // Leaving the loop destroys the stream and so its connection.
    if (size > maxBytes) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts, size);
}

const isChecksum = (header: string): boolean => /^x-amz-checksum-(?!type$)/.test(header);
/** Of an object that was stored in parts: one over the checksums of those. */
const isOfParts = (checksum: string): boolean => checksum.includes('-');

function demandChecksum(contents: Uint8Array, checksum: string): void {
  const found = createHash('sha256').update(contents).digest('base64');
  if (found !== checksum) throw new Error(`the checksum is ${found} and should be ${checksum}`);
}

/** Seconds that a presigned request may live: as asked, within the port’s limit and the credentials’ own life. */
export function presignSeconds(asked: number, expiration: Date | undefined, now: number): number {
  const left = expiration
    ? Math.floor((expiration.getTime() - now) / 1000) - EXPIRY_MARGIN_SECONDS
    : Infinity;
  const seconds = Math.min(Math.floor(asked), PRESIGN_MAX_SECONDS, left);
  if (seconds < 1) throw new ProviderError('Unavailable', 'presign: the credentials are about to expire');
  return seconds;
}

class S3ArtifactStore implements ArtifactStore {
  readonly bucket: string;
  readonly #settings: S3Settings;
  readonly #client: S3Client;
  readonly #requests: S3Requests;
  #origin: string | undefined;

  constructor(settings: S3Settings) {
    this.bucket = settings.bucket;
    this.#settings = settings;
    this.#client = clientFor(settings);
    this.#requests = new S3Requests(this.#client, settings.bucket, settings.timeoutMs ?? REQUEST_TIMEOUT_MS);
  }

  async put(
    key: string,
    body: Uint8Array | string,
    { contentType, ifAbsent, ifMatch }: PutOptions = {},
  ): Promise<string> {
    const digest = createHash('sha256').update(body).digest();
    const conditions = {
      ...(ifAbsent ? { 'if-none-match': '*' } : {}),
      ...(ifMatch === undefined ? {} : { 'if-match': `"${ifMatch}"` }),
    };
    const headers = {
      'content-type': contentType ?? 'application/octet-stream',
      'x-amz-checksum-sha256': digest.toString('base64'),
      ...conditions,
      ...this.#encryptionHeaders(),
    };
    const sha256 = digest.toString('hex');
    return this.#call('put', key, () => this.#sendPut({ method: 'PUT', key, headers, body, sha256 }));
  }

  async get(key: string, maxBytes: number): Promise<Uint8Array | undefined> {
    return this.#callIfThere('get', key, async () => {
      const contents = await this.#contents(key, maxBytes);
      if (contents) return contents;
      throw new ProviderError('TooLarge', `get ${this.uri(key)}: more than ${maxBytes} bytes`);
    });
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    return this.#callIfThere('head', key, async () => {
      const found = await this.#client.send(new HeadObjectCommand(this.#object(key)));
      const version = versionOf(found.VersionId);
      return { key, size: found.ContentLength ?? 0, etag: unquoted(found.ETag), ...version };
    });
  }

  async *list(prefix: string): AsyncIterable<ObjectInfo> {
    const pages = paginateListObjectsV2({ client: this.#client }, { Bucket: this.bucket, Prefix: prefix });
    try {
      for await (const { Contents = [] } of pages) {
        for (const { Key = '', Size = 0, ETag } of Contents)
          yield { key: Key, size: Size, etag: unquoted(ETag) };
      }
    } catch (error) {
      throw s3Error('list', this.#place(prefix), error);
    }
  }

  async delete(key: string): Promise<void> {
    await this.#callIfThere('delete', key, () =>
      this.#client.send(new DeleteObjectCommand(this.#object(key))),
    );
  }

  async presignGet(key: string, seconds: number): Promise<PresignedRequest> {
    return this.#call('presign get of', key, async () => {
      const url = await getSignedUrl(this.#client, new GetObjectCommand(this.#object(key)), {
        expiresIn: await this.#lifetime(seconds),
      });
      return { url, headers: {} };
    });
  }

  async presignPut(
    key: string,
    file: { size: number; sha256: string; contentType?: string },
    seconds: number,
  ): Promise<PresignedRequest> {
    const checksum = Buffer.from(file.sha256, 'hex').toString('base64');
    const command = new PutObjectCommand({
      ...this.#object(key),
      ContentLength: file.size,
      ChecksumSHA256: checksum,
      ...this.#encryption(),
    });
    return this.#call('presign put of', key, async () => {
      const url = await getSignedUrl(this.#client, command, {
        expiresIn: await this.#lifetime(seconds),
        // In the query the checksum would bind nobody; as a signed header the store checks it.
        unhoistableHeaders: new Set(['x-amz-checksum-sha256']),
      });
      const type = file.contentType === undefined ? {} : { 'content-type': file.contentType };
      const signed = { 'content-length': String(file.size), 'x-amz-checksum-sha256': checksum };
      return { url, headers: { ...signed, ...this.#encryptionHeaders(), ...type } };
    });
  }

  /** Endpoint, region, bucket and the SDK’s own settings decide on it together, so a URL is signed and looked at. */
  async origins(): Promise<string[]> {
    this.#origin ??= originOf((await this.presignGet('origin', PRESIGN_MAX_SECONDS)).url);
    return [this.#origin];
  }

  uri(key: string): string {
    return `s3://${this.bucket}/${key}`;
  }

  link(key: string): string {
    return objectLink(this.#settings, key);
  }

  /** S3 answers 404 where there is nothing any more to be written over. */
  async #sendPut(request: S3Request): Promise<string> {
    try {
      const answer = await this.#requests.send(request);
      await answer.body.dump();
      return unquoted(headerOf(answer, 'etag'));
    } catch (error) {
      if (request.headers['if-match'] === undefined || !isNoSuchKey(error)) throw error;
      const message = `put ${this.uri(request.key)}: it is not there any more`;
      throw new ProviderError('PreconditionFailed', message, { cause: error });
    }
  }

  /** What arrives is held against the checksum that the store has of it, if any. Undefined where it is more than `maxBytes`. */
  async #contents(key: string, maxBytes: number): Promise<Uint8Array | undefined> {
    const headers = { 'x-amz-checksum-mode': 'ENABLED' };
    const answer = await this.#requests.send({ method: 'GET', key, headers });
    const checksum = headerOf(answer, 'x-amz-checksum-sha256');
    if (checksum === undefined && Object.keys(answer.headers).some(isChecksum)) {
      // One of another kind, which nothing of ours stores.
      answer.body.on('error', () => undefined).destroy();
      const command = new GetObjectCommand({ ...this.#object(key), ChecksumMode: 'ENABLED' });
      return read((await this.#client.send(command)).Body as Readable, maxBytes);
    }
    const contents = await read(answer.body, maxBytes);
    if (contents && checksum !== undefined && !isOfParts(checksum)) demandChecksum(contents, checksum);
    return contents;
  }

  #place(key: string): { bucket: string; key: string; region: string } {
    return { bucket: this.bucket, key, region: this.#settings.region };
  }

  #object(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.bucket, Key: key };
  }

  #encryption(): { ServerSideEncryption?: 'aws:kms'; SSEKMSKeyId?: string } {
    const { kmsKeyId } = this.#settings;
    return kmsKeyId === undefined ? {} : { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: kmsKeyId };
  }

  /** Signed into the request, so that who uploads cannot leave the encryption out. */
  #encryptionHeaders(): Record<string, string> {
    const { kmsKeyId } = this.#settings;
    if (kmsKeyId === undefined) return {};
    const name = 'x-amz-server-side-encryption';
    return { [name]: 'aws:kms', [`${name}-aws-kms-key-id`]: kmsKeyId };
  }

  async #lifetime(seconds: number): Promise<number> {
    const { expiration } = await this.#client.config.credentials();
    return presignSeconds(seconds, expiration, (this.#settings.now ?? Date.now)());
  }

  async #call<T>(operation: string, key: string, send: () => Promise<T>): Promise<T> {
    try {
      return await send();
    } catch (error) {
      throw s3Error(operation, this.#place(key), error);
    }
  }

  async #callIfThere<T>(operation: string, key: string, send: () => Promise<T>): Promise<T | undefined> {
    return this.#call(operation, key, () =>
      send().catch((error: unknown) => {
        if (isNoSuchKey(error)) return undefined;
        throw error;
      }),
    );
  }
}

export const s3ArtifactStore = (settings: S3Settings): ArtifactStore => new S3ArtifactStore(settings);
