/** The sessions of programs in this Pod. */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { sleep, type Cancel, type Clock } from '../../async/clock.ts';
import { STREAMS_MAX } from '../../wire/hand/protocol.ts';
import { LINK_VERSION } from '../../wire/sandbox/link.ts';
import type { LinkHello, RefusalReason } from '../../wire/sandbox/link.ts';
import { SESSION_KEPT_MS } from '../../wire/sandbox/names.ts';
import { Session } from './session.ts';
import type { SessionDeps } from './session.ts';

export const SESSIONS_MAX = 64;
/** For the last words to programs. */
const FAREWELL_MS = 2000;

interface Kept {
  session: Session;
  /** Ends what connects it now. */
  displace?: (() => void) | undefined;
  /** Its end, while nothing connects it. */
  expiry?: Cancel | undefined;
}

export interface SessionsDeps extends Omit<SessionDeps, 'takeStream' | 'giveStream'> {
  clock: Clock;
  /** A session begins. */
  onEnter?: (caller: string) => void;
}

export class Sessions {
  readonly #deps: SessionsDeps;
  readonly #kept = new Map<string, Kept>();
  #streams = 0;
  #isStopping = false;

  constructor(deps: SessionsDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** The session that a connection goes on with, a new one where it names none; `displace` ends that connection when another one comes. */
  enter(hello: LinkHello, caller: string, displace: () => void): Session | RefusalReason {
    if (hello.major !== LINK_VERSION.major) return 'UnsupportedVersion';
    if (this.#isStopping) return 'Stopping';
    const kept = hello.session ? this.#find(hello.session, caller) : this.#add(caller);
    if (typeof kept === 'string') return kept;
    kept.displace?.();
    kept.expiry?.();
    kept.expiry = undefined;
    kept.displace = displace;
    return kept.session;
  }

  /** A connection is gone: its session waits for the next one, unless that is there already. */
  leave(session: Session, displace: () => void): void {
    const kept = this.#kept.get(session.key.id);
    if (kept?.session !== session || kept.displace !== displace) return;
    session.link.disconnect();
    kept.displace = undefined;
    kept.expiry = this.#deps.clock.after(SESSION_KEPT_MS, () => this.end(session));
  }

  /** For one that cannot go on: its program has broken the protocol. */
  end(session: Session): void {
    const kept = this.#kept.get(session.key.id);
    if (kept?.session !== session) return;
    kept.expiry?.();
    this.#kept.delete(session.key.id);
    session.end();
    kept.displace?.();
  }

  /** Says good-bye to all programs, and ends their sessions. */
  async dismiss(): Promise<void> {
    const { clock } = this.#deps;
    this.stop();
    const until = clock.monotonic() + FAREWELL_MS;
    while (!this.areThrough() && clock.monotonic() < until) await sleep(clock, 20);
    this.close();
  }

  /** Tells everybody that the Sandbox ends. */
  stop(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    for (const { session } of this.#kept.values()) session.sayStopping();
  }

  /** True once every program that is connected has all that was sent to it. */
  areThrough(): boolean {
    return [...this.#kept.values()].every(
      ({ session: { link } }) => !link.isConnected() || link.unacknowledged === 0,
    );
  }

  close(): void {
    for (const { session } of this.#kept.values()) this.end(session);
  }

  /** Of another caller it is as unknown as of one without the secret. */
  #find({ id, secret }: { id: string; secret: string }, caller: string): Kept | RefusalReason {
    const kept = this.#kept.get(id);
    if (!kept || !isSame(secret, kept.session.key.secret) || !isSame(caller, kept.session.caller))
      return 'SessionUnknown';
    return kept;
  }

  #add(caller: string): Kept | RefusalReason {
    if (this.#kept.size >= SESSIONS_MAX) this.#dropUnused();
    if (this.#kept.size >= SESSIONS_MAX) return 'TooManySessions';
    const key = { id: randomBytes(16).toString('hex'), secret: randomBytes(32).toString('hex') };
    const session = new Session(
      { key, caller },
      { ...this.#deps, takeStream: () => this.#takeStream(), giveStream: () => (this.#streams -= 1) },
    );
    const kept = { session };
    this.#kept.set(key.id, kept);
    this.#deps.onEnter?.(caller);
    return kept;
  }

  /** One that has nothing open and no connection, perhaps because its welcome was lost. */
  #dropUnused(): void {
    for (const { session, displace } of this.#kept.values())
      if (!displace && session.streams === 0) return this.end(session);
  }

  #takeStream(): boolean {
    if (this.#streams >= STREAMS_MAX) return false;
    this.#streams += 1;
    return true;
  }
}

/** In a time that says nothing of where they differ. */
const isSame = (given: string, expected: string): boolean => {
  const [one, other] = [Buffer.from(given), Buffer.from(expected)];
  return one.length === other.length && timingSafeEqual(one, other);
};
