/** A front on loopback before a server: it sees every request, and misbehaves on demand. */
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { request as httpsRequest, type Agent } from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/**
 * `refuse`: 503, and nothing was done. `lose`: it was done, and the connection breaks before the answer. `cut`: the connection breaks in the
 * middle of the answer. `slow`: the answer stops there.
 */
export type Fault = 'refuse' | 'lose' | 'cut' | 'slow';

export interface Front {
  url: string;
  /** `GET /bucket/key` and the like, in their order. */
  requests: string[];
  /** What becomes of the request; default: nothing. A request waits for a promise. */
  fault: (request: string) => Fault | undefined | Promise<Fault | undefined>;
  /** Breaks every connection, and refuses new ones. */
  shut(): Promise<void>;
  /** Takes connections again, at the same address. */
  open(): Promise<void>;
  stop(): Promise<void>;
}

export interface Behind {
  /** Base URL of the server behind. */
  server: string;
  /** For one that wants certificates. */
  agent?: Agent;
  /** Changes the answers to requests for this path. */
  edit?: { path: string; change: (body: string) => string };
}

export async function startFront(behind: Behind): Promise<Front> {
  const server = createServer((incoming, answer) => void serve(incoming, answer));
  const serve = async (incoming: IncomingMessage, answer: ServerResponse): Promise<void> => {
    const path = decodeURIComponent(new URL(incoming.url ?? '/', 'http://x').pathname);
    const line = `${incoming.method} ${path}`;
    front.requests.push(line);
    const fault = await front.fault(line);
    if (fault === 'refuse') answer.writeHead(503).end();
    else forward(incoming, answer, { behind, path, fault });
  };
  const listen = async (port: number): Promise<void> => {
    await once(server.listen(port, '127.0.0.1'), 'listening');
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const shut = async (): Promise<void> => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
  const front: Front = {
    url: `http://127.0.0.1:${port}`,
    requests: [],
    fault: () => undefined,
    shut,
    open: () => listen(port),
    stop: () => (server.listening ? shut() : Promise.resolve()),
  };
  return front;
}

function forward(
  incoming: IncomingMessage,
  answer: ServerResponse,
  { behind, path, fault }: { behind: Behind; path: string; fault: Exclude<Fault, 'refuse'> | undefined },
): void {
  const { server, agent, edit } = behind;
  const { method, headers, url = '/' } = incoming;
  const target = new URL(url, server);
  const request = target.protocol === 'https:' ? httpsRequest : httpRequest;
  const onward = request(target, { method, headers, ...(agent && { agent }) }, (response) => {
    response.on('error', () => answer.destroy());
    if (fault === 'lose') answer.destroy();
    else if (fault !== undefined) response.once('data', (chunk) => half(chunk, { answer, response, fault }));
    else if (edit?.path === path) edited(response, answer, edit.change).catch(() => answer.destroy());
    else response.pipe(answer.writeHead(response.statusCode ?? 502, response.headers));
  });
  onward.on('error', () => answer.destroy());
  answer.on('close', () => onward.destroy());
  incoming.pipe(onward);
}

function half(
  chunk: Buffer,
  { answer, response, fault }: { answer: ServerResponse; response: IncomingMessage; fault: 'cut' | 'slow' },
): void {
  response.pause();
  answer.writeHead(response.statusCode ?? 502, response.headers);
  answer.write(chunk.subarray(0, Math.ceil(chunk.length / 2)), () => {
    if (fault === 'cut') answer.destroy();
  });
}

async function edited(
  response: IncomingMessage,
  answer: ServerResponse,
  change: (body: string) => string,
): Promise<void> {
  const body = change(await text(response));
  const { 'transfer-encoding': _chunked, ...headers } = response.headers;
  const length = { 'content-length': Buffer.byteLength(body) };
  answer.writeHead(response.statusCode ?? 502, { ...headers, ...length }).end(body);
}
