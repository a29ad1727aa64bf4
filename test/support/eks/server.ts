/** EKS: its API over HTTP, and a door for each cluster. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { issueAuthority } from '../../../src/broker/tls/issue.ts';
import { Calls } from '../aws/calls.ts';
import { AwsError, internalFailure } from '../codebuild/errors.ts';
import type { KnownCredentials } from '../codebuild/service.ts';
import { authenticate } from '../codebuild/signature.ts';
import { route } from './api.ts';
import { Clusters, type Cluster, type NewCluster } from './clusters.ts';
import { openDoor, type Door, type Upstream } from './door.ts';
import { identityOf } from './identity.ts';
import { callerOfToken } from './token.ts';

export interface EksOptions {
  /** Address to listen on; default 127.0.0.1. */
  bind?: string;
  region: string;
  account: string;
  /** Read anew for every request. */
  credentials: readonly KnownCredentials[];
  /** The API server that every cluster has. */
  upstream: Upstream;
  /** Why callers may not do this (`eks:DescribeCluster`, ARN of a cluster), by their policies; default: they may do everything. */
  refusal?: (asked: { action: string; resource: string }) => string | undefined;
  /** Of tokens; default: the real one. */
  now?: () => number;
}

export interface EksService {
  /** `http://host:port` of the API. */
  url: string;
  calls: Calls;
  clusters: Clusters;
  /** A cluster in CREATING, whose door is open. CloudFormation's way to make one. */
  create(wanted: NewCluster): Promise<Cluster>;
  /** Takes it away, its door with it. */
  remove(name: string): Promise<void>;
  /** Whom doors have refused, by cluster. */
  refusals(name: string): readonly string[];
  close(): Promise<void>;
}

const arnOf = ({ arn, userName = 'operator' }: KnownCredentials, account: string): string =>
  arn ?? `arn:aws:iam::${account}:user/${userName}`;

class Eks {
  readonly calls = new Calls();
  readonly clusters: Clusters;
  readonly doors = new Map<string, Door>();
  readonly #options: EksOptions;
  readonly #authority = issueAuthority(new Date());

  constructor(options: EksOptions) {
    this.#options = options;
    this.clusters = new Clusters(options);
  }

  async create(wanted: NewCluster): Promise<Cluster> {
    const { bind = '127.0.0.1', upstream } = this.#options;
    const authority = await this.#authority;
    const whoIs = (token: string) => this.#whoIs(wanted.name, token);
    const door = await openDoor({ bind, authority, upstream, whoIs });
    try {
      const cluster = this.clusters.create(wanted, { endpoint: door.endpoint, authority: authority.cert });
      this.doors.set(wanted.name, door);
      return cluster;
    } catch (error) {
      await door.close();
      throw error;
    }
  }

  async remove(name: string): Promise<void> {
    this.clusters.remove(name);
    await this.doors.get(name)?.close();
    this.doors.delete(name);
  }

  #whoIs(clusterName: string, token: string) {
    const { region, credentials, account, now = Date.now } = this.#options;
    const caller = callerOfToken(token, { clusterName, region, known: credentials, now: now() });
    return identityOf(arnOf(caller, account), this.clusters.get({ clusterName }));
  }

  async handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      answer(response, 200, await this.#perform(incoming));
    } catch (error) {
      const known = error instanceof AwsError ? error : internalFailure();
      response.setHeader('x-amzn-errortype', known.code);
      answer(response, known.status, { message: known.message });
      if (known !== error) throw error;
    }
  }

  async #perform(incoming: IncomingMessage): Promise<object> {
    const { region, account, credentials, refusal } = this.#options;
    const { method = 'GET', url = '/', headers } = incoming;
    const body = await buffer(incoming);
    authenticate(
      { method, url, headers, body },
      { region, service: 'eks', known: [...credentials], now: Date.now() },
    );
    const { operation, clusterName, work } = route(method, url);
    const json = (body.length === 0 ? {} : JSON.parse(body.toString())) as Record<string, unknown>;
    const made = {
      action: `eks:${operation}`,
      request: { url, ...json },
      agent: headers['user-agent'] ?? '',
    };
    return this.calls.record(made, async () => {
      const resource =
        clusterName === undefined ? '*' : `arn:aws:eks:${region}:${account}:cluster/${clusterName}`;
      const why = refusal?.({ action: made.action, resource });
      if (why !== undefined) throw new AwsError('AccessDeniedException', why, 403);
      return work(this.clusters, json);
    });
  }
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'x-amzn-requestid': randomUUID() });
  response.end(JSON.stringify(body));
}

/** Starts the service; resolves when it listens. */
export async function startEks(options: EksOptions): Promise<EksService> {
  const { bind = '127.0.0.1' } = options;
  const eks = new Eks(options);
  const http = createServer((request, response) => {
    eks.handle(request, response).catch((error: unknown) => console.error('eks service:', error));
  });
  await once(http.listen(0, bind), 'listening');
  return {
    url: `http://${bind}:${(http.address() as AddressInfo).port}`,
    calls: eks.calls,
    clusters: eks.clusters,
    create: (wanted) => eks.create(wanted),
    remove: (name) => eks.remove(name),
    refusals: (name) => eks.doors.get(name)?.refusals ?? [],
    async close() {
      await Promise.all([...eks.doors.values()].map((door) => door.close()));
      http.closeAllConnections();
      http.close();
    },
  };
}
