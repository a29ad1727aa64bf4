/** An ArtifactStore within the process. Behaves as the contract says a bucket with versions behaves; nothing survives the process. */
import { createHash } from 'node:crypto';
import { ProviderError } from '../errors.ts';
import { Grants, type Answer, type Objects, type SentRequest } from './memory-grants.ts';
import {
  originOf,
  type ArtifactStore,
  type ObjectInfo,
  type PresignedRequest,
  type PutOptions,
} from './port.ts';

export interface MemoryArtifactStoreOptions {
  bucket?: string;
  /** Milliseconds since the epoch. */
  now?: () => number;
  /** Called before every operation; an error that it returns is what the operation throws. */
  fault?: (operation: string, key: string) => ProviderError | undefined;
}

const describeObject = (key: string, body: Uint8Array): ObjectInfo => ({
  key,
  size: body.length,
  etag: createHash('md5').update(body).digest('hex'),
});

/** Contents by key, each put a version of its own. */
class Versions implements Objects {
  readonly #stored = new Map<string, { body: Uint8Array; versionId: string }>();
  #count = 0;

  get(key: string): Uint8Array | undefined {
    return this.#stored.get(key)?.body;
  }

  versionId(key: string): string | undefined {
    return this.#stored.get(key)?.versionId;
  }

  set(key: string, body: Uint8Array | string): void {
    this.#count += 1;
    this.#stored.set(key, { body: Buffer.from(body), versionId: `v${this.#count}` });
  }

  delete(key: string): void {
    this.#stored.delete(key);
  }

  keys(): string[] {
    return [...this.#stored.keys()];
  }
}

/** S3 lists keys in the order of their UTF-8 bytes. */
const byKey = (a: ObjectInfo, b: ObjectInfo): number =>
  Buffer.compare(Buffer.from(a.key), Buffer.from(b.key));

export class MemoryArtifactStore implements ArtifactStore {
  readonly bucket: string;
  readonly #fault: NonNullable<MemoryArtifactStoreOptions['fault']>;
  readonly #grants: Grants;
  readonly #objects = new Versions();

  constructor({ bucket = 'memory', now = Date.now, fault = () => undefined }: MemoryArtifactStoreOptions) {
    this.bucket = bucket;
    this.#fault = fault;
    this.#grants = new Grants(now);
  }

  async put(key: string, body: Uint8Array | string, options: PutOptions = {}): Promise<string> {
    this.#begin('put', key);
    const { ifAbsent = false, ifMatch } = options;
    const there = this.#objects.get(key);
    if (ifAbsent && there) {
      throw new ProviderError('PreconditionFailed', `put ${this.uri(key)}: it exists already`);
    }
    if (ifMatch !== undefined && (!there || describeObject(key, there).etag !== ifMatch)) {
      throw new ProviderError('PreconditionFailed', `put ${this.uri(key)}: it is another by now`);
    }
    this.#objects.set(key, body);
    return describeObject(key, Buffer.from(body)).etag;
  }

  async get(key: string, maxBytes: number): Promise<Uint8Array | undefined> {
    this.#begin('get', key);
    const body = this.#objects.get(key);
    if (body && body.length > maxBytes) {
      throw new ProviderError('TooLarge', `get ${this.uri(key)}: more than ${maxBytes} bytes`);
    }
    return body && Uint8Array.from(body);
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    this.#begin('head', key);
    const body = this.#objects.get(key);
    const versionId = this.#objects.versionId(key);
    return body && versionId !== undefined ? { ...describeObject(key, body), versionId } : undefined;
  }

  async *list(prefix: string): AsyncIterable<ObjectInfo> {
    this.#begin('list', prefix);
    const found = this.#objects.keys().filter((key) => key.startsWith(prefix));
    yield* found.map((key) => describeObject(key, this.#objects.get(key)!)).sort(byKey);
  }

  async delete(key: string): Promise<void> {
    this.#begin('delete', key);
    this.#objects.delete(key);
  }

  async presignGet(key: string, seconds: number): Promise<PresignedRequest> {
    this.#begin('presignGet', key);
    return this.#grants.issue(this.link(key), { method: 'GET', key, headers: {} }, seconds);
  }

  async presignPut(
    key: string,
    file: { size: number; sha256: string; contentType?: string },
    seconds: number,
  ): Promise<PresignedRequest> {
    this.#begin('presignPut', key);
    const headers = {
      'content-length': String(file.size),
      'x-amz-checksum-sha256': Buffer.from(file.sha256, 'hex').toString('base64'),
      ...(file.contentType === undefined ? {} : { 'content-type': file.contentType }),
    };
    return this.#grants.issue(this.link(key), { method: 'PUT', key, headers }, seconds);
  }

  async origins(): Promise<string[]> {
    this.#begin('origins', '');
    return [originOf(this.link(''))];
  }

  uri(key: string): string {
    return `s3://${this.bucket}/${key}`;
  }

  link(key: string): string {
    return `http://memory.invalid/${this.bucket}/${encodeURI(key)}`;
  }

  /** Plays the bucket’s server for presigned requests. */
  async send(request: SentRequest): Promise<Answer> {
    return this.#grants.redeem(request, this.#objects);
  }

  #begin(operation: string, key: string): void {
    const error = this.#fault(operation, key);
    if (error) throw error;
  }
}

export const memoryArtifactStore = (options: MemoryArtifactStoreOptions = {}): MemoryArtifactStore =>
  new MemoryArtifactStore(options);
