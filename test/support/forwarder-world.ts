/** A forwarder with real sockets: clients before it, a broker with TLS behind it, and servers behind that. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import type { RequestListener } from 'node:http';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { startForwarder } from '../../src/courier/network/forwarder.ts';
import type { Forwarder } from '../../src/courier/network/forwarder.ts';
import { PhaseTunnels } from '../../src/courier/network/phase-tunnels.ts';
import { tunnels } from '../../src/courier/network/tunnel.ts';
import type { OpenTunnel } from '../../src/courier/network/tunnel.ts';
import { startTunnelBroker } from './tunnel-broker.ts';
import type { TunnelBroker, TunnelRules } from './tunnel-broker.ts';

export const TOKEN = 'token-of-the-pod';

export interface ForwarderWorld {
  broker: TunnelBroker;
  open: OpenTunnel;
  phases: PhaseTunnels;
  forwarder: Forwarder;
  /** Begins a phase that lasts until the function that it resolves is called. */
  begin: (phase: Parameters<PhaseTunnels['during']>[0]) => Promise<() => Promise<void>>;
  /** A connection to the forwarder. */
  client: () => Socket;
  /** What comes back for these bytes, until the other side ends. */
  said: (bytes: string) => Promise<string>;
  /** Has a server behind `host:port` answer HTTP. */
  http: (authority: string, listener: RequestListener) => Promise<void>;
  /** The same for raw connections. */
  tcp: (authority: string, listener: (socket: Socket) => void) => Promise<void>;
}

/** Resolves when the other side has ended the connection, in whatever way. */
export const over = (socket: Socket): Promise<void> =>
  new Promise((resolve) => void socket.once('end', resolve).once('close', resolve).resume());

/** Anew for each test. */
export function useForwarder(): () => ForwarderWorld {
  let world: (ForwarderWorld & { end(): Promise<void> }) | undefined;
  beforeEach(async () => {
    world = await startWorld();
  });
  afterEach(async () => {
    await world?.end();
    world = undefined;
  });
  return () => {
    if (!world) throw new Error('there is no forwarder');
    return world;
  };
}

async function startWorld(): Promise<ForwarderWorld & { end(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'sb-forwarder-'));
  const tokenFile = join(folder, 'token');
  writeFileSync(tokenFile, `${TOKEN}\n`);
  const rules: TunnelRules = { token: TOKEN, hosts: {} };
  const broker = await startTunnelBroker(rules);
  const open = tunnels({ url: broker.url, ca: broker.ca, tokenFile });
  const phases = new PhaseTunnels(open);
  const forwarder = await startForwarder(phases, 0);
  const clients: Socket[] = [];
  const servers: { server: Server; sockets: Set<Socket> }[] = [];
  const serve = async (authority: string, server: Server): Promise<void> => {
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => {})));
    servers.push({ server, sockets });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    rules.hosts[authority] = (server.address() as AddressInfo).port;
  };
  const client = (): Socket => {
    const socket = connect({ host: '127.0.0.1', port: forwarder.port, allowHalfOpen: true });
    clients.push(socket.on('error', () => {}));
    return socket;
  };
  return {
    broker,
    open,
    phases,
    forwarder,
    async begin(phase) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const running = phases.during(phase, () => promise);
      return async () => {
        resolve();
        await running;
      };
    },
    client,
    async said(bytes) {
      const socket = client();
      socket.write(bytes, 'latin1');
      return await text(socket);
    },
    http: (authority, listener) => serve(authority, createHttpServer(listener)),
    tcp: (authority, listener) => serve(authority, createServer({ allowHalfOpen: true }, listener)),
    async end() {
      for (const socket of clients) socket.destroy();
      await forwarder.close();
      await broker.stop();
      for (const { server, sockets } of servers) {
        for (const socket of sockets) socket.destroy();
        server.close();
      }
      rmSync(folder, { recursive: true });
    },
  };
}
