/** A broker for tests of the client: HTTPS with a certificate of its own CA, sessions, and WebSockets that lead to a courier; and an API server before it. */
import {
  createServer as createHttpServer,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer, request as httpsRequest } from 'node:https';
import { connect, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { WebSocketServer, type WebSocket } from 'ws';
import { issueAuthority, issueLeaf } from '../../../src/broker/tls/issue.ts';
import { BROKER, CLIENT_CONFIG, OPERATOR } from '../../../src/installation/names.ts';
import { ownVersion } from '../../../src/installation/version.ts';
import type { ConfigMap } from '../../../src/kube/kinds.ts';
import { CLOSINGS } from '../../../src/wire/sandbox/closings.ts';
import { SUBPROTOCOL, TOKEN_SUBPROTOCOL } from '../../../src/wire/sandbox/names.ts';
import type { SandboxRefusal, SessionRequest } from '../../../src/wire/sandbox/session.ts';
import type { FarEnd } from './pipe.ts';
import type { TestCourier } from './courier.ts';

const listening = (server: {
  listen(port: number, host: string, done: () => void): unknown;
}): Promise<void> => new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

export interface TestBroker {
  url: string;
  port: number;
  ca: string;
  /** Bodies of requests for a session, in order, and whether a client certificate was shown. */
  asked: (SessionRequest & { certificate: boolean })[];
  /** Paths of those, and of connections. */
  paths: string[];
  /** TCP connections that have come. */
  connections(): number;
  /** Ends them all. */
  cut(): void;
  /** Answers the next requests for a session. */
  refusals: { status: number; refusal: SandboxRefusal }[];
  close(): void;
}

/** What an operator publishes in its namespace for those who look for its broker. */
export const published = (ca: string, namespace: string = OPERATOR.namespace): ConfigMap[] =>
  Object.entries({
    [CLIENT_CONFIG]: { profile: 'local', bucket: 'b', region: 'us-east-1', operatorVersion: ownVersion() },
    [BROKER.authority]: { 'ca.crt': ca },
  }).map(([name, data]) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name }, data }));

export async function testBroker(courier: TestCourier): Promise<TestBroker> {
  const now = new Date();
  const authority = await issueAuthority(now);
  const leaf = await issueLeaf({ authority, names: ['sb-broker.sb-system.svc'], now });
  const asked: TestBroker['asked'] = [];
  const refusals: TestBroker['refusals'] = [];
  const paths: string[] = [];
  const sockets = new Set<Duplex>();
  const server = createServer(
    { ...leaf, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      let body = '';
      paths.push(request.url ?? '');
      request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      request.on('end', () => {
        const certificate = Object.keys((request.socket as TLSSocket).getPeerCertificate()).length > 0;
        asked.push({ ...(JSON.parse(body) as SessionRequest), certificate });
        const refused = refusals.shift();
        const expiresAt = new Date(Date.now() + courier.tokenMs).toISOString();
        response.writeHead(refused?.status ?? 200, { 'content-type': 'application/json' });
        response.end(JSON.stringify(refused?.refusal ?? { token: 'session-token', expiresAt, uid: 'u' }));
      });
    },
  );
  const webSockets = new WebSocketServer({ noServer: true, handleProtocols: () => SUBPROTOCOL });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    paths.push(request.url ?? '');
    const offered = request.headers['sec-websocket-protocol'] ?? '';
    if (!offered.includes(`${TOKEN_SUBPROTOCOL}session-token`)) socket.destroy();
    else
      webSockets.handleUpgrade(request, socket, head, (web) => {
        const far: FarEnd = {
          onBytes: () => {},
          onClosed: () => {},
          send: (frame) => web.send(frame),
          close: (after) => (after === 'retry' ? web.terminate() : web.close(CLOSINGS.ServiceRestart.code)),
        };
        web.on('message', (data) => far.onBytes(data as Buffer));
        web.on('close', () => far.onClosed());
        courier.accept(far);
      });
  });
  server.on('connection', (socket: Socket) => void sockets.add(socket));
  await listening(server);
  const cut = (): void => sockets.forEach((socket) => void socket.destroy());
  return {
    ...addressOf(server),
    ca: authority.cert,
    asked,
    paths,
    connections: () => sockets.size,
    refusals,
    cut,
    close() {
      cut();
      server.close();
    },
  };
}

function addressOf(server: Server): { url: string; port: number } {
  const { port } = server.address() as AddressInfo;
  return { url: `https://127.0.0.1:${port}`, port };
}

export interface Front {
  url: string;
  /** Paths of proxy and port-forward that came. */
  passed: string[];
  /** Neither is allowed. */
  forbids: { proxy: boolean; portForward: boolean };
  /** The next port-forwards find nobody who listens in the Pod: the API server says so after so many milliseconds each. */
  deadForwards: number[];
  close(): void;
}

/** Before an API server: what that cannot do, proxy to a Service and port-forward to a Pod, both to the broker. */
export async function frontOf(api: string, broker: TestBroker): Promise<Front> {
  const sockets = new Set<Duplex>();
  const front: Front = {
    url: '',
    passed: [],
    forbids: { proxy: false, portForward: false },
    deadForwards: [],
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
  const target = (url: string): { to: string; isProxy: boolean } => {
    const [, below] = /services\/https:sb-broker:\d+\/proxy(\/.*)$/.exec(url) ?? [];
    return below === undefined
      ? { to: api + url, isProxy: false }
      : { to: broker.url + below, isProxy: true };
  };
  const server = createHttpServer((request, response) => {
    const { to, isProxy } = target(request.url ?? '');
    if (isProxy) front.passed.push('proxy');
    if (isProxy && front.forbids.proxy) forbid(response);
    else handOn(request, response, { to, isProxy });
  });
  const forwards = new WebSocketServer({ noServer: true, handleProtocols: () => 'v4.channel.k8s.io' });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const { to, isProxy } = target(request.url ?? '');
    if (!isProxy) front.passed.push('port-forward');
    if (isProxy ? front.forbids.proxy : front.forbids.portForward)
      socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
    else if (isProxy) proxied(request, { socket, to });
    else
      forwards.handleUpgrade(request, socket, head, (web) => {
        const diesMs = front.deadForwards.shift();
        if (diesMs === undefined) forwarded(web, broker.port);
        else deadForward(web, { port: broker.port, diesMs });
      });
  });
  server.on('connection', (socket) => void sockets.add(socket));
  await listening(server);
  front.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return front;
}

function forbid(response: ServerResponse): void {
  response.writeHead(403, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ kind: 'Status', reason: 'Forbidden', message: 'no services/proxy' }));
}

/** Without the Authorization header, where it goes to a Service. */
function handOn(
  request: IncomingMessage,
  response: ServerResponse,
  { to, isProxy }: { to: string; isProxy: boolean },
): void {
  const send = isProxy ? httpsRequest : httpRequest;
  const { authorization: _stripped, ...headers } = request.headers;
  const options = {
    method: request.method,
    headers: isProxy ? headers : request.headers,
    rejectUnauthorized: false,
  };
  const onward = send(to, options, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  request.pipe(onward);
}

/** Channel 0 is the connection, channel 1 its errors; each begins with the port. */
function beginForward(web: WebSocket, port: number): void {
  for (const channel of [0, 1]) web.send(Buffer.from([channel, port & 0xff, port >> 8]));
}

function deadForward(web: WebSocket, { port, diesMs }: { port: number; diesMs: number }): void {
  beginForward(web, port);
  const error = Buffer.from(`\u0001error forwarding port ${port}: nobody listens`);
  setTimeout(() => web.send(error), diesMs);
}

function forwarded(web: WebSocket, port: number): void {
  beginForward(web, port);
  const onward = connect(port, '127.0.0.1');
  onward.on('data', (chunk: Buffer) => web.send(Buffer.concat([Buffer.from([0]), chunk])));
  onward.on('error', () => {});
  onward.on('close', () => web.close());
  web.on('message', (data) => onward.write((data as Buffer).subarray(1)));
  web.on('close', () => onward.destroy());
}

/** An upgrade, handed on as it is. */
function proxied(request: IncomingMessage, { socket, to }: { socket: Duplex; to: string }): void {
  const { authorization: _stripped, ...headers } = request.headers;
  const onward = httpsRequest(to, { headers, rejectUnauthorized: false });
  onward.on('upgrade', (answer, upgraded) => {
    const lines = Object.entries(answer.headers).map(([name, value]) => `${name}: ${String(value)}`);
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`);
    upgraded.pipe(socket).pipe(upgraded);
    upgraded.on('error', () => socket.destroy());
    upgraded.on('close', () => socket.destroy());
    socket.on('error', () => upgraded.destroy());
  });
  onward.on('error', () => socket.destroy());
  onward.end();
}
