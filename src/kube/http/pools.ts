import { Agent, ProxyAgent, type Dispatcher } from 'undici';
import type { TlsOptions } from './credentials.ts';

/**
 * Which connections a request uses. Lease renewals must not wait behind a burst of writes, and watch events
 * must not share a connection with either (agent-sandbox #1240: events a second late).
 */
export type Lane = 'lease' | 'watch' | 'rest';

export interface Pools {
  lane(lane: Lane, tls: TlsOptions): Dispatcher;
  /** A request that it carried had no answer: later ones have connections of their own, for its others may be as dead. */
  renew(lane: Lane, dispatcher: Dispatcher): void;
  close(): Promise<void>;
}

/** `guard`: called when the request leaves, and not sooner; throws where it must not. */
export type GuardedRequest = Dispatcher.RequestOptions & { guard?: (() => void) | undefined };

const guarded: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) => {
  const { guard } = options as Partial<GuardedRequest>;
  const start = handler.onRequestStart?.bind(handler);
  if (guard)
    handler.onRequestStart = (controller, context) => {
      guard();
      start?.(controller, context);
    };
  return dispatch(options, handler);
};

const CONNECTIONS: Record<Lane, number | null> = { lease: 2, watch: null, rest: 32 };

/** kube-apiserver closes idle connections after 90 s; leaving first avoids writing into a closed one. */
const IDLE_CONNECTION_MS = 60_000;

function dispatcherFor(lane: Lane, tls: TlsOptions, proxy?: string): Dispatcher {
  const shared = {
    connections: CONNECTIONS[lane],
    allowH2: false,
    pipelining: 1,
    keepAliveTimeout: IDLE_CONNECTION_MS,
    keepAliveMaxTimeout: IDLE_CONNECTION_MS,
    // Silence is judged by our own deadlines and the reflector's watchdog.
    bodyTimeout: 0,
    headersTimeout: 0,
  };
  if (proxy !== undefined) return new ProxyAgent({ ...shared, uri: proxy, requestTls: tls }).compose(guarded);
  const connect = { ...tls, timeout: 10_000, keepAlive: true, keepAliveInitialDelay: 30_000 };
  return new Agent({ ...shared, connect }).compose(guarded);
}

const fingerprint = (tls: TlsOptions): string =>
  JSON.stringify(tls, (_, value: unknown) => (Buffer.isBuffer(value) ? value.toString('base64') : value));

/**
 * Long-lived HTTP/1.1 connections, kept apart by lane; new ones when the client certificate or CA changes.
 * HTTP/1.1, since every stream then has its own connection: no 100-stream cap, no head-of-line blocking.
 */
export function createPools(proxy?: string): Pools {
  let tlsInUse: TlsOptions | undefined;
  let print = '';
  let dispatchers = new Map<Lane, Dispatcher>();
  const retire = (old: Map<Lane, Dispatcher>): Promise<void[]> =>
    Promise.all([...old.values()].map((dispatcher) => dispatcher.destroy()));
  // Requests under way finish on the old connections.
  const leave = (dispatcher: Dispatcher): void => void dispatcher.close().catch(() => undefined);
  const adopt = (tls: TlsOptions): void => {
    if (tls === tlsInUse) return;
    tlsInUse = tls;
    const next = fingerprint(tls);
    if (next === print) return;
    print = next;
    const old = dispatchers;
    dispatchers = new Map();
    for (const dispatcher of old.values()) leave(dispatcher);
  };
  return {
    renew(lane, dispatcher) {
      if (dispatchers.get(lane) !== dispatcher) return;
      dispatchers.delete(lane);
      leave(dispatcher);
    },
    lane(lane, tls) {
      adopt(tls);
      const known = dispatchers.get(lane);
      if (known) return known;
      const made = dispatcherFor(lane, tls, proxy);
      dispatchers.set(lane, made);
      return made;
    },
    async close() {
      await retire(dispatchers);
    },
  };
}
