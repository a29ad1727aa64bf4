/** The broker's end of tunnels, as the wire contract has it: every name leads to a port on loopback that the test gives it. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { issueAuthority, issueLeaf } from '../../src/broker/tls/issue.ts';
import { purposeOf, targetOf } from '../../src/wire/tunnel.ts';
import type { TunnelPurpose } from '../../src/wire/tunnel.ts';

/** What a courier asked for. */
export interface Asked {
  authority: string;
  purpose: TunnelPurpose;
  headers: IncomingMessage['headers'];
}

export interface TunnelRules {
  token: string;
  /** Ports on loopback by `host:port`; others do not exist. Addresses lead where they lead. */
  hosts: Record<string, number>;
  /** Why a tunnel is refused. */
  refusal?: (asked: Asked) => { status: number; error: string } | undefined;
}

export interface Tunnels {
  asked: Asked[];
  /** Open ones, by what was asked for. */
  open: Map<Socket, Asked>;
}

/** Has `server` answer CONNECT from now on. */
export function acceptTunnels(server: Server, rules: TunnelRules): Tunnels {
  const tunnels: Tunnels = { asked: [], open: new Map() };
  server.on('connect', (request: IncomingMessage, client: Socket, head: Buffer) => {
    client.on('error', () => {});
    const refused = (status: number, error: string): void => {
      const body = JSON.stringify({ error });
      client.end(`HTTP/1.1 ${status} No\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    };
    const { headers, url: authority = '' } = request;
    const purpose = purposeOf(headers);
    if (headers.authorization !== `Bearer ${rules.token}`) return refused(401, 'not the token');
    if (!targetOf(authority) || !purpose) return refused(400, 'not a tunnel');
    const asked = { authority, purpose, headers };
    tunnels.asked.push(asked);
    const refusal = rules.refusal?.(asked);
    if (refusal) return refused(refusal.status, refusal.error);
    const port = rules.hosts[authority] ?? Number(/^127\.0\.0\.1:(\d+)$/.exec(authority)?.[1]);
    if (!port) return refused(502, `there is no ${authority}`);
    const target = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    target.on('error', () => client.destroy());
    target.once('connect', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      if (head.length > 0) target.write(head);
      tunnels.open.set(client, asked);
      client.once('close', () => tunnels.open.delete(client));
      client.pipe(target).pipe(client);
      client.once('close', () => target.destroy());
    });
  });
  return tunnels;
}

export interface TunnelBroker extends Tunnels {
  url: string;
  ca: string;
  rules: TunnelRules;
  stop(): Promise<void>;
}

/** For servers whose tunnels pass each end on by itself. */
export const HALF_OPEN = { allowHalfOpen: true };

/** A broker that does nothing else. */
export async function startTunnelBroker(rules: TunnelRules): Promise<TunnelBroker> {
  const now = new Date();
  const authority = await issueAuthority(now);
  const leaf = await issueLeaf({ authority, names: ['broker.test', '127.0.0.1'], now });
  const server = createServer(Object.assign(leaf, HALF_OPEN));
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) =>
    sockets.add(socket.once('close', () => sockets.delete(socket))),
  );
  const tunnels = acceptTunnels(server, rules);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    ...tunnels,
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ca: authority.cert,
    rules,
    async stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}
