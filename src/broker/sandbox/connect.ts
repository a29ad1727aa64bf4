/** `GET …/connect`: a program's WebSocket, once its session and the Sandbox's courier are there. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Log, ObjectKey } from '../../kube/types.ts';
import type { Preface } from '../../wire/sandbox/assignment.ts';
import { SUBPROTOCOL, TOKEN_SUBPROTOCOL } from '../../wire/sandbox/names.ts';
import { endWith, refusalText } from '../answer.ts';
import type { BrokerMetrics } from '../metrics.ts';
import { isRefused, refusalOf, refused } from '../refusal.ts';
import type { Refused } from '../refusal.ts';
import { dialCourier, type DialDeps } from './dial.ts';
import { Pipe, type PipeTimes } from './pipe.ts';
import { Places, type Bounds } from './places.ts';
import { readSession, type Granted, type SessionTokenDeps } from './session-token.ts';
import { isEnded, targetOf, type Target, type TargetDeps } from './target.ts';

export interface ConnectDeps extends DialDeps, SessionTokenDeps, TargetDeps {
  times: PipeTimes;
  bounds: Bounds;
  log: Log;
  metrics: BrokerMetrics;
}

export interface Connections {
  /** Serves an upgrade; `head` are bytes that came with it. Resolves at its end, never rejects. */
  serve(upgrade: Upgrade, key: ObjectKey): Promise<void>;
  /** Ends all that are open, gracefully, and refuses others. */
  close(): void;
  /** Ends them at once. */
  destroy(): void;
}

export interface Upgrade {
  request: IncomingMessage;
  socket: Socket;
  head: Buffer;
}

const ROUTE = 'GET /v1/namespaces/…/sandboxes/…/connect';
/** Of a message, in bytes; programs send at most 64 KiB and headers. */
const MESSAGE_MAX = 128 * 1024;

/** The session token among the subprotocols that a program offers. */
function tokenIn({ url = '', headers }: IncomingMessage): string | Refused {
  if (url.includes('?'))
    return refused(
      400,
      'BadRequest',
      `a URL gets into logs: send the session token as subprotocol ${TOKEN_SUBPROTOCOL}<token>`,
    );
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((protocol) => protocol.trim());
  if (!offered.includes(SUBPROTOCOL))
    return refused(
      400,
      'BadRequest',
      `offer the subprotocol ${SUBPROTOCOL}, the only one that is spoken here`,
    );
  const token = offered.find((protocol) => protocol.startsWith(TOKEN_SUBPROTOCOL));
  return (
    token?.slice(TOKEN_SUBPROTOCOL.length) ??
    refused(401, 'NoToken', `send the session token as subprotocol ${TOKEN_SUBPROTOCOL}<token>`)
  );
}

async function sessionOf(
  request: IncomingMessage,
  key: ObjectKey,
  deps: SessionTokenDeps,
): Promise<Granted | Refused> {
  const token = tokenIn(request);
  if (typeof token !== 'string') return token;
  const session = await readSession(token, deps);
  if (isRefused(session)) return session;
  return session.namespace === key.namespace && session.name === key.name
    ? session
    : refused(403, 'OtherSandbox', 'the session token is for another Sandbox; ask for one for this');
}

/** A courier that is reached, for a session. */
interface Reached {
  session: Granted;
  target: Target;
  courier: TLSSocket;
  leave: () => void;
}

/** Rejects where something fails that has no word. */
function reacher(deps: ConnectDeps, closing: AbortSignal) {
  const places = new Places(deps.bounds);
  const reach = async (session: Granted): Promise<Omit<Reached, 'leave'> | Refused> => {
    const target = targetOf(session, deps);
    if (isRefused(target)) return target;
    const courier = await dialCourier(target, deps, closing);
    return isRefused(courier) ? courier : { session, target, courier };
  };
  return async (request: IncomingMessage, key: ObjectKey): Promise<Reached | Refused> => {
    const session = await sessionOf(request, key, deps);
    if (isRefused(session)) return session;
    const leave = places.take(session);
    if (typeof leave !== 'function') return leave;
    try {
      const reached = await reach(session);
      if (!isRefused(reached)) return { ...reached, leave };
      leave();
      return reached;
    } catch (error) {
      leave();
      throw error;
    }
  };
}

const BUSY = refused(503, 'Busy', 'this replica of the broker ends; connect again');

export function connections(deps: ConnectDeps): Connections {
  const { log, metrics, clock, times } = deps;
  const closing = new AbortController();
  const reached = reacher(deps, closing.signal);
  const open = new Set<Pipe>();
  const sockets = new WebSocketServer({
    ...{ noServer: true, clientTracking: false, perMessageDeflate: false },
    maxPayload: MESSAGE_MAX,
    handleProtocols: () => SUBPROTOCOL,
  });

  const through = async (client: WebSocket, socket: Socket, ends: Reached): Promise<void> => {
    const { session, target, courier } = ends;
    const preface: Preface = { caller: session.caller };
    courier.write(`${JSON.stringify(preface)}\n`);
    const pipe = new Pipe(
      { client, socket, courier },
      { clock, times, expiresMs: session.expiresMs, isEnded: () => isEnded(target, session, deps) },
    );
    const ended = metrics.sandboxOpened(session.way);
    open.add(pipe);
    if (closing.signal.aborted) pipe.close('ServiceRestart');
    const why = await pipe.over();
    open.delete(pipe);
    ended(why, pipe.bytes);
    log.debug(
      { why, sandbox: `${session.namespace}/${session.name}` },
      'broker: connection to a Sandbox ended',
    );
  };

  /** Undefined where the program went away, or asked for no WebSocket. */
  const upgraded = ({ request, socket, head }: Upgrade): Promise<WebSocket | undefined> =>
    new Promise((resolve) => {
      if (socket.destroyed) return resolve(undefined);
      socket.once('close', () => resolve(undefined));
      sockets.handleUpgrade(request, socket, head, resolve);
    });

  return {
    async serve(upgrade, key) {
      const { request, socket } = upgrade;
      const began = performance.now();
      socket.on('error', () => undefined);
      const result = await (closing.signal.aborted ? Promise.resolve(BUSY) : reached(request, key)).catch(
        (error: unknown) => {
          log.error({ err: error }, 'broker: connection to a Sandbox failed');
          return refusalOf(error);
        },
      );
      const status = isRefused(result) ? { status: result.status, refusal: result.reason } : { status: 101 };
      metrics.answered({ route: ROUTE, seconds: (performance.now() - began) / 1000, ...status });
      if (isRefused(result)) return endWith(socket, refusalText(toPrograms(result)));
      const client = await upgraded(upgrade);
      if (client) await through(client, socket, result);
      else result.courier.destroy();
      return result.leave();
    },
    close() {
      closing.abort();
      for (const pipe of open) pipe.close('ServiceRestart');
    },
    destroy() {
      for (const pipe of open) pipe.destroy();
    },
  };
}

/** A refusal as programs read it: with its word. */
export const toPrograms = (refusal: Refused): Refused => ({
  ...refusal,
  also: { reason: refusal.reason, ...refusal.also },
});
