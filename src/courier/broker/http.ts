/** Plain requests over pooled connections. Global fetch would cost a sidecar memory and start time. */
import { createHash } from 'node:crypto';
import { open as openFile } from 'node:fs/promises';
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { AgentOptions } from 'node:https';
import { isIP } from 'node:net';
import type { LookupFunction } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { lookup } from '../../providers/lookup.ts';
import type { BrokerSettings } from '../settings.ts';

/** Silence on a connection for this long is a failure. */
const IDLE_MS = 60_000;
const REPLY_MAX_BYTES = 4 * 1024 * 1024;

/** How the storage is reached, by the scheme of its URL. */
export interface StorageAgents {
  http: HttpAgent;
  https: HttpsAgent;
}

/** Connections to the storage at the same time. */
export const SOCKETS = 16;

/** By name and address, as everything is reached where the Pod's network is not restricted. */
export const DIRECTLY: StorageAgents = {
  http: new HttpAgent({ keepAlive: true, maxSockets: SOCKETS, lookup }),
  https: new HttpsAgent({ keepAlive: true, maxSockets: SOCKETS, lookup }),
};

/** For the broker: its certificate is signed by one CA alone, and a Pod without DNS is told its address. */
export const agentFor = ({ ca, address }: BrokerSettings, options: AgentOptions): HttpsAgent =>
  new HttpsAgent({ ca, lookup: address === undefined ? lookup : fixed(address), ...options });

/** The one address, whatever is looked up. */
const fixed =
  (address: string): LookupFunction =>
  (_hostname, { all }, callback) => {
    const family = isIP(address);
    if (all) callback(null, [{ address, family }]);
    else callback(null, address, family);
  };

/** An answer that is no success. */
export class HttpFailure extends Error {
  override readonly name = 'HttpFailure';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface RequestInput {
  method: 'GET' | 'POST' | 'PUT';
  headers?: Record<string, string>;
  body?: Buffer | Readable;
  /** By the URL's scheme. */
  agents: Partial<StorageAgents>;
  /** Milliseconds of silence that count as a failure. */
  idleMs?: number;
}

/** Resolves when the answer's head is there, whatever its status. */
function open(url: string, input: RequestInput): Promise<IncomingMessage> {
  const { method, headers = {}, body, agents, idleMs = IDLE_MS } = input;
  const secure = url.startsWith('https:');
  const options: RequestOptions = {
    method,
    headers,
    agent: secure ? agents.https : agents.http,
    timeout: idleMs,
  };
  return new Promise((resolve, reject) => {
    const outgoing = (secure ? httpsRequest : httpRequest)(url, options, resolve);
    outgoing.on('error', reject);
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer for ${idleMs / 1000} s`)));
    if (body instanceof Readable) pipeline(body, outgoing).catch(reject);
    else outgoing.end(body);
  });
}

async function bodyOf(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > REPLY_MAX_BYTES) throw new Error(`an answer of more than ${REPLY_MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/** The answer's body; throws HttpFailure, with the beginning of the body, for a status that is no success. */
export async function send(url: string, input: RequestInput): Promise<Buffer> {
  const answer = await open(url, input);
  const body = await bodyOf(answer);
  const { statusCode = 0 } = answer;
  if (statusCode >= 200 && statusCode < 300) return body;
  throw new HttpFailure(statusCode, `status ${statusCode}: ${body.toString('utf8', 0, 500)}`);
}

/** More came than was wanted. */
export class TooLong extends Error {
  override readonly name = 'TooLong';
}

export interface DownloadOptions {
  agents: StorageAgents;
  /** Default: any number. */
  maxBytes?: number;
}

/** Writes what `url` holds to a new file; resolves its SHA-256 in hex. Throws TooLong, once it is. */
export async function download(
  url: string,
  path: string,
  { agents, maxBytes = Infinity }: DownloadOptions,
): Promise<string> {
  // Before anything is asked for: a stream that opens its file by itself may do so after the next try has begun, and empty the file again.
  await using file = await openFile(path, 'w', 0o600);
  const answer = await open(url, { method: 'GET', agents });
  const { statusCode = 0 } = answer;
  if (statusCode !== 200) {
    const body = await bodyOf(answer);
    throw new HttpFailure(statusCode, `status ${statusCode}: ${body.toString('utf8', 0, 500)}`);
  }
  const hash = createHash('sha256');
  let bytes = 0;
  answer.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    bytes += chunk.length;
    if (bytes > maxBytes) answer.destroy(new TooLong(`more than ${maxBytes} bytes`));
  });
  await pipeline(answer, (chunks: AsyncIterable<Buffer>) => file.writeFile(chunks));
  return hash.digest('hex');
}
