/** Broker and storage as the courier sees them: a real HTTPS server and a real HTTP server on loopback that keep to the wire contract. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Assignment } from '../../src/wire/assignment.ts';
import type { SourceRequest, UploadRequest, UploadResponse } from '../../src/wire/uploads.ts';
import { issueAuthority, issueLeaf } from '../../src/broker/tls/issue.ts';
import { acceptTunnels, HALF_OPEN } from './tunnel-broker.ts';
import type { TunnelRules, Tunnels } from './tunnel-broker.ts';

/** The bearer token that the stand-in accepts. */
export const TOKEN = 'token-of-the-pod';

/** Stands in every presigned URL; nobody may print it. */
export const SIGNATURE = 'c2lnbmF0dXJlLW5vYm9keS1tYXktc2Vl';

const CHECKSUM = 'x-amz-checksum-sha256';

export interface CourierServices {
  url: string;
  ca: string;
  /** Stored objects by path, in the order of their arrival. */
  stored: Map<string, Buffer>;
  /** What the next requests are answered with, instead of being served. */
  faults: {
    broker?: number;
    storage?: number;
    expireOnce?: Set<string>;
    /** Code of the next answer with status 400, to any path. */
    passing?: string;
    /** Answers to paths that the storage will not have. */
    refuse?: Record<string, number>;
  };
  /** Requests so far, as `METHOD path`. */
  seen: string[];
  /** Tunnels through the broker, and the rules for them. */
  tunnels: Tunnels & { rules: TunnelRules };
  stop(): Promise<void>;
}

export interface ServicesOptions {
  /** The assignment; `archive` is served where its source is one. */
  assignment: (archiveUrl: string) => Assignment;
  archive?: Uint8Array;
  /** Files of the Trial that is judged again, by their paths. */
  source?: ReadonlyMap<string, Uint8Array>;
  /** Of the build context that `/v1/context` names. */
  contextSha256?: string;
  /** Answer of `/v1/assignment` instead of an assignment. */
  refusal?: { status: number; error: string };
}

interface Grant {
  checksum: string;
  sha256: string;
}

/** What both servers share. */
interface State extends Pick<CourierServices, 'stored' | 'faults' | 'seen'> {
  options: ServicesOptions;
  granted: Map<string, Grant>;
  /** Of the stored objects. */
  folders: Set<string>;
  storageUrl: string;
}

interface Answer {
  status: number;
  body?: string | Uint8Array;
}

const json = (status: number, body: object): Answer => ({ status, body: JSON.stringify(body) });
const xml = (status: number, code: string): Answer => ({
  status,
  body: `<Error><Code>${code}</Code></Error>`,
});

/** Serves requests whose bodies are read whole. */
const serving =
  (answer: (request: IncomingMessage, body: Buffer) => Answer) =>
  (request: IncomingMessage, response: ServerResponse): void => {
    const serve = async (): Promise<void> => {
      const { status, body } = answer(request, await buffer(request));
      response.writeHead(status).end(body);
    };
    serve().catch(() => response.destroy());
  };

function storageAnswer(state: State, request: IncomingMessage, body: Buffer): Answer {
  const { faults, options } = state;
  const url = request.url ?? '';
  if (faults.storage !== undefined) return xml(faults.storage, 'SlowDown');
  if (!url.includes(SIGNATURE)) return xml(403, 'AccessDenied');
  if (request.method !== 'GET') return stored(state, request, body);
  if (url.startsWith(SOURCE)) return ofSource(state, url);
  return options.archive ? { status: 200, body: options.archive } : xml(404, 'NoSuchKey');
}

const SOURCE = '/source/';

function ofSource({ options, faults }: State, url: string): Answer {
  const path = decodeURIComponent(url.replace(/\?.*/, '').slice(SOURCE.length));
  if (faults.expireOnce?.delete(path)) return xml(403, 'ExpiredToken');
  const contents = options.source?.get(path);
  return contents ? { status: 200, body: contents } : xml(404, 'NoSuchKey');
}

const foldersOf = (path: string): string[] => {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_part, index) => parts.slice(0, index + 1).join('/'));
};

/** Why the path is not taken, whatever its contents: as scripted, or as a store that keeps keys as files has it (versitygw). */
function refusalOf({ faults, folders, stored: objects }: State, path: string): Answer | undefined {
  if (faults.expireOnce?.delete(path)) return xml(403, 'ExpiredToken');
  const { passing } = faults;
  delete faults.passing;
  if (passing !== undefined) return xml(400, passing);
  const scripted = faults.refuse?.[path];
  if (scripted !== undefined) return xml(scripted, 'NotThisOne');
  const isTaken = folders.has(path) || foldersOf(path).some((folder) => objects.has(folder));
  return isTaken ? xml(409, 'ObjectParentIsFile') : undefined;
}

/** Takes exactly the contents that were granted. */
function stored(state: State, request: IncomingMessage, body: Buffer): Answer {
  const path = decodeURIComponent((request.url ?? '').replace(/\?.*/, '').slice(1));
  const refusal = refusalOf(state, path);
  if (refusal) return refusal;
  const grant = state.granted.get(path);
  const sha256 = createHash('sha256').update(body).digest('hex');
  if (request.headers[CHECKSUM] !== grant?.checksum || sha256 !== grant?.sha256) return xml(400, 'BadDigest');
  state.stored.set(path, body);
  for (const folder of foldersOf(path)) state.folders.add(folder);
  return { status: 200 };
}

function brokerAnswer(state: State, request: IncomingMessage, body: Buffer): Answer {
  const { options, storageUrl, faults, seen } = state;
  const route = `${request.method} ${request.url}`;
  seen.push(route);
  if (faults.broker !== undefined) return json(faults.broker, { error: 'fault' });
  if (request.headers.authorization !== `Bearer ${TOKEN}`) return json(401, { error: 'no token' });
  const archiveUrl = `${storageUrl}/archive.zip?X-Amz-Signature=${SIGNATURE}`;
  switch (route) {
    case 'GET /v1/assignment': {
      const { refusal, assignment } = options;
      return refusal ? json(refusal.status, { error: refusal.error }) : json(200, assignment(archiveUrl));
    }
    case 'GET /v1/context':
      return json(200, { url: archiveUrl, sha256: options.contextSha256 });
    case 'POST /v1/source': {
      const { paths } = JSON.parse(body.toString()) as SourceRequest;
      return json(200, { urls: paths.map((path) => signed(`${storageUrl}${SOURCE}`, path)) });
    }
    case 'POST /v1/uploads':
      return json(200, { uploads: grants(state, JSON.parse(body.toString()) as UploadRequest) });
    default:
      return json(404, { error: 'no such route' });
  }
}

const grants = ({ granted, storageUrl }: State, { files }: UploadRequest): UploadResponse['uploads'] =>
  files.map(({ path, sha256 }) => {
    const checksum = Buffer.from(sha256, 'hex').toString('base64');
    granted.set(path, { checksum, sha256 });
    return { url: signed(`${storageUrl}/`, path), headers: { [CHECKSUM]: checksum } };
  });

const signed = (base: string, path: string): string =>
  `${base}${path.split('/').map(encodeURIComponent).join('/')}?X-Amz-Signature=${SIGNATURE}&n=${randomBytes(4).toString('hex')}`;

export async function startCourierServices(options: ServicesOptions): Promise<CourierServices> {
  const state: State = {
    options,
    stored: new Map(),
    faults: {},
    seen: [],
    granted: new Map(),
    folders: new Set(),
    storageUrl: '',
  };
  const storage = createHttpServer(serving((request, body) => storageAnswer(state, request, body)));
  state.storageUrl = await listen(storage, 'http');
  const now = new Date();
  const authority = await issueAuthority(now);
  const leaf = await issueLeaf({ authority, names: ['localhost', '127.0.0.1'], now });
  const broker = createHttpsServer(
    Object.assign(leaf, HALF_OPEN),
    serving((request, body) => brokerAnswer(state, request, body)),
  );
  const rules: TunnelRules = { token: TOKEN, hosts: {} };
  const tunnels = { rules, ...acceptTunnels(broker, rules) };
  const url = await listen(broker, 'https');
  const { stored: objects, faults, seen } = state;
  return {
    url,
    ca: authority.cert,
    stored: objects,
    faults,
    seen,
    tunnels,
    async stop() {
      for (const socket of tunnels.open.keys()) socket.destroy();
      for (const server of [broker, storage]) {
        server.close();
        server.closeAllConnections();
        await once(server, 'close');
      }
    },
  };
}

async function listen(server: Server, scheme: string): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
