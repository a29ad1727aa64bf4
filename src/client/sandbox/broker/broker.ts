/** The broker as one program reaches it: the way that works is found once, and kept for all of its Sandboxes. */
import { sandboxPath, type EnteredKey } from '../../../wire/sandbox/names.ts';
import type { SessionAnswer } from '../../../wire/sandbox/session.ts';
import type { Session } from '../../session/types.ts';
import { BrokerUnreachable, NotAllowed, SandboxEnded, SandboxNotFound } from '../errors.ts';
import type { SandboxError } from '../errors.ts';
import type { Connect, Socket } from '../connection/socket.ts';
import { isOver, notReady } from '../object/ready.ts';
import { BrokerSaid } from './answer.ts';
import { Callers } from './caller.ts';
import { askForSession } from './request.ts';
import { waysOf, type Route, type Way, type WayName } from './ways.ts';
import { openWebSocket } from './web-socket.ts';

/** For one way to answer; a dead one must not keep from the next. */
const ANSWER_MS = 8000;
/** A session token is used no more when it is good for less. */
const SPARE_MS = 30_000;

export interface BrokerOptions {
  /** Default: those of `waysOf`. */
  ways?: (session: Session, callers: Callers) => Promise<Way[]>;
}

/** One way: it leads to the broker unless `why` says why not. */
export interface Looked {
  way: WayName;
  why?: string;
  /** The broker's own words, where it refuses. */
  refused?: { status: number; message: string };
}

interface Ahead {
  way: WayName;
  route: Promise<Route>;
}

/** A session, and the route by which it was had: its connection is of use for the WebSocket. */
interface Begun {
  session: SessionAnswer;
  route: Route;
}

const lookedAt = (error: unknown): Omit<Looked, 'way'> =>
  error instanceof BrokerSaid && error.refusal
    ? { refused: { status: error.status, message: error.message } }
    : { why: (error as Error).message };

export class Broker {
  readonly #callers: Callers;
  readonly #ways: () => Promise<Way[]>;
  #kept: Way | undefined;
  /** Opened beforehand, each for whoever comes first. The broker closes within ten seconds those that nobody takes. */
  readonly #ahead = new Set<Ahead>();

  constructor(session: Session, { ways = waysOf }: BrokerOptions = {}) {
    this.#callers = new Callers(session);
    this.#ways = () => ways(session, this.#callers);
    session.closed.addEventListener('abort', () => this.#closeAhead(), { once: true });
  }

  /** The way that was taken last; undefined before the first. */
  way(): WayName | undefined {
    return this.#kept?.name;
  }

  /**
   * Opens the way that works for the next connection, which need not wait for that then. Never rejects: what fails now fails again when it is needed,
   * and is told then.
   */
  async prepare(): Promise<void> {
    const ways = await this.#inOrder().catch(() => []);
    for (const way of ways) {
      const ahead: Ahead = { way: way.name, route: way.route() };
      this.#ahead.add(ahead);
      const route = await ahead.route.catch(() => undefined);
      if (!route?.connection || route.connection.destroyed) this.#ahead.delete(ahead);
      else route.connection.once('close', () => this.#ahead.delete(ahead));
      if (route) return;
    }
  }

  /** What comes of asking for a session by each way, in the order in which they are tried. */
  async look(place: EnteredKey, signal: AbortSignal): Promise<Looked[]> {
    const ways = await this.#ways();
    return Promise.all(
      ways.map(async (way) => ({
        way: way.name,
        ...(await this.#session(place, way, signal).then(({ route }) => {
          route.connection?.destroy();
          return {};
        }, lookedAt)),
      })),
    );
  }

  /** Opens connections to one Sandbox or Trial, each with a session token that is good for some time yet. */
  connections(place: EnteredKey): Connect {
    let held: SessionAnswer | undefined;
    let seen = false;
    const goodFor = (answer: SessionAnswer): number => Date.parse(answer.expiresAt) - Date.now();
    return async (signal, after) => {
      if (after === 'look' || (held && goodFor(held) < SPARE_MS)) held = undefined;
      try {
        return await this.#first(place, signal, async (way) => {
          const begun = held
            ? { session: held, route: await within(inTime(signal), this.#route(way)) }
            : await this.#session(place, way, signal);
          held = begun.session;
          seen = true;
          return await socketOver(begun, { place, signal });
        });
      } catch (error) {
        if (error instanceof BrokerSaid || error instanceof TokenRefused) held = undefined;
        throw (error instanceof BrokerSaid && meaningOf(error, place, seen)) || error;
      }
    };
  }

  /** By the way that works, which is looked for where there is none yet, or no more. */
  async #first(
    { name }: EnteredKey,
    signal: AbortSignal,
    work: (way: Way) => Promise<Socket>,
  ): Promise<Socket> {
    const tried: { way: WayName; why: string }[] = [];
    for (const way of await this.#inOrder())
      try {
        const socket = await work(way);
        this.#kept = way;
        return socket;
      } catch (error) {
        signal.throwIfAborted();
        // The broker itself has answered: other ways lead to the same answer.
        if (error instanceof TokenRefused || (error instanceof BrokerSaid && error.refusal)) {
          this.#kept = way;
          throw error;
        }
        tried.push({ way: way.name, why: (error as Error).message });
      }
    throw new BrokerUnreachable(name, tried);
  }

  /** The one that has worked comes first. */
  async #inOrder(): Promise<Way[]> {
    const all = await this.#ways();
    const kept = all.find((way) => way.name === this.#kept?.name);
    return kept ? [kept, ...all.filter((other) => other !== kept)] : all;
  }

  /** The one that was opened beforehand, where there is one. */
  #route(way: Way): Promise<Route> {
    for (const ahead of this.#ahead)
      if (ahead.way === way.name) {
        this.#ahead.delete(ahead);
        return ahead.route;
      }
    return way.route();
  }

  #closeAhead(): void {
    for (const { route } of this.#ahead)
      void route.then(
        ({ connection }) => connection?.destroy(),
        () => {},
      );
  }

  async #session(place: EnteredKey, way: Way, signal: AbortSignal): Promise<Begun> {
    const ask = async (opening: Promise<Route>): Promise<Begun> => {
      const limited = inTime(signal);
      const [route, caller] = await within(limited, Promise.all([opening, this.#callers.current()]));
      const asked = askForSession(place, { route, caller, signal: limited });
      return { session: await closing(route, asked), route };
    };
    try {
      return await ask(this.#route(way));
    } catch (error) {
      if (!(error instanceof BrokerSaid) || !error.refusal || error.status !== 401) throw error;
      await this.#callers.refresh();
      return await ask(way.route());
    }
  }
}

const inTime = (signal: AbortSignal): AbortSignal =>
  AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);

/** Where the work fails, nobody needs the route any more. */
const closing = <T>({ connection }: Route, work: Promise<T>): Promise<T> =>
  work.catch((error: unknown) => {
    connection?.destroy();
    throw error;
  });

/** A session token that is no good any more is no refusal of the caller: another is asked for. */
class TokenRefused extends Error {
  override readonly name = 'TokenRefused';
}

async function socketOver(
  { session: { token, expiresAt }, route }: Begun,
  { place, signal }: { place: EnteredKey; signal: AbortSignal },
): Promise<Socket> {
  const url = new URL(route.base + sandboxPath(place, 'connect'));
  const request = route.options;
  const opening = openWebSocket({ url, request, token, expiresAt: Date.parse(expiresAt) }, signal);
  return closing(route, opening).catch((error: unknown) => {
    const isStale = error instanceof BrokerSaid && error.refusal && [401, 403].includes(error.status);
    throw isStale ? new TokenRefused(error.message, { cause: error }) : error;
  });
}

/** What is under way when the signal fires goes on by itself. */
function within<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(signal.reason as Error);
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  return Promise.race([work, promise]).finally(() => signal.removeEventListener('abort', stop));
}

/** What an answer of the broker means; undefined where it passes. `seen`: the caller was let in before. */
function meaningOf(said: BrokerSaid, place: EnteredKey, seen: boolean) {
  const { status, refusal, message } = said;
  const { resource, namespace, name } = place;
  if (!refusal) return undefined;
  if (status === 401 || status === 403) return new NotAllowed(name, { namespace, why: message });
  if (resource === 'trials') return meaningOfTrial(said, name);
  if (status === 404)
    return seen
      ? new SandboxEnded(name, { reason: 'Deleted', message: 'it is not there any more' })
      : new SandboxNotFound(name);
  const { ready } = refusal;
  return ready && isOver(ready.reason) ? stopped(name, ready, seen) : undefined;
}

/** A Trial waits for no change: whatever stops it has ended it. */
function meaningOfTrial({ status, refusal, message }: BrokerSaid, name: string) {
  const reason = refusal?.reason ?? '';
  return status === 404 || reason === 'Stopped' ? new SandboxEnded(name, { reason, message }) : undefined;
}

function stopped(name: string, ready: { reason: string; message: string }, seen: boolean): SandboxError {
  return seen && ready.reason !== 'Suspended' ? new SandboxEnded(name, ready) : notReady(name, ready);
}

const BROKERS = new WeakMap<Session, Broker>();

/** The one of a session. */
export function brokerOf(session: Session): Broker {
  const known = BROKERS.get(session);
  if (known) return known;
  const made = new Broker(session);
  BROKERS.set(session, made);
  return made;
}
