import { sleep, type Clock } from '../../async/clock.ts';
import { isAlreadyExists, isConflict } from '../errors.ts';
import { Lease } from '../kinds.ts';
import type { KubeClient, Log } from '../types.ts';
import { claimed, Handover, released, type Versions } from './lease-record.ts';

export interface ElectorOptions {
  /** A client on its own connections, whose requests end after half the renew deadline. */
  client: Pick<KubeClient, 'get' | 'create' | 'replace'>;
  namespace: string;
  name: string;
  /** Unique to this process: the pod's name will do. */
  identity: string;
  clock: Clock;
  random: () => number;
  log: Log;
  /** Called when this process becomes leader; with what the leader before handed over, where it gave the lease away. */
  onStarted: (handed?: Versions) => void;
  /** Called when it no longer is. The process is a candidate again once this has resolved. */
  onLost: () => Promise<void>;
  /**
   * Calls `look` whenever the lease may have changed, until `signal` fires; with what it has become, where that is known. That may be old: what is claimed by
   * it is refused where it is, and whoever had the lease then is given a whole term from now on.
   */
  hear?: (look: (lease?: Lease) => void, signal: AbortSignal) => void;
  /** Asked at the end: false where something may still be under way that this process began as leader. Others then have to wait until the lease expires. */
  mayRelease?: () => boolean;
  /** What is handed over with the lease; asked after `mayRelease`. */
  handover?: Handover;
  /** Others wait this long after the last renewal they saw. */
  leaseMs?: number;
  /** Leadership ends this long after the last successful renewal; well before `leaseMs`. */
  renewDeadlineMs?: number;
  retryMs?: number;
}

const ACQUIRE_JITTER = 1.2;
/** How often the lease is given away once more: a renewal that was on its way then has changed it in between. */
const RELEASES = 2;

type Try = 'held' | 'taken' | 'failed';

/** A lease as it was seen last. */
interface Seen {
  record: string;
  /** When it was seen first. */
  at: number;
  /** How long somebody else may act by it from then on. */
  othersMs: number;
}

/**
 * Leader election as client-go does it (15 s, 10 s, 2 s). A remote renewal time is never compared with our clock: what
 * counts is how long ago we saw the record change.
 */
export class Elector {
  readonly #options: Required<ElectorOptions>;
  #seen: Seen | undefined;
  /** Until a dead holder's lease is free, as of the last look: nobody has to wait longer for it. */
  #expiresInMs = Infinity;
  #leading = false;
  /** As it was written last. */
  #own: Lease | undefined;
  #handed: Versions | undefined;
  /** Claims nothing any more, by a look that is under way either. */
  #retired = false;
  #renewedAt = Number.NEGATIVE_INFINITY;

  constructor(options: ElectorOptions) {
    const times = { leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2000 };
    const ways = { hear: () => undefined, mayRelease: () => true, handover: new Handover() };
    this.#options = { ...times, ...ways, ...options };
  }

  /**
   * Whether this process may act as leader right now. By time, not by events: it turns false on time even
   * when the event loop was stalled and nobody could be told.
   */
  isLeader(): boolean {
    return this.#leading && this.#options.clock.monotonic() - this.#renewedAt < this.#options.renewDeadlineMs;
  }

  /** Stands for election until `signal` fires, then gives the lease away if it is ours and may be. */
  async run(signal: AbortSignal): Promise<void> {
    while (await this.#acquire(signal)) {
      this.#options.log.info(this.#name(), 'became leader');
      this.#leading = true;
      this.#options.onStarted(this.#handed);
      await this.#keep(signal);
      if (signal.aborted) break;
      this.#leading = false;
      this.#options.log.error(this.#name(), 'lost leadership');
      await this.#options.onLost();
    }
    const held = this.#leading;
    this.#leading = false;
    this.#retired = true;
    if (held) await this.#leave();
  }

  /** False where `signal` fired before the lease was ours; a lease that came at that moment is ours, and has to be given away. */
  async #acquire(signal: AbortSignal): Promise<boolean> {
    const { clock, retryMs, random, hear } = this.#options;
    const over = new AbortController();
    let news = new AbortController();
    let heard: Lease | undefined;
    const wake = (): void => news.abort();
    const look = (lease?: Lease): void => {
      heard = lease;
      wake();
    };
    signal.addEventListener('abort', wake);
    hear(look, over.signal);
    try {
      while (!signal.aborted) {
        // Before the look: what changes during it is worth another one.
        news = new AbortController();
        const known = heard;
        heard = undefined;
        if ((await this.#try(known)) === 'held') return true;
        const pauseMs = retryMs * (1 + ACQUIRE_JITTER * random());
        await sleep(clock, Math.min(pauseMs, this.#expiresInMs), news.signal);
      }
      return false;
    } finally {
      over.abort();
      signal.removeEventListener('abort', wake);
    }
  }

  /** Renews until that has failed for too long, somebody else has the lease, or `signal` fires. */
  async #keep(signal: AbortSignal): Promise<void> {
    const { clock, retryMs, renewDeadlineMs } = this.#options;
    const late = new AbortController();
    const over = AbortSignal.any([signal, late.signal]);
    const left = (): number => renewDeadlineMs - (clock.monotonic() - this.#renewedAt);
    const check = (): void => {
      if (left() <= 0) late.abort();
      else cancel = clock.after(left(), check);
    };
    let cancel = clock.after(left(), check);
    const ended = new Promise<Try>((resolve) =>
      over.addEventListener('abort', () => resolve('failed'), { once: true }),
    );
    while (!over.aborted) {
      await sleep(clock, retryMs, over);
      // Starved past the deadline: another may have led meanwhile, and a renewal now would pass over that.
      if (left() <= 0) break;
      // A renewal that hangs must not delay the loss.
      if (!over.aborted && (await Promise.race([this.#try(), ended])) === 'taken') break;
    }
    cancel();
  }

  async #try(known?: Lease): Promise<Try> {
    const { client, namespace, name, identity, clock, leaseMs, handover, log } = this.#options;
    const began = clock.monotonic();
    this.#expiresInMs = Infinity;
    const claim = { identity, now: clock.now(), durationMs: leaseMs };
    try {
      const lease = known ?? (await client.get(Lease, { namespace, name }));
      if (this.#isTaken(lease)) return 'taken';
      if (this.#retired) return 'failed';
      const spec = claimed(lease?.spec, claim);
      this.#own = lease
        ? await client.replace(Lease, { ...handover.removed(lease), spec })
        : await client.create(Lease, newLease(namespace, name, spec));
      this.#renewedAt = began;
      this.#handed = lease && handover.read(lease);
      return 'held';
    } catch (error) {
      if (isConflict(error) || isAlreadyExists(error)) return 'failed';
      log.warn({ ...this.#name(), err: error }, 'lease not renewed');
      return 'failed';
    }
  }

  /** Somebody else has the lease, or had it while this process was leader: given away or deleted since then, it begins another term. */
  #isTaken(lease: Lease | undefined): boolean {
    // The holder of one that was deleted acts until it looks for it.
    if (lease) this.#see(lease);
    const { at, othersMs } = this.#seen ?? { at: 0, othersMs: 0 };
    const leftMs = at + othersMs - this.#options.clock.monotonic();
    if (leftMs > 0) this.#expiresInMs = leftMs;
    return leftMs > 0 || (this.#leading && lease?.spec?.holderIdentity !== this.#options.identity);
  }

  #see({ spec }: Lease): void {
    const { clock, identity, leaseMs } = this.#options;
    const record = JSON.stringify(spec);
    if (this.#seen?.record === record) return;
    const isOthers = spec?.holderIdentity && spec.holderIdentity !== identity;
    const durationMs = spec?.leaseDurationSeconds === undefined ? leaseMs : spec.leaseDurationSeconds * 1000;
    this.#seen = { record, at: clock.monotonic(), othersMs: isOthers ? durationMs : 0 };
  }

  async #leave(): Promise<void> {
    if (this.#options.mayRelease()) return this.#release(this.#own);
    const message = 'lease not released, work is still under way; others take it over when it expires';
    this.#options.log.warn(this.#name(), message);
  }

  /** What was written last needs no look: where that has changed it is refused. */
  async #release(known: Lease | undefined, tries = RELEASES): Promise<void> {
    const { client, namespace, name, identity, clock, handover, log } = this.#options;
    try {
      const lease = known ?? (await client.get(Lease, { namespace, name }));
      if (lease?.spec?.holderIdentity !== identity) return;
      const given = { ...lease, spec: released(lease.spec, clock.now()) };
      await client.replace(Lease, handover.written(given));
      log.info(this.#name(), 'released the lease');
    } catch (error) {
      if (isConflict(error) && tries > 0) return this.#release(undefined, tries - 1);
      log.warn({ ...this.#name(), err: error }, 'lease not released; others take it over when it expires');
    }
  }

  #name(): object {
    const { namespace, name, identity } = this.#options;
    return { lease: `${namespace}/${name}`, identity };
  }
}

function newLease(namespace: string, name: string, spec: NonNullable<Lease['spec']>): Lease {
  return { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { namespace, name }, spec };
}
