/** A broker with real TLS, real name lookups and Trials of several networks, and what a courier's end of a tunnel does. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { Registry } from 'prom-client';
import { subjects } from '../../../src/broker/identity/subjects.ts';
import { tokenVerifier } from '../../../src/broker/identity/token.ts';
import { brokerMetrics } from '../../../src/broker/metrics.ts';
import { startBroker } from '../../../src/broker/server.ts';
import type { Broker, BrokerOptions } from '../../../src/broker/server.ts';
import { brokerCertificate } from '../../../src/broker/tls/certificates.ts';
import { nameResolver } from '../../../src/broker/tunnel/dial.ts';
import type { Trial } from '../../../src/crds/trial.ts';
import type { Pod } from '../../../src/kube/kinds.ts';
import { memoryArtifactStore } from '../../../src/providers/artifact-store/memory.ts';
import { TaskReader } from '../../../src/task-source/read.ts';
import { headersOf } from '../../../src/wire/tunnel.ts';
import type { TunnelPurpose } from '../../../src/wire/tunnel.ts';
import { aMetadata, NO_RULES } from '../builders/objects.ts';
import {
  BROKER_NAME,
  cacheOf,
  INSTALLED,
  NO_SANDBOXES,
  podClaims,
  signingKey,
  TestCluster,
} from './cluster.ts';
import { startNames } from './names.ts';
import type { NameServer } from './names.ts';
import {
  buildJob,
  buildPod,
  sandboxJob,
  sandboxPod,
  sandboxWith,
  taskBuild,
  trialJob,
  trialPod,
  trialWith,
} from './objects.ts';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

export const AGENT: TunnelPurpose = { kind: 'phase', phase: 'agent', step: 0 };

type Network = Trial['spec']['environment']['network'];

/** A Trial, the one Pod of its Job and that Pod's token. */
export interface Tenant {
  trial: Trial;
  pod: Pod;
  token: string;
}

/** What a broker answered to a CONNECT. */
export interface Answered {
  status: number;
  /** Its head, as it came. */
  head: string;
  /** What follows is the tunnel, or the rest of the answer. */
  socket: TLSSocket;
  beneath: Socket;
}

export interface Asked {
  token?: string;
  purpose?: TunnelPurpose;
  /** Default: those of purpose and token. */
  headers?: Record<string, string>;
  /** Bytes right behind the head. */
  more?: string | Buffer;
}

/** Everything up to the end of the stream. */
export async function rest(socket: Socket): Promise<string> {
  const parts: Buffer[] = [];
  socket.on('data', (part: Buffer) => parts.push(part));
  if (!socket.readableEnded) await Promise.race([once(socket, 'end'), once(socket, 'close')]);
  return Buffer.concat(parts).toString('latin1');
}

async function headOf(socket: TLSSocket): Promise<string> {
  let head = Buffer.alloc(0);
  for (;;) {
    const end = head.indexOf('\r\n\r\n');
    if (end >= 0) {
      socket.unshift(head.subarray(end + 4));
      return head.toString('latin1', 0, end);
    }
    const part = socket.read() as Buffer | null;
    if (part) head = Buffer.concat([head, part]);
    else if (socket.readableEnded || socket.destroyed) return head.toString('latin1');
    else await Promise.race([once(socket, 'readable'), once(socket, 'end'), once(socket, 'close')]);
  }
}

export class TunnelWorld {
  readonly store = memoryArtifactStore();
  readonly registry = new Registry();
  readonly cluster = new TestCluster();
  names!: NameServer;
  broker!: Broker;
  ca = '';
  /** A Trial with each of these networks. */
  readonly tenants: Tenant[] = [];
  /** Tokens of the couriers of Sandboxes with the same networks. */
  readonly boxes: string[] = [];
  buildToken = '';
  readonly #open: { destroy(): unknown }[] = [];
  readonly #servers: Server[] = [];

  /** `networks`: of one Trial each, for all of its phases. */
  async start(networks: Network[], options: Partial<BrokerOptions> = {}): Promise<void> {
    const now = (): Date => new Date();
    const key = await signingKey('rsa-1');
    this.cluster.jwks = [key.jwk];
    for (const [index, network] of networks.entries())
      this.tenants.push(await tenantOf(index, network, key.sign));
    const boxes = networks.map((network, index) => sandboxWith({ name: `box-${index}`, spec: { network } }));
    const boxJobs = boxes.map((box) => sandboxJob(box));
    const boxPods = boxJobs.map((job) => sandboxPod(job));
    for (const { metadata } of boxPods)
      this.boxes.push(await key.sign(podClaims(now(), { name: metadata.name, uid: metadata.uid ?? '' })));
    this.buildToken = await key.sign(
      podClaims(now(), { name: buildPod.metadata.name, uid: 'build-pod-uid' }),
    );
    await this.store.put('tasks/local/hello/0123456789ab/metadata.json', JSON.stringify(aMetadata()));
    this.names = await startNames();
    const { kube } = this.cluster;
    const certificate = await brokerCertificate({ kube, ...INSTALLED, now, log: quiet });
    this.ca = certificate.ca();
    const builder: Pod = { ...buildPod, metadata: { ...buildPod.metadata, uid: 'build-pod-uid' } };
    const trials = this.tenants.map(({ trial }) => trial);
    const ofTrials = {
      pods: cacheOf(builder, ...this.tenants.map(({ pod }) => pod)),
      jobs: cacheOf(buildJob, ...trials.map((trial) => trialJob(trial))),
      trials: cacheOf(...trials),
    };
    this.broker = await startBroker({
      port: 0,
      host: '127.0.0.1',
      certificate,
      tokens: tokenVerifier({ kube, now }),
      subjects: subjects({
        kube,
        ...ofTrials,
        taskBuilds: cacheOf(taskBuild),
        sandboxes: cacheOf(...boxes),
        sandboxJobs: cacheOf(...boxJobs),
        sandboxPods: cacheOf(...boxPods),
        now,
      }),
      tasks: new TaskReader({ kube, artifacts: this.store, rulesOf: async () => NO_RULES }),
      now,
      store: this.store,
      egress: async () => ({ allowed: [{ cidr: '127.0.0.0/8' }], refused: [] }),
      resolve: nameResolver([this.names.address]),
      rulesOf: async () => NO_RULES,
      presignSeconds: 300,
      probePort: 9,
      modelPrices: [],
      sandbox: { kube, brokerName: BROKER_NAME, ...NO_SANDBOXES, ...ofTrials },
      log: quiet,
      metrics: brokerMetrics(this.registry),
      ...options,
    });
  }

  async close(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    for (const server of this.#servers) server.close();
    this.names.close();
    await this.broker.close();
  }

  /** A server on loopback; resolves its port. */
  async serve(server: Server | ((socket: Socket) => void)): Promise<number> {
    const listening = typeof server === 'function' ? createServer({ allowHalfOpen: true }, server) : server;
    listening.on('connection', (socket: Socket) => {
      this.#open.push(socket);
      socket.on('error', () => undefined);
    });
    this.#servers.push(listening);
    listening.listen(0, '127.0.0.1');
    await once(listening, 'listening');
    return (listening.address() as AddressInfo).port;
  }

  /** A TLS connection to the broker, and the TCP connection beneath it. */
  async connected(): Promise<{ socket: TLSSocket; beneath: Socket }> {
    const beneath = connect({ port: this.broker.port, host: '127.0.0.1', allowHalfOpen: true });
    const socket = connectTls({ socket: beneath, servername: 'localhost', ca: this.ca });
    this.#open.push(socket);
    for (const one of [beneath, socket]) one.on('error', () => undefined);
    await once(socket, 'secureConnect');
    return { socket, beneath };
  }

  /** Sends `text` as it is and reads the head of what comes. */
  async raw(text: string | Buffer): Promise<Answered> {
    const { socket, beneath } = await this.connected();
    socket.write(text);
    const head = await headOf(socket);
    return { status: Number(head.split(' ')[1]), head, socket, beneath };
  }

  tunnel(target: string, asked: Asked = {}): Promise<Answered> {
    const { token = this.tenants[0]?.token, purpose = AGENT, headers, more = '' } = asked;
    const all = { authorization: `Bearer ${token}`, ...(headers ?? headersOf(purpose)) };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
    const head = [`CONNECT ${target} HTTP/1.1`, `Host: ${target}`, ...lines, '', ''].join('\r\n');
    return this.raw(Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(more as string, 'latin1')]));
  }

  /** Status and sentence of a tunnel that is not given. */
  async refusal(target: string, asked: Asked = {}): Promise<[number, string]> {
    const { status, socket } = await this.tunnel(target, asked);
    if (status === 200) return [200, ''];
    return [status, (JSON.parse(await rest(socket)) as { error: string }).error];
  }
}

type Sign = Awaited<ReturnType<typeof signingKey>>['sign'];

async function tenantOf(index: number, network: Network, sign: Sign): Promise<Tenant> {
  const plain = trialWith();
  const trial: Trial = {
    ...plain,
    metadata: { ...plain.metadata, name: `solve-${index}`, uid: `trial-uid-${index}` },
    spec: { ...plain.spec, environment: { ...plain.spec.environment, network } },
  };
  const made = trialPod(trial);
  const pod = { ...made, metadata: { ...made.metadata, uid: `pod-uid-${index}` } };
  const token = await sign(podClaims(new Date(), { name: pod.metadata.name, uid: pod.metadata.uid }));
  return { trial, pod, token };
}

export const PUBLIC: Network = { mode: 'Public', enforcement: 'BestEffort' };
export const NONE: Network = { mode: 'None', enforcement: 'BestEffort' };
export const listOf = (...allowedHosts: string[]): Network => ({
  mode: 'Allowlist',
  allowedHosts,
  enforcement: 'BestEffort',
});
