/** The ways from a program to the broker, in the order in which they are tried. */
import { Agent, type RequestOptions } from 'node:https';
import {
  checkServerIdentity,
  connect as connectTls,
  rootCertificates,
  type ConnectionOptions,
  type PeerCertificate,
  type TLSSocket,
} from 'node:tls';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { BROKER } from '../../../installation/names.ts';
import { ConfigMap } from '../../../kube/kinds.ts';
import type { Session } from '../../session/types.ts';
import type { Callers } from './caller.ts';
import { forwardToBroker } from './port-forward.ts';

/** `service`: within the cluster · `url`: configured · `api-server`: its proxy to the Service · `port-forward`: through it to a Pod. */
export type WayName = 'service' | 'url' | 'api-server' | 'port-forward';

/** Requests take it with these options to URLs that begin with `base`. */
export interface Route {
  base: string;
  options: RequestOptions;
  /** Open already: requests take it one after the other, and a WebSocket keeps it. Missing where each opens its own. */
  connection?: TLSSocket;
}

export interface Way {
  name: WayName;
  /** What a request for a session and the WebSocket after it need. Rejects where the way cannot be taken. */
  route(): Promise<Route>;
}

export type WaySession = Pick<Session, 'kube' | 'kubeParts' | 'client' | 'env'>;

/** What every way needs. */
interface Start {
  session: WaySession;
  callers: Callers;
  /** Of the operator. */
  namespace: string;
  /** The name in the broker's certificate. */
  host: string;
}

/**
 * All that there are for this program; the first that works is right. Rejects where the operator cannot be found: a namespace
 * that is guessed may be somebody else's, with a broker that wants the caller's token.
 */
export async function waysOf(session: WaySession, callers: Callers): Promise<Way[]> {
  const { env } = session;
  const { operatorNamespace: namespace, brokerUrl } = await session.client();
  const start = { session, callers, namespace, host: `${BROKER.service}.${namespace}.svc` };
  const url = env['SB_BROKER_URL'] || brokerUrl;
  const inCluster = Boolean(env['KUBERNETES_SERVICE_HOST']);
  return [
    ...(inCluster ? [service(start)] : []),
    ...(url ? [configured(url, start)] : []),
    apiServer(start),
    portForward(start),
  ];
}

const service = (start: Start): Way => ({
  name: 'service',
  route: async () =>
    opened(`https://${start.host}:${BROKER.port}`, { ...(await directTls(start)), servername: start.host }),
});

const configured = (url: string, start: Start): Way => ({
  name: 'url',
  async route() {
    if (!url.startsWith('https://')) throw new Error(`${url} is no https URL`);
    const { ca, ...certificate } = await directTls(start);
    // What stands before the broker may have a certificate of its own.
    const trust = { ca: [...rootCertificates, ca], checkServerIdentity: isBrokerOr(start.host) };
    return opened(url.replace(/\/+$/, ''), { ...certificate, ...trust });
  },
});

/** A load balancer may hand the connection on as it is: then the certificate is the broker's, whatever the URL calls it. */
const isBrokerOr =
  (broker: string) =>
  (host: string, certificate: PeerCertificate): Error | undefined => {
    const error = checkServerIdentity(host, certificate);
    return error && checkServerIdentity(broker, certificate) === undefined ? undefined : error;
  };

const apiServer = ({ session: { kubeParts }, callers, namespace }: Start): Way => ({
  name: 'api-server',
  async route() {
    const { token } = await callers.current();
    if (token === undefined)
      throw new Error('it passes no client certificate on, and this kubeconfig has no token');
    const server = kubeParts.kubeConfig.getCurrentCluster()?.server.replace(/\/+$/, '') ?? '';
    const path = `/api/v1/namespaces/${namespace}/services/https:${BROKER.service}:${BROKER.port}/proxy`;
    return { base: server + path, options: await callers.toApiServer() };
  },
});

const portForward = (start: Start): Way => ({
  name: 'port-forward',
  async route() {
    const { kube, kubeParts } = start.session;
    const [tls, socket] = await Promise.all([
      directTls(start),
      forwardToBroker({ kube, kubeConfig: kubeParts.kubeConfig }, start.namespace),
    ]);
    if (socket.destroyed) throw socket.errored ?? new Error('the port-forward was closed');
    const connection = connectTls({ ...tls, socket, servername: start.host });
    socket.once('error', (error) => connection.destroy(error));
    socket.once('close', () => connection.destroy());
    await secured(connection);
    return { base: `https://${start.host}`, options: { agent: new Over(connection) }, connection };
  },
});

/** Requests go over one connection that is open, as long as it is; after that over new ones to the same place, where `again` says how. */
class Over extends Agent {
  readonly #connection: TLSSocket;
  readonly #again: ConnectionOptions | undefined;

  constructor(connection: TLSSocket, again?: ConnectionOptions) {
    super({ keepAlive: true, maxSockets: 1 });
    this.#connection = connection;
    this.#again = again;
  }

  /** Whatever else requests ask for, it is the same connection. */
  override getName(): string {
    return 'broker';
  }

  override createConnection(
    _options: object,
    done?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | undefined {
    if (!this.#connection.destroyed) return this.#connection;
    if (this.#again) return connectTls(this.#again);
    done?.(new Error('the connection to the broker was closed'), this.#connection);
    return undefined;
  }
}

async function opened(base: string, tls: ConnectionOptions): Promise<Route> {
  const { hostname, port } = new URL(base);
  const host = hostname.replace(/^\[|\]$/g, '');
  const options = { host, port: Number(port || 443), ...(isIP(host) === 0 && { servername: host }), ...tls };
  const connection = connectTls(options);
  connection.setNoDelay();
  await secured(connection);
  return { base, options: { agent: new Over(connection, options) }, connection };
}

const HANDSHAKE_MS = 10_000;

/** Resolves once it is open. It may fail at any time, before anybody uses it and after: whoever does hears that it is closed. */
async function secured(connection: TLSSocket): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // Stays: a socket over another says twice that this has failed.
  connection.on('error', reject);
  connection.once('secureConnect', resolve);
  connection.once('close', () => reject(new Error('the connection was closed')));
  const late = setTimeout(() => connection.destroy(new Error('no answer')), HANDSHAKE_MS);
  return promise.finally(() => clearTimeout(late));
}

/** TLS to the broker itself: its CA, and the caller's client certificate where there is one. */
async function directTls({ session: { kube }, callers, namespace }: Start) {
  const [found, { certificate }] = await Promise.all([
    kube.get(ConfigMap, { namespace, name: BROKER.authority }),
    callers.current(),
  ]);
  const ca = found?.data?.['ca.crt'];
  if (!ca) throw new Error(`there is no ConfigMap ${BROKER.authority} in ${namespace}`);
  return { ca, ...certificate };
}
