/** The courier's side of the wire contract (src/wire). */
import { readFile } from 'node:fs/promises';
import type {
  ContextResponse,
  SourceRequest,
  SourceResponse,
  UploadFile,
  UploadRequest,
  UploadResponse,
} from '../../wire/uploads.ts';
import type { Assignment } from '../../wire/assignment.ts';
import type { BrokerSettings } from '../settings.ts';
import { agentFor, HttpFailure, send } from './http.ts';
import { patiently } from './retry.ts';
import type { Patience } from './retry.ts';

/** The broker answers within 20 s or says 503; a replica that was killed leaves a connection that says nothing. */
const BROKER_IDLE_MS = 25_000;

export interface BrokerClient {
  assignment(): Promise<Assignment>;
  /** Grants in the files' order. */
  uploads(files: UploadFile[]): Promise<UploadResponse['uploads']>;
  /** Of a regrade: URLs of the source's files, in the paths' order. */
  source(paths: string[]): Promise<string[]>;
  context(): Promise<ContextResponse>;
}

/** Waits out what passes; throws HttpFailure with the broker's own sentence for what it refuses. */
export function brokerClient(settings: BrokerSettings, patience: Patience): BrokerClient {
  const agents = { https: agentFor(settings, { keepAlive: true, maxSockets: 4 }) };
  const base = settings.url.replace(/\/$/, '');

  const call = async <T>(
    method: 'GET' | 'POST',
    path: string,
    body?: UploadRequest | SourceRequest,
  ): Promise<T> => {
    const token = (await readFile(settings.tokenFile, 'utf8')).trim();
    const reply = await send(`${base}${path}`, {
      method,
      agents,
      idleMs: BROKER_IDLE_MS,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: Buffer.from(JSON.stringify(body)) }),
    }).catch((error: unknown) => {
      throw error instanceof HttpFailure ? new HttpFailure(error.status, sentenceIn(error)) : error;
    });
    return JSON.parse(reply.toString('utf8')) as T;
  };
  const patient = <T>(
    method: 'GET' | 'POST',
    path: string,
    body?: UploadRequest | SourceRequest,
  ): Promise<T> => patiently(`${method} ${path}`, () => call<T>(method, path, body), patience);

  return {
    assignment: () => patient('GET', '/v1/assignment'),
    uploads: async (files) => (await patient<UploadResponse>('POST', '/v1/uploads', { files })).uploads,
    source: async (paths) => (await patient<SourceResponse>('POST', '/v1/source', { paths })).urls,
    context: () => patient('GET', '/v1/context'),
  };
}

/** The broker's `{ "error": … }`, else what came instead. */
const sentenceIn = ({ message }: HttpFailure): string =>
  sentenceOf(/^status \d+: (.*)$/s.exec(message)?.[1] ?? '') ?? message;

/** What the broker says in a body `{ "error": … }`; undefined for any other. */
export function sentenceOf(body: string): string | undefined {
  try {
    const { error } = JSON.parse(body) as { error?: unknown };
    return typeof error === 'string' ? error : undefined;
  } catch {
    return undefined;
  }
}
