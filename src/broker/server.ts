/** The broker's HTTPS server: a Pod's token in, short-lived URLs out; and the way into Sandboxes. Every replica of the operator runs one. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { AddressInfo, LookupFunction, Socket } from 'node:net';
import type { Log } from '../kube/types.ts';
import { answerTo } from './answer.ts';
import { CONNECTION_LIMITS, limitConnections } from './connections.ts';
import type { ConnectionLimits } from './connections.ts';
import { identify } from './identity/token.ts';
import type { PodIdentity, TokenVerifier } from './identity/token.ts';
import type { BrokerMetrics } from './metrics.ts';
import { isRefused, refusalOf, refused } from './refusal.ts';
import type { Refused } from './refusal.ts';
import { routes } from './routes.ts';
import type { Route, RouteDeps } from './routes.ts';
import { toPrograms } from './sandbox/connect.ts';
import { sandboxDoors, type Doors, type SandboxOptions } from './sandbox/doors.ts';
import { placeOf } from './sandbox/place.ts';
import { compiledTasks } from './tasks.ts';
import type { BrokerCertificate } from './tls/certificates.ts';
import type { TlsMaterial } from './tls/material.ts';
import { nameResolver } from './tunnel/dial.ts';
import type { Resolve } from './tunnel/dial.ts';
import { TUNNEL_TIMES, tunnels } from './tunnel/tunnels.ts';
import type { TunnelDeps, Tunnels, TunnelTimes } from './tunnel/tunnels.ts';
import type { Egress } from '../wire/egress.ts';

export interface BrokerOptions extends RouteDeps {
  /** 0 takes a free one. */
  port: number;
  /** Default: all addresses. */
  host?: string;
  certificate: BrokerCertificate;
  tokens: TokenVerifier;
  /** Default: `CONNECTION_LIMITS`. */
  limits?: ConnectionLimits;
  /** What tunnels may reach. */
  egress: () => Promise<Egress>;
  /** Default: the name servers of this Pod. */
  resolve?: Resolve;
  storeLookup?: LookupFunction;
  /** Default: `TUNNEL_TIMES`. */
  tunnelTimes?: TunnelTimes;
  sandbox: SandboxOptions;
  log: Log;
  metrics: BrokerMetrics;
}

export interface Broker {
  /** The port it listens on. */
  port: number;
  /** Takes no more connections, lets running requests and tunnels end (10 s at most), and sends those in Sandboxes to another replica. */
  close(): Promise<void>;
}

/** For the TLS handshake, and again for the head of a request. */
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** How often Node looks for what is overdue; its own default would add up to 30 s to both. */
const CHECK_MS = 1000;
/** A courier asks at the beginning and at the end of a Trial; thousands of idle connections in between are only memory. */
const KEEP_ALIVE_MS = 5000;
/** A token is some 1,200 bytes. */
const HEADERS_MAX_BYTES = 8192;
/** Requests of one Pod at the same time, each with up to 1 MiB of body; a courier has four connections. */
const RUNNING_PER_POD = 8;
const ANSWER_TIMEOUT_MS = 20_000;
const CLOSE_TIMEOUT_MS = 10_000;

/** Without the query. */
const pathOf = ({ url = '' }: IncomingMessage): string => url.split('?', 1)[0] ?? '';
const routeOf = (request: IncomingMessage): string => `${request.method} ${pathOf(request)}`;

async function answerInTime(work: Promise<object>): Promise<object> {
  const { promise, resolve } = Promise.withResolvers<Refused>();
  const late = (): void => resolve(refused(503, 'TooSlow', `no answer within ${ANSWER_TIMEOUT_MS / 1000} s`));
  const timer = setTimeout(late, ANSWER_TIMEOUT_MS);
  return Promise.race([work, promise]).finally(() => clearTimeout(timer));
}

function send(response: ServerResponse, answer: object, last: boolean): void {
  const body = JSON.stringify(answer);
  const good = {
    body,
    headers: {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
    },
  };
  const sent = isRefused(answer) ? answerTo(answer) : good;
  response.writeHead(isRefused(answer) ? answer.status : 200, {
    ...sent.headers,
    ...(last && { connection: 'close' }),
  });
  response.end(sent.body);
}

/** What answers a request: its name among the metrics, and its work. */
interface Handler {
  label: string;
  serve: (request: IncomingMessage) => Promise<object>;
}

/** Of a courier. Token first: nobody without one makes us read a body or look anything up. */
function forPods({ tokens }: BrokerOptions): (route: Route) => Handler['serve'] {
  const running = new Map<string, number>();
  const serve = async (route: Route, pod: PodIdentity, request: IncomingMessage): Promise<object> => {
    const others = running.get(pod.podUid) ?? 0;
    if (others >= RUNNING_PER_POD)
      return refused(503, 'Busy', `${others} requests of this Pod are running; try again`);
    running.set(pod.podUid, others + 1);
    try {
      return await route(pod, request);
    } finally {
      const left = (running.get(pod.podUid) ?? 1) - 1;
      if (left > 0) running.set(pod.podUid, left);
      else running.delete(pod.podUid);
    }
  };
  return (route) => async (request) => {
    const pod = await identify(request, tokens);
    return isRefused(pod) ? pod : serve(route, pod, request);
  };
}

function handlers(options: BrokerOptions, doors: Doors): (request: IncomingMessage) => Handler {
  const pods = forPods(options);
  const table = new Map(Object.entries({ ...routes(options), ...doors.courier }));
  return (request) => {
    const name = routeOf(request);
    const route = table.get(name);
    if (route) return { label: name, serve: pods(route) };
    const place = placeOf(pathOf(request));
    if (place?.what === 'session' && request.method === 'POST')
      return {
        label: `POST /v1/namespaces/…/${place.resource ?? 'sandboxes'}/…/session`,
        serve: async () => {
          const answer = await doors.session(request, place);
          return isRefused(answer) ? toPrograms(answer) : answer;
        },
      };
    const none = refused(404, 'NoSuchRoute', `there is no ${name.slice(0, 200)}`);
    return { label: 'none', serve: () => Promise.resolve(none) };
  };
}

function listener(options: BrokerOptions, doors: Doors, isClosing: () => boolean) {
  const { log, metrics } = options;
  const handlerOf = handlers(options, doors);
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const begin = performance.now();
    const { label, serve } = handlerOf(request);
    const answer = await answerInTime(serve(request)).catch((error: unknown) => {
      // Half a request is the client's end, not our failure.
      if (!request.destroyed) log.error({ err: error, route: label }, 'broker: request failed');
      return refusalOf(error);
    });
    // What is left of a body that nobody reads ends with its connection.
    send(response, answer, isClosing() || !request.complete);
    const refusal = isRefused(answer) ? { status: answer.status, refusal: answer.reason } : { status: 200 };
    if (isRefused(answer)) log.debug({ route: label, reason: answer.reason }, `broker: ${answer.message}`);
    metrics.answered({ route: label, seconds: (performance.now() - begin) / 1000, ...refusal });
  };
}

async function close(server: Server, open: Pick<Tunnels, 'destroy'>[]): Promise<void> {
  const force = (): void => {
    server.closeAllConnections();
    for (const each of open) each.destroy();
  };
  const forced = setTimeout(force, CLOSE_TIMEOUT_MS);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  clearTimeout(forced);
}

function openTunnels(options: BrokerOptions, onOpen: TunnelDeps['onOpen']): Tunnels {
  const { tasks, now, resolve = nameResolver(), tunnelTimes: times = TUNNEL_TIMES } = options;
  return tunnels({ ...options, taskOf: compiledTasks(tasks, now), resolve, times, onOpen });
}

/** Resolves once it listens. */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
  const { certificate, port, host, log, limits = CONNECTION_LIMITS } = options;
  let closing = false;
  const doors = sandboxDoors(options);
  const serveRequest = listener(options, doors, () => closing);
  const server = createServer(
    {
      ...secureContext(certificate.current()),
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      handshakeTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: CHECK_MS,
      maxHeaderSize: HEADERS_MAX_BYTES,
      // Whoever has none is as welcome; `sandbox/certificate.ts` looks at what is shown.
      requestCert: true,
      rejectUnauthorized: false,
      // All others are answered as if they had not asked for it.
      shouldUpgradeCallback: (request) => isConnect(request),
    },
    (request, response) => void serveRequest(request, response),
  );
  const connections = limitConnections(server, limits);
  const open = openTunnels(options, (client) => connections.release(client));
  server.on('connect', (request, socket, head) => {
    void open.serve(request, socket as Socket, head);
  });
  server.on('upgrade', (request, socket: Socket, head) => {
    const place = placeOf(pathOf(request)) ?? { namespace: '', name: '' };
    const onOpen = (): unknown => connections.release(socket);
    void doors.connections.serve({ request, socket, head, onOpen }, place);
  });
  // New connections get the new certificate; those that are open stay as they are.
  const unsubscribe = certificate.onChange((material) => server.setSecureContext(secureContext(material)));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;
  log.info({ port: address.port }, 'broker: listening');
  return {
    port: address.port,
    close() {
      closing = true;
      unsubscribe();
      doors.close();
      return close(server, [open, doors]);
    },
  };
}

const isConnect = (request: IncomingMessage): boolean =>
  request.method === 'GET' && placeOf(pathOf(request))?.what === 'connect';

/** Couriers are of our own image, so nothing older than TLS 1.3 has to be spoken. No CA is one of clients here: nobody is let in for a certificate alone. */
const secureContext = ({ key, cert }: TlsMaterial) => ({
  key,
  cert,
  ca: [] as string[],
  minVersion: 'TLSv1.3' as const,
});
