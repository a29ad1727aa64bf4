/** A broker with real TLS and WebSockets, couriers of Sandboxes and Trials that echo, and an API server that knows some people. */
import { once } from 'node:events';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { Registry } from 'prom-client';
import { WebSocket } from 'ws';
import { subjects } from '../../../src/broker/identity/subjects.ts';
import { tokenVerifier } from '../../../src/broker/identity/token.ts';
import { brokerMetrics } from '../../../src/broker/metrics.ts';
import type { SandboxOptions } from '../../../src/broker/sandbox/doors.ts';
import { startBroker, type Broker } from '../../../src/broker/server.ts';
import { brokerCertificate, type BrokerCertificate } from '../../../src/broker/tls/certificates.ts';
import type { KeyPair } from '../../../src/broker/tls/material.ts';
import type { Sandbox } from '../../../src/crds/sandbox.ts';
import type { TaskBuild } from '../../../src/crds/task-build.ts';
import type { Trial } from '../../../src/crds/trial.ts';
import type { Job, Pod } from '../../../src/kube/kinds.ts';
import { memoryArtifactStore } from '../../../src/providers/artifact-store/memory.ts';
import { TaskReader } from '../../../src/task-source/read.ts';
import { courierName, sandboxPath, SUBPROTOCOL, TOKEN_SUBPROTOCOL } from '../../../src/wire/sandbox/names.ts';
import type { EnteredKey } from '../../../src/wire/sandbox/names.ts';
import { NO_RULES } from '../builders/objects.ts';
import { until } from '../kube.ts';
import { clientAuthority } from './client-certificates.ts';
import {
  BROKER_NAME,
  cacheOf,
  INSTALLED,
  podClaims,
  signingKey,
  TestCluster,
  WritableCache,
} from './cluster.ts';
import { sandboxJob, sandboxPod, sandboxWith } from './objects.ts';
import { knowPeople, type People } from './people.ts';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

export interface Answer {
  status: number;
  json: Record<string, unknown>;
  headers: Record<string, string | string[] | undefined>;
}

export interface Asked {
  sandbox?: Sandbox;
  /** In its place. */
  trial?: Trial;
  body?: unknown;
  certificate?: KeyPair;
  headers?: Record<string, string>;
}

/** What a courier has heard on one connection. */
export interface Heard {
  preface: Record<string, unknown>;
  socket: TLSSocket;
}

export interface Dialed {
  sandbox?: Sandbox;
  /** In its place. */
  trial?: Trial;
  token?: string;
  protocols?: string[];
  query?: string;
  /** Default: the broker's. */
  port?: number;
}

/** A refused upgrade: status and body. */
export class RefusedUpgrade extends Error {
  readonly status: number;
  readonly json: Record<string, unknown>;
  constructor(status: number, json: Record<string, unknown>) {
    super(`${status} ${JSON.stringify(json)}`);
    this.status = status;
    this.json = json;
  }
}

export class SandboxWorld {
  readonly cluster = new TestCluster();
  readonly registry = new Registry();
  readonly sandboxes = new WritableCache<Sandbox>();
  readonly sandboxJobs = new WritableCache<Job>();
  readonly sandboxPods = new WritableCache<Pod>();
  readonly trials = new WritableCache<Trial>();
  readonly jobs = new WritableCache<Job>();
  readonly pods = new WritableCache<Pod>();
  /** By token, and what each may: `namespace/name`, or `namespace/*`. */
  readonly users: People['users'] = new Map();
  readonly rules = new Map<string, string[]>();
  readonly box = sandboxWith();
  /** Connections that couriers have got from the broker, in order. */
  readonly heard: Heard[] = [];
  /** What a courier does with a connection, after the preface; default: it echoes. */
  onConnection: (socket: TLSSocket) => void = (socket) => socket.pipe(socket);
  now = (): Date => new Date();
  broker!: Broker;
  certificate!: BrokerCertificate;
  key!: Awaited<ReturnType<typeof signingKey>>;
  clientCa!: KeyPair;
  courierPort = 0;
  readonly #courier: { server?: Server } = {};
  readonly #open: (() => void)[] = [];

  async start(options: Partial<SandboxOptions> = {}): Promise<void> {
    const { cluster } = this;
    this.key = await signingKey('rsa-1');
    cluster.jwks = [this.key.jwk];
    this.clientCa = await clientAuthority();
    knowPeople(this);
    this.certificate = await brokerCertificate({
      kube: cluster.kube,
      ...INSTALLED,
      now: () => new Date(),
      log: quiet,
    });
    this.run(this.box);
    await this.startCourier(courierName(this.#ids(this.box)));
    await this.#startBroker(options);
  }

  async #startBroker(options: Partial<SandboxOptions>): Promise<void> {
    const { cluster, sandboxes, sandboxJobs, sandboxPods } = this;
    const { kube } = cluster;
    const now = (): Date => this.now();
    const store = memoryArtifactStore();
    const stores = { sandboxes, sandboxJobs, sandboxPods };
    const ofTrials = { trials: this.trials, jobs: this.jobs, pods: this.pods };
    const ports = { sandboxes: this.courierPort, trials: this.courierPort };
    this.broker = await startBroker({
      port: 0,
      host: '127.0.0.1',
      certificate: this.certificate,
      tokens: tokenVerifier({ kube, now }),
      subjects: subjects({ kube, now, ...stores, ...ofTrials, taskBuilds: cacheOf<TaskBuild>() }),
      tasks: new TaskReader({ kube, artifacts: store, rulesOf: async () => NO_RULES }),
      now,
      store,
      rulesOf: async () => NO_RULES,
      presignSeconds: 300,
      probePort: 9,
      modelPrices: [],
      egress: async () => ({ allowed: [], refused: [] }),
      sandbox: { kube, brokerName: BROKER_NAME, ports, ...stores, ...ofTrials, ...options },
      log: quiet,
      metrics: brokerMetrics(this.registry),
    });
  }

  #ids({ metadata, status }: Sandbox): { ownerUid: string; podUid: string } {
    return { ownerUid: metadata.uid ?? '', podUid: `${status?.podName}-uid` };
  }

  /** Puts a Sandbox with its Job and Pod into the caches. */
  run(sandbox: Sandbox): { job: Job; pod: Pod } {
    const job = sandboxJob(sandbox);
    const pod = sandboxPod(job);
    this.sandboxes.put(sandbox);
    this.sandboxJobs.put(job);
    this.sandboxPods.put(pod);
    return { job, pod };
  }

  /** A courier that shows a certificate of that name, made by the broker's CA. */
  async startCourier(name: string): Promise<void> {
    const { key, cert } = await this.certificate.issueCourier(name);
    const server = createServer(
      {
        key,
        cert,
        ca: this.certificate.ca(),
        requestCert: true,
        rejectUnauthorized: true,
        minVersion: 'TLSv1.3',
      },
      (socket) => this.#serve(socket),
    );
    server.listen(this.courierPort, '127.0.0.1');
    await once(server, 'listening');
    this.courierPort = (server.address() as AddressInfo).port;
    this.#courier.server = server;
  }

  /** The courier's end of that connection, once it has the preface. */
  async courier(number = 0): Promise<TLSSocket> {
    await until(`couriers have ${number + 1} connections`, () => this.heard.length > number);
    return (this.heard[number] as Heard).socket;
  }

  stopCourier(): void {
    this.#courier.server?.close();
    for (const { socket } of this.heard) socket.destroy();
  }

  #serve(socket: TLSSocket): void {
    this.#open.push(() => socket.destroy());
    socket.on('error', () => undefined);
    let text = Buffer.alloc(0);
    const onData = (part: Buffer): void => {
      text = Buffer.concat([text, part]);
      const end = text.indexOf('\n');
      if (end < 0) return;
      socket.off('data', onData).pause();
      socket.unshift(text.subarray(end + 1));
      this.heard.push({
        preface: JSON.parse(text.toString('utf8', 0, end)) as Record<string, unknown>,
        socket,
      });
      this.onConnection(socket);
      socket.resume();
    };
    socket.on('data', onData);
  }

  async close(): Promise<void> {
    for (const end of this.#open) end();
    this.#courier.server?.close();
    await this.broker.close();
  }

  /** The token of a Pod's courier. */
  podToken({ metadata }: Pod): Promise<string> {
    return this.key.sign(podClaims(this.now(), { name: metadata.name, uid: metadata.uid ?? '' }));
  }

  /** A request of a courier. */
  ask(method: string, path: string, token: string): Promise<Answer> {
    return this.#send({ method, path, headers: { authorization: `Bearer ${token}` } });
  }

  /** `POST …/session`. */
  session({
    sandbox = this.box,
    trial,
    body = { token: 'jane-token' },
    certificate,
    headers,
  }: Asked = {}): Promise<Answer> {
    return this.#send({
      method: 'POST',
      path: sandboxPath(placeOf(trial ?? sandbox), 'session'),
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...(certificate && { certificate }),
      ...(headers && { headers }),
    });
  }

  #send(sent: {
    method: string;
    path: string;
    body?: string;
    headers?: Record<string, string>;
    certificate?: KeyPair;
  }): Promise<Answer> {
    const { certificate, body, ...rest } = sent;
    const options = { host: 'localhost', port: this.broker.port, agent: false, ca: this.certificate.ca() };
    return new Promise((resolve, reject) => {
      const request = httpsRequest({ ...options, ...certificate, ...rest }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => {
          const json = JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>;
          resolve({ status: response.statusCode ?? 0, json, headers: response.headers });
        });
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  async sessionToken(asked: Asked = {}): Promise<string> {
    const { status, json } = await this.session(asked);
    if (status !== 200) throw new Error(`${status} ${JSON.stringify(json)}`);
    return json['token'] as string;
  }

  /** An open WebSocket; rejects with `RefusedUpgrade`. */
  async dial(dialed: Dialed = {}): Promise<WebSocket> {
    const { sandbox = this.box, trial, token, protocols, query = '', port = this.broker.port } = dialed;
    const own = token ?? (protocols ? '' : await this.sessionToken({ sandbox, ...(trial && { trial }) }));
    const url = `wss://localhost:${port}${sandboxPath(placeOf(trial ?? sandbox), 'connect')}${query}`;
    const offered = protocols ?? [SUBPROTOCOL, TOKEN_SUBPROTOCOL + own];
    const socket = new WebSocket(url, offered, { ca: this.certificate.ca(), perMessageDeflate: false });
    this.#open.push(() => socket.terminate());
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(socket));
      socket.on('error', reject);
      socket.once('unexpected-response', (_request, response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => {
          const json = JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>;
          reject(new RefusedUpgrade(response.statusCode ?? 0, json));
        });
      });
    });
  }

  /** Status and reason of an upgrade that is refused. */
  async refusal(dialed: Dialed): Promise<[number, unknown]> {
    const error: unknown = await this.dial(dialed).catch((caught: unknown) => caught);
    return error instanceof RefusedUpgrade ? [error.status, error.json['reason']] : [0, error];
  }
}

const placeOf = ({ kind, metadata: { namespace = '', name } }: Sandbox | Trial): EnteredKey => ({
  ...(kind === 'Trial' && { resource: 'trials' as const }),
  namespace,
  name,
});

/** Bytes that come, until there are so many. */
export function received(socket: WebSocket, bytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  return new Promise((resolve) => {
    const onMessage = (data: Buffer): void => {
      parts.push(data);
      size += data.length;
      if (size < bytes) return;
      socket.off('message', onMessage);
      resolve(Buffer.concat(parts));
    };
    socket.on('message', onMessage);
  });
}

/** Close code and reason. */
export async function closed(socket: WebSocket): Promise<[number, string]> {
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
  return [code, reason.toString()];
}

/** Far more bytes than the kernel keeps for all sockets of a connection, which were 24 MiB at times. */
export const BEYOND_SOCKETS = 96 * 1024 * 1024;

/** Waits until a figure does not change any more for a second: nothing moves. */
export async function standstill(figure: () => number): Promise<void> {
  for (let [before, same] = [figure(), 0]; same < 4; same = figure() === before ? same + 1 : 0) {
    before = figure();
    await wait(250);
  }
}
