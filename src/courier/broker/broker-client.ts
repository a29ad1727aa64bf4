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

/** One request of the broker's. `waitSeconds`: it may take so much longer to answer. */
export interface BrokerCall {
  method: 'GET' | 'POST';
  path: string;
  body?: UploadRequest | SourceRequest;
  waitSeconds?: number;
}

/** Waits out what passes; throws HttpFailure with the broker's own sentence for what it refuses. */
export function brokerCalls(
  settings: BrokerSettings,
  patience: Patience,
): <T>(call: BrokerCall) => Promise<T> {
  const agents = { https: agentFor(settings, { keepAlive: true, maxSockets: 4 }) };
  const base = settings.url.replace(/\/$/, '');

  const call = async <T>({ method, path, body, waitSeconds = 0 }: BrokerCall): Promise<T> => {
    const token = (await readFile(settings.tokenFile, 'utf8')).trim();
    const reply = await send(`${base}${path}`, {
      method,
      agents,
      idleMs: BROKER_IDLE_MS + waitSeconds * 1000,
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
  return <T>(one: BrokerCall): Promise<T> =>
    patiently(`${one.method} ${one.path}`, () => call<T>(one), patience);
}

/** What a Trial's courier asks for. */
export function brokerClient(settings: BrokerSettings, patience: Patience): BrokerClient {
  const call = brokerCalls(settings, patience);
  return {
    assignment: () => call({ method: 'GET', path: '/v1/assignment' }),
    uploads: async (files) =>
      (await call<UploadResponse>({ method: 'POST', path: '/v1/uploads', body: { files } })).uploads,
    source: async (paths) =>
      (await call<SourceResponse>({ method: 'POST', path: '/v1/source', body: { paths } })).urls,
    context: () => call({ method: 'GET', path: '/v1/context' }),
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
