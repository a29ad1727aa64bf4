/** `GET …/connect`: a program's WebSocket, once its session and the Sandbox's courier are there. */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Log } from '../../kube/types.ts';
import type { Preface } from '../../wire/sandbox/assignment.ts';
import { SUBPROTOCOL, type EnteredKey } from '../../wire/sandbox/names.ts';
import { endWith, refusalText } from '../answer.ts';
import type { BrokerMetrics } from '../metrics.ts';
import { isRefused, refusalOf, refused } from '../refusal.ts';
import type { Refused } from '../refusal.ts';
import { Pipe, type PipeTimes } from './pipe.ts';
import { reacher, type Reached, type ReachDeps } from './reach.ts';
import { isEnded } from './target.ts';

export interface ConnectDeps extends ReachDeps {
  times: PipeTimes;
  log: Log;
  metrics: BrokerMetrics;
}

export interface Upgrade {
  request: IncomingMessage;
  socket: Socket;
  /** Bytes that came with it. */
  head: Buffer;
  /** Called once it is a connection to a Sandbox, and counted here from then on. */
  onOpen: () => void;
}

/** Its name among the metrics. */
const routeOf = ({ resource = 'sandboxes' }: EnteredKey): string =>
  `GET /v1/namespaces/…/${resource}/…/connect`;
/** Of a message, in bytes; programs send at most 64 KiB and headers. */
const MESSAGE_MAX = 128 * 1024;

const RESTARTING = refused(503, 'Busy', 'this replica of the broker ends; connect again');

/** A refusal as programs read it: with its word. */
export const toPrograms = (refusal: Refused): Refused => ({
  ...refusal,
  also: { reason: refusal.reason, ...refusal.also },
});

/** The connections of programs to Sandboxes. */
export class Connections {
  readonly #deps: ConnectDeps;
  readonly #closing = new AbortController();
  readonly #reached: ReturnType<typeof reacher>;
  readonly #open = new Set<Pipe>();
  readonly #sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MESSAGE_MAX,
    handleProtocols: () => SUBPROTOCOL,
  });

  constructor(deps: ConnectDeps) {
    this.#deps = deps;
    this.#reached = reacher(deps, this.#closing.signal);
  }

  /** Serves an upgrade. Resolves at its end, never rejects. */
  async serve(upgrade: Upgrade, key: EnteredKey): Promise<void> {
    const { request, socket } = upgrade;
    socket.on('error', () => undefined);
    const result = await this.#answer(request, key);
    if (isRefused(result)) return endWith(socket, refusalText(toPrograms(result)));
    const client = await this.#upgraded(upgrade);
    if (client) await this.#through(client, upgrade, result);
    else result.courier.destroy();
    return result.leave();
  }

  /** Ends all that are open, gracefully, and refuses others. */
  close(): void {
    this.#closing.abort();
    for (const pipe of this.#open) pipe.close('ServiceRestart');
  }

  /** Ends them at once. */
  destroy(): void {
    for (const pipe of this.#open) pipe.destroy();
  }

  async #answer(request: IncomingMessage, key: EnteredKey): Promise<Reached | Refused> {
    const { log, metrics } = this.#deps;
    const began = performance.now();
    const result = await this.#admit(request, key).catch((error: unknown) => {
      log.error({ err: error }, 'broker: connection to a Sandbox failed');
      return refusalOf(error);
    });
    const refusal = isRefused(result) ? { status: result.status, refusal: result.reason } : { status: 101 };
    if (isRefused(result)) log.debug({ reason: result.reason }, `broker: no connection: ${result.message}`);
    metrics.answered({ route: routeOf(key), seconds: (performance.now() - began) / 1000, ...refusal });
    return result;
  }

  async #admit(request: IncomingMessage, key: EnteredKey): Promise<Reached | Refused> {
    return this.#closing.signal.aborted ? RESTARTING : this.#reached(request, key);
  }

  /** Undefined where the program went away, or asked for no WebSocket. */
  #upgraded({ request, socket, head }: Upgrade): Promise<WebSocket | undefined> {
    const { promise, resolve } = Promise.withResolvers<WebSocket | undefined>();
    if (socket.destroyed) resolve(undefined);
    socket.once('close', () => resolve(undefined));
    this.#sockets.handleUpgrade(request, socket, head, resolve);
    return promise;
  }

  async #through(client: WebSocket, { socket, onOpen }: Upgrade, reached: Reached): Promise<void> {
    const { clock, times, log, metrics } = this.#deps;
    const { session, target, courier } = reached;
    const preface: Preface = { caller: session.caller };
    courier.write(`${JSON.stringify(preface)}\n`);
    const pipe = new Pipe(
      { client, socket, courier },
      { clock, times, expiresMs: session.expiresMs, isEnded: () => isEnded(target, session, this.#deps) },
    );
    onOpen();
    const ended = metrics.sandboxOpened(session.way);
    this.#open.add(pipe);
    if (this.#closing.signal.aborted) pipe.close('ServiceRestart');
    const why = await pipe.over();
    this.#open.delete(pipe);
    ended(why, pipe.bytes);
    const sandbox = `${session.namespace}/${session.name}`;
    log.debug({ why, sandbox }, 'broker: connection to a Sandbox ended');
  }
}
