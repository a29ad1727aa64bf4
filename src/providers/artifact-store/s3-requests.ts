/**
 * PUT and GET of small objects, signed and sent here: a Trial causes five of them, and the SDK's way from a command to a socket costs several times
 * what they are worth. Place, credentials and clock are the SDK's.
 */
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { parseXML } from '@aws-sdk/xml-builder';
import { HttpRequest } from '@smithy/core/protocols';
import { SignatureV4 } from '@smithy/signature-v4';
import { Agent, type Dispatcher } from 'undici';
import type { SdkError } from '../aws/errors.ts';
import { CONNECT_TIMEOUT_MS } from '../aws/http.ts';
import { Sha256 } from '../aws/sha256.ts';
import { lookup } from '../lookup.ts';

export interface S3Request {
  method: 'GET' | 'PUT';
  key: string;
  headers: Record<string, string>;
  body?: Uint8Array | string;
  /** Of the body, in hex. */
  sha256?: string;
}

type S3Answer = Dispatcher.ResponseData;

/** Where a bucket's keys begin. */
type Base = Record<'origin' | 'host' | 'path', string>;

const CONNECTIONS = 50;
const OF_NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const ERROR_MAX_BYTES = 64 * 1024;
/** The service refuses what was signed so long before or after it arrives. */
const SKEW_MAX_MS = 5 * 60_000;

const encoded = (key: string): string =>
  encodeURIComponent(key)
    .replaceAll('%2F', '/')
    .replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);

export const headerOf = ({ headers }: Pick<S3Answer, 'headers'>, name: string): string | undefined => {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
};

export class S3Requests {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #agent: Agent;
  readonly #signer: SignatureV4;
  #base: Base | undefined;

  constructor(client: S3Client, bucket: string, timeoutMs: number) {
    this.#client = client;
    this.#bucket = bucket;
    this.#agent = new Agent({
      connections: CONNECTIONS,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      connect: { lookup, timeout: CONNECT_TIMEOUT_MS },
    });
    this.#signer = new SignatureV4({
      service: 's3',
      region: () => client.config.region(),
      credentials: () => client.config.credentials(),
      sha256: Sha256,
      uriEscapePath: false,
    });
  }

  /** Resolves an answer whose body has yet to be read. Rejects with what the SDK would throw, by name and status. */
  async send(request: S3Request): Promise<S3Answer> {
    const { method, body = null } = request;
    const base = (this.#base ??= await this.#findBase());
    const { path, headers } = await this.#signed(request, base);
    const answer = await this.#agent.request({ origin: base.origin, path, method, headers, body });
    if (answer.statusCode < 300) return answer;
    throw await this.#errorOf(answer);
  }

  #signed({ method, key, headers, sha256 = OF_NOTHING }: S3Request, base: Base): Promise<HttpRequest> {
    const request = new HttpRequest({
      method,
      path: base.path + encoded(key),
      headers: { ...headers, host: base.host, 'x-amz-content-sha256': sha256 },
    });
    const signingDate = new Date(Date.now() + this.#client.config.systemClockOffset);
    return this.#signer.sign(request, { signingDate }) as Promise<HttpRequest>;
  }

  /** Endpoint, region, partition and bucket decide on it by rules of the SDK, so it makes a URL, which is looked at. */
  async #findBase(): Promise<Base> {
    const command = new GetObjectCommand({ Bucket: this.#bucket, Key: 'key' });
    const { origin, host, pathname } = new URL(await getSignedUrl(this.#client, command));
    return { origin, host, path: pathname.slice(0, -'key'.length) };
  }

  async #errorOf(answer: S3Answer): Promise<SdkError> {
    const { Code: name = 'Unknown', Message: message = '' } = await saidIn(answer);
    const offMs = Date.parse(headerOf(answer, 'date') ?? '') - Date.now();
    const { config } = this.#client;
    // The SDK signs by it, too.
    if (Math.abs(offMs - config.systemClockOffset) > SKEW_MAX_MS) config.systemClockOffset = offMs;
    return Object.assign(new Error(message), { name, $metadata: { httpStatusCode: answer.statusCode } });
  }
}

/** What an error's document says, where there is one. */
async function saidIn({ body }: S3Answer): Promise<{ Code?: string; Message?: string }> {
  let text = '';
  for await (const part of body.setEncoding('utf8') as AsyncIterable<string>) {
    text += part;
    if (text.length > ERROR_MAX_BYTES) return {};
  }
  try {
    return (parseXML(text) as { Error?: { Code?: string; Message?: string } }).Error ?? {};
  } catch {
    // A page of something in between.
    return {};
  }
}
