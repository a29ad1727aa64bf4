/** Where tasks come from and results go: a bucket. Keys have no leading slash. Failures are `ProviderError`. */
import { isPlainKey, TASKS } from '../../crds/namespace-rules.ts';

/** What the store knows of an object. */
export interface ObjectInfo {
  key: string;
  /** Bytes. */
  size: number;
  etag: string;
  /** Names these contents for ever, whatever is stored under the key later. Known by `head`, in a bucket with versions. */
  versionId?: string;
}

export interface PutOptions {
  contentType?: string;
  /** Write only where no object has that key yet; otherwise `PreconditionFailed`. */
  ifAbsent?: boolean;
  /** Write only over the object that has this etag; otherwise, and where there is none any more, `PreconditionFailed`. */
  ifMatch?: string;
}

/** A request that somebody without credentials may send until it expires. Every header must be sent as it is. */
export interface PresignedRequest {
  url: string;
  headers: Record<string, string>;
}

/** Presigned requests are good for at most this long, and never past the credentials' own expiry. */
export const PRESIGN_MAX_SECONDS = 900;

export interface ArtifactStore {
  /** The bucket's name. */
  readonly bucket: string;
  /** Resolves the etag of what is stored now. */
  put(key: string, body: Uint8Array | string, options?: PutOptions): Promise<string>;
  /** The object's contents; undefined where there is none. More than `maxBytes` is `TooLarge`. */
  get(key: string, maxBytes: number): Promise<Uint8Array | undefined>;
  head(key: string): Promise<ObjectInfo | undefined>;
  /** All objects whose key begins with `prefix`, in key order. */
  list(prefix: string): AsyncIterable<ObjectInfo>;
  /** Removes the object; one that is not there is fine. */
  delete(key: string): Promise<void>;
  presignGet(key: string, seconds: number): Promise<PresignedRequest>;
  /** A PUT of exactly `size` bytes with that SHA-256 (hex); the store refuses anything else. */
  presignPut(
    key: string,
    file: { size: number; sha256: string; contentType?: string },
    seconds: number,
  ): Promise<PresignedRequest>;
  /** Where presigned requests go: each origin that such a URL can have, as `originOf` writes it. The same as long as the process lives. */
  origins(): Promise<string[]>;
  /** `s3://bucket/key`. */
  uri(key: string): string;
  /** Address of an object for a browser. */
  link(key: string): string;
}

const PORTS: Record<string, string> = { 'http:': '80', 'https:': '443' };

/** `host:port` of a URL, in lower case, an IPv6 address in brackets. */
export function originOf(url: string): string {
  const { protocol, hostname, port } = new URL(url);
  return `${hostname}:${port || PORTS[protocol]}`;
}

/** The key within `bucket` that an `s3://` URI names; undefined for another bucket or something that is no such URI. */
export function keyOf(uri: string, bucket: string): string | undefined {
  const start = `s3://${bucket}/`;
  return uri.startsWith(start) ? uri.slice(start.length) : undefined;
}

/** Key of a task's prefix or a context under `tasks/`, without the closing slash; undefined for everything else. Nothing else of the bucket is handed out for reading. */
export function taskKey(uri: string, bucket: string): string | undefined {
  const key = keyOf(uri, bucket)?.replace(/\/$/, '');
  return key?.startsWith(TASKS) && isPlainKey(key) ? key : undefined;
}
