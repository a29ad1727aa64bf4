/** Pods of a pool wait here for the Sandbox that takes them; what they wait for, the watch caches tell. */
import { sleep, type Clock } from '../../async/clock.ts';
import type { Job } from '../../kube/kinds.ts';
import type { ObjectKey, Store } from '../../kube/types.ts';
import { controllerOf } from '../../pods/ownership.ts';

/** How often a cache is looked into. */
const LOOK_MS = 50;
/** A courier asks again after it; every request has an answer within 20 s. */
export const WAIT_MAX_MS = 15_000;
/** Each holds one of the broker's 1024 connections. */
export const WAITING_MAX = 256;

export interface AdoptionDeps {
  sandboxJobs: Store<Job>;
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
  let waiting = 0;
  const isOfPool = ({ job, pool }: Wait): boolean => {
    const found = sandboxJobs.get(job);
    // One that this cache does not hold yet may be a pool's.
    return found === undefined || controllerOf(found)?.uid === pool;
  };
  const look = async (wait: Wait): Promise<void> => {
    const until = clock.monotonic() + Math.min(wait.ms, WAIT_MAX_MS);
    const signal = AbortSignal.any([wait.signal, closing.signal]);
    while (isOfPool(wait) && clock.monotonic() < until && !signal.aborted)
      await sleep(clock, LOOK_MS, signal);
  };
  return {
    async wait(wait) {
      if (waiting >= WAITING_MAX) return;
      waiting += 1;
      await look(wait).finally(() => (waiting -= 1));
    },
    close: () => closing.abort(),
  };
}
