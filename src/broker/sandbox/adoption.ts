/** Pods of a pool wait here for the Sandbox that takes them; what they wait for, the watch caches tell. */
import { sleep, type Clock } from '../../async/clock.ts';
import { keyOf, keyString } from '../../kube/cache/cache.ts';
import type { ObjectKey } from '../../kube/types.ts';
import { controllerOf } from '../../pods/ownership.ts';
import type { SandboxStores } from '../identity/subjects.ts';

/** A courier asks again after it; every request has an answer within 20 s. */
export const WAIT_MAX_MS = 15_000;
/** Each holds one of the broker's 1024 connections. */
export const WAITING_MAX = 256;

export interface AdoptionDeps {
  sandboxJobs: SandboxStores['sandboxJobs'];
  clock: Clock;
}

export interface Wait {
  job: ObjectKey;
  /** UID of the pool. */
  pool: string;
  ms: number;
  /** The courier went away. */
  signal: AbortSignal;
}

export interface Adoptions {
  /** Resolves once the Job has another owner, after the time, or at once where too many wait. Asks the API server nothing. */
  wait(wait: Wait): Promise<void>;
  /** Lets all go that wait. */
  close(): void;
}

export function adoptions({ sandboxJobs, clock }: AdoptionDeps): Adoptions {
  const closing = new AbortController();
  const places = new Places();
  const isOfPool = ({ job, pool }: Wait): boolean => {
    const found = sandboxJobs.get(job);
    // One that this cache does not hold yet may be a pool's.
    return found === undefined || controllerOf(found)?.uid === pool;
  };
  /** Those who wait, by their Jobs. */
  const waiting = new Map<string, Set<() => void>>();
  sandboxJobs.subscribe(({ object }) => {
    for (const look of waiting.get(keyString(keyOf(object))) ?? []) look();
  });
  const adopted = async (wait: Wait, sent: AbortSignal): Promise<void> => {
    const taken = new AbortController();
    const look = (): void => {
      if (!isOfPool(wait)) taken.abort();
    };
    const key = keyString(wait.job);
    const others = waiting.get(key) ?? new Set();
    waiting.set(key, others.add(look));
    look();
    const signal = AbortSignal.any([wait.signal, closing.signal, sent, taken.signal]);
    await sleep(clock, Math.min(wait.ms, WAIT_MAX_MS), signal);
    others.delete(look);
    if (others.size === 0) waiting.delete(key);
  };
  return {
    async wait(wait) {
      const { namespace } = wait.job;
      const place = places.take(namespace);
      if (place) await adopted(wait, place.signal).finally(() => places.leave(namespace, place));
    },
    close: () => closing.abort(),
  };
}

/** Where couriers wait, by namespace: one of many Pods is not to have those of others learn late that they were taken. */
class Places {
  /** The oldest first. */
  readonly #taken = new Map<string, AbortController[]>();
  #count = 0;

  /** Aborted where it has to go. Undefined where there is none. */
  take(namespace: string): AbortController | undefined {
    const own = this.#taken.get(namespace) ?? [];
    if (this.#count >= WAITING_MAX && !this.#makeWay(own.length)) return undefined;
    const place = new AbortController();
    this.#taken.set(namespace, [...own, place]);
    this.#count += 1;
    return place;
  }

  leave(namespace: string, place: AbortController): void {
    const own = this.#taken.get(namespace) ?? [];
    const left = own.filter((one) => one !== place);
    this.#count -= own.length - left.length;
    if (left.length > 0) this.#taken.set(namespace, left);
    else this.#taken.delete(namespace);
  }

  /** The oldest goes of the namespace that has most, for one that has fewer. */
  #makeWay(ofNewcomer: number): boolean {
    const [most] = [...this.#taken].toSorted(([, a], [, b]) => b.length - a.length);
    const [oldest] = most?.[1] ?? [];
    if (!most || !oldest || ofNewcomer + 1 >= most[1].length) return false;
    this.leave(most[0], oldest);
    oldest.abort();
    return true;
  }
}
