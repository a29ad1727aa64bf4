/**
 * The HTTP proxy on the Pod's own loopback, for what runs in the task container: CONNECT, and plain HTTP by whole URLs. Every connection goes
 * through a tunnel, of the phase that runs or of the Sandbox. It shows nobody the courier's token, and believes nothing that it is sent:
 *
 * ```
 * client ── CONNECT host:443 ──► forwarder ── CONNECT, token, phase ──► broker ──► host
 *        ◄──── 200, or 403 and why ──────────── 200, or {error} ──────
 * ```
 */
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { targetOf } from '../../wire/tunnel.ts';
import type { Ways } from './phase-tunnels.ts';
import { passOn } from './plain.ts';
import { reasonPhrase, refusalFor } from './refusal.ts';

export interface Forwarder {
  port: number;
  close(): Promise<void>;
}

/** Twice what the broker allows a Pod in tunnels: the rest are heads and refusals. */
const CONNECTIONS = 64;
const HEAD_MAX_BYTES = 16 * 1024;
/** From the beginning of a connection to the end of its head. */
const HEAD_MS = 10_000;
/** Silence on a connection. A model may think for minutes before its first word. */
const IDLE_MS = 15 * 60_000;
const CHECK_MS = 1000;

/** Listens on 127.0.0.1; `port` 0 takes a free one. */
export async function startForwarder(ways: Ways, port: number): Promise<Forwarder> {
  const server = createServer(
    {
      maxHeaderSize: HEAD_MAX_BYTES,
      headersTimeout: HEAD_MS,
      // Uploads may take as long as they like.
      requestTimeout: 0,
      connectionsCheckingInterval: CHECK_MS,
      insecureHTTPParser: false,
    },
    (request, response) => void passOn(request, response, ways),
  );
  server.maxConnections = CONNECTIONS;
  // What follows a request on its connection is never taken for another one.
  server.maxRequestsPerSocket = 1;
  server.timeout = IDLE_MS;
  const upgraded = new Set<Duplex>();
  server.on('connect', (request: IncomingMessage, client: Socket, head: Buffer) => {
    upgraded.add(client.once('close', () => upgraded.delete(client)));
    void connectThrough({ request, client, head }, ways);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: () => close(server, upgraded),
  };
}

async function close(server: Server, upgraded: Set<Duplex>): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  for (const client of upgraded) client.destroy();
  await closed;
}

interface Connecting {
  request: IncomingMessage;
  client: Socket;
  /** What came after the request's head. */
  head: Buffer;
}

async function connectThrough({ request, client, head }: Connecting, ways: Ways): Promise<void> {
  const gone = new AbortController();
  client.on('error', () => {}).once('close', () => gone.abort());
  client.setTimeout(IDLE_MS, () => client.destroy());
  const target = targetOf(request.url ?? '');
  if (!target) return refuse(client, 400, 'CONNECT needs a plain host:port');
  try {
    const tunnel = await ways.open(target, gone.signal);
    client.write('HTTP/1.1 200 Connection established\r\n\r\n');
    if (head.length > 0) tunnel.write(head);
    join(client, tunnel);
    join(tunnel, client);
  } catch (error) {
    const { status, sentence } = refusalFor(error);
    refuse(client, status, sentence);
  }
}

/** Passes on what comes, and that nothing more comes; a bad end is one for the other as well. */
function join(from: Socket, to: Socket): void {
  from.pipe(to);
  from.once('close', () => {
    if (!from.readableEnded || !from.writableFinished) to.destroy();
  });
}

/** For a client to read why before it closes the connection itself. */
const REFUSED_MS = 2000;

function refuse(client: Socket, status: number, sentence: string): void {
  const body = `${sentence}\n`;
  client.end(
    `HTTP/1.1 ${status} ${reasonPhrase(sentence)}\r\n` +
      `content-type: text/plain; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` +
      `connection: close\r\n\r\n${body}`,
  );
  client.setTimeout(REFUSED_MS).resume();
}
