/**
 * An API server in memory: lists, watches, preconditions, compaction, streamed lists, and faults on demand. It answers
 * over real HTTP, so that what is tested includes sockets. Any resource exists; nothing is validated.
 */
import { KubeConfig } from '@kubernetes/client-node';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { Resource } from '../../src/kube/http/paths.ts';
import { Faults, type Fault, type SeenRequest } from './api-server/faults.ts';
import { Lists } from './api-server/list.ts';
import { Collection, Refusal } from './api-server/objects.ts';
import { parseTarget, perform, type Target } from './api-server/perform.ts';
import { selector } from './api-server/selectors.ts';
import { tableOf } from './api-server/table.ts';
import { serveWatch } from './api-server/watch.ts';

export type { Fault, FaultRule, SeenRequest } from './api-server/faults.ts';
export type { Stored } from './api-server/objects.ts';

export interface ApiServerOptions {
  /** Requests must carry one of these bearer tokens; changing the set rotates tokens. */
  tokens?: Set<string>;
  /** Whether the server streams lists; `ignored`: it does not know the parameter, as before 1.27. Default true. */
  streamedLists?: boolean | 'ignored';
  bookmarkMs?: number;
  tls?: { key: string; cert: string };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

export class ApiServer {
  readonly requests: SeenRequest[] = [];
  readonly faults = new Faults();
  #connections = 0;
  readonly #options: ApiServerOptions;
  readonly #server: ReturnType<typeof createServer>;
  readonly #sockets = new Map<Socket, number>();
  readonly #collections = new Map<string, Collection>();
  readonly #lists = new Lists();
  #version = 1000;
  #compacted = 0;

  private constructor(options: ApiServerOptions) {
    this.#options = options;
    const onRequest = (request: IncomingMessage, response: ServerResponse): void =>
      void this.#answer(request, response);
    this.#server = options.tls ? createTlsServer(options.tls, onRequest) : createServer(onRequest);
    this.#server.on(options.tls ? 'secureConnection' : 'connection', (socket: Socket) => {
      this.#sockets.set(socket, ++this.#connections);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(options: ApiServerOptions = {}): Promise<ApiServer> {
    const server = new ApiServer(options);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `${this.#options.tls ? 'https' : 'http'}://127.0.0.1:${port}`;
  }

  /** Number of connections ever accepted. */
  get connections(): number {
    return this.#connections;
  }

  /** A kubeconfig for this server, or for what leads to it. */
  kubeConfig(of: { token?: string; tokenFile?: string; server?: string } = {}): KubeConfig {
    const { token, tokenFile, server = this.url } = of;
    const config = new KubeConfig();
    config.loadFromClusterAndUser(
      { name: 'test', server, skipTLSVerify: true },
      {
        name: 'test',
        ...(token !== undefined && { token }),
        ...(tokenFile !== undefined && { authProvider: { name: 'tokenFile', config: { tokenFile } } }),
      },
    );
    return config;
  }

  /** The objects of a resource, to look at and to change behind the back of clients. */
  collection({ group, version, plural }: Resource): Collection {
    return this.#collection(group === '' ? `api/${version}/${plural}` : `apis/${group}/${version}/${plural}`);
  }

  /** Forgets all changes so far: watches from older versions get 410, and so do lists under way. */
  compact(): void {
    this.#compacted = this.#version;
    this.#lists.expire();
    for (const collection of this.#collections.values()) collection.compact(this.#version);
  }

  /** Cuts every connection, as a restart or a broken network does. */
  dropConnections(): void {
    for (const socket of this.#sockets.keys()) socket.destroy();
  }

  async close(): Promise<void> {
    this.dropConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #collection(resource: string): Collection {
    const known = this.#collections.get(resource);
    if (known) return known;
    const made = new Collection(() => ++this.#version);
    this.#collections.set(resource, made);
    return made;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://server');
    const seen: SeenRequest = {
      method: request.method ?? 'GET',
      path: pathname,
      query,
      watch: query.get('watch') === 'true',
      authorization: request.headers.authorization,
      connection: this.#sockets.get(request.socket) ?? 0,
    };
    this.requests.push(seen);
    try {
      const body = await readBody(request);
      const fault = this.faults.next(seen);
      if (await this.#faulty(fault, response)) return;
      this.#authenticate(seen);
      const { accept = '', 'content-type': contentType = '' } = request.headers;
      this.#serve(seen, { body, contentType, accept, fault, response });
    } catch (error) {
      if (!response.destroyed) refuse(response, error);
    }
  }

  #authenticate({ authorization }: SeenRequest): void {
    const { tokens } = this.#options;
    if (tokens && !tokens.has((authorization ?? '').replace('Bearer ', '')))
      throw new Refusal(401, 'Unauthorized');
  }

  /** Acts out a fault that replaces the answer; true when there is nothing more to do. */
  async #faulty(fault: Fault | undefined, response: ServerResponse): Promise<boolean> {
    switch (fault?.kind) {
      case 'drop':
        response.destroy();
        return true;
      case 'stall':
        return true;
      case 'slow':
        await wait(fault.ms);
        return false;
      case 'status':
        if (fault.retryAfterSeconds !== undefined) response.setHeader('retry-after', fault.retryAfterSeconds);
        throw new Refusal(fault.status, fault.reason ?? '');
      default:
        return false;
    }
  }

  #serve(
    seen: SeenRequest,
    request: {
      body: string;
      contentType: string;
      accept: string;
      fault: Fault | undefined;
      response: ServerResponse;
    },
  ): void {
    const { response, fault, body, contentType, accept } = request;
    const target = parseTarget(seen.path);
    if (seen.watch) {
      this.#watch(seen, target, { response, fault });
      return;
    }
    const collection = this.#collection(target.resource);
    const answer =
      seen.method === 'GET' && target.name === undefined
        ? this.#list(collection, seen, { ...target, accept })
        : perform(collection, target, { method: seen.method, body, contentType });
    if (fault?.kind === 'lose-reply') response.destroy();
    else response.writeHead(seen.method === 'POST' ? 201 : 200, JSON_TYPE).end(JSON.stringify(answer));
  }

  #list(
    collection: Collection,
    { query }: SeenRequest,
    { namespace, resource, accept }: Target & { accept: string },
  ): unknown {
    const page = this.#lists.page(collection, query, {
      selects: selector(namespace, query),
      version: this.#version,
    });
    return accept.includes('as=Table') ? tableOf(resource.replace(/^.*\//, ''), page.items) : page;
  }

  #watch(
    seen: SeenRequest,
    target: Target,
    { response, fault }: { response: ServerResponse; fault: Fault | undefined },
  ) {
    // A client that left during a slow answer closes nothing any more.
    if (response.destroyed || response.closed) return;
    const { streamedLists = true, bookmarkMs } = this.#options;
    serveWatch({
      collection: this.#collection(target.resource),
      selects: selector(target.namespace, seen.query),
      query: seen.query,
      response,
      fault: fault?.kind === 'watch' ? fault : undefined,
      version: () => this.#version,
      compacted: this.#compacted,
      streamedLists,
      bookmarkMs,
    });
  }
}

const JSON_TYPE = { 'content-type': 'application/json' };

function refuse(response: ServerResponse, error: unknown): void {
  const { status, reason } = error instanceof Refusal ? error : new Refusal(500, String(error));
  const body = { kind: 'Status', status: 'Failure', reason, message: reason, code: status };
  if (!response.headersSent) response.writeHead(status, JSON_TYPE);
  response.end(JSON.stringify(body));
}
