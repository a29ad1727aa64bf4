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
import { waysOf, type Way, type WayName } from './ways.ts';
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

const lookedAt = (error: unknown): Omit<Looked, 'way'> =>
  error instanceof BrokerSaid && error.refusal
    ? { refused: { status: error.status, message: error.message } }
    : { why: (error as Error).message };

export class Broker {
  readonly #callers: Callers;
  readonly #ways: () => Promise<Way[]>;
  #kept: Way | undefined;

  constructor(session: Session, { ways = waysOf }: BrokerOptions = {}) {
    this.#callers = new Callers(session);
    this.#ways = () => ways(session, this.#callers);
  }

  /** The way that was taken last; undefined before the first. */
  way(): WayName | undefined {
    return this.#kept?.name;
  }

  /** What comes of asking for a session by each way, in the order in which they are tried. */
  async look(place: EnteredKey, signal: AbortSignal): Promise<Looked[]> {
    const ways = await this.#ways();
    return Promise.all(
      ways.map(async (way) => ({
        way: way.name,
        ...(await this.#session(place, way, signal).then(() => ({}), lookedAt)),
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
          held ??= await this.#session(place, way, signal);
          seen = true;
          return await socketOver(way, { place, session: held, signal });
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
    const all = await this.#ways();
    const kept = all.find((way) => way.name === this.#kept?.name);
    const tried: { way: WayName; why: string }[] = [];
    for (const way of kept ? [kept, ...all.filter((other) => other !== kept)] : all)
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

  async #session(place: EnteredKey, way: Way, signal: AbortSignal): Promise<SessionAnswer> {
    const ask = async (): Promise<SessionAnswer> => {
      const limited = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
      const [route, caller] = await within(limited, Promise.all([way.route(), this.#callers.current()]));
      return askForSession(place, { route, caller, signal: limited });
    };
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof BrokerSaid) || !error.refusal || error.status !== 401) throw error;
      await this.#callers.refresh();
      return await ask();
    }
  }
}

/** A session token that is no good any more is no refusal of the caller: another is asked for. */
class TokenRefused extends Error {
  override readonly name = 'TokenRefused';
}

async function socketOver(
  way: Way,
  {
    place,
    session: { token, expiresAt },
    signal,
  }: { place: EnteredKey; session: SessionAnswer; signal: AbortSignal },
): Promise<Socket> {
  const { base, options } = await within(
    AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    way.route(),
  );
  const url = new URL(base + sandboxPath(place, 'connect'));
  const opening = openWebSocket({ url, request: options, token, expiresAt: Date.parse(expiresAt) }, signal);
  return opening.catch((error: unknown) => {
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
