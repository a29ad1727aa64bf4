import type { Cancel, Clock } from '../../async/clock.ts';
import { ReadyKeys } from './ready.ts';

/** Changes that happened just now. */
export const LIVE = 0;
/** What was there when we started: nobody waits for it (controller-runtime's LowPriority). */
export const BACKLOG = -100;
/** What was being worked on when a process died: it comes after everything else, whoever's that is. */
export const SUSPECT = -200;
/** Added to the priority of what is to be finished before others of its namespace are begun. */
export const SOONER = 50;

export interface AddOptions {
  /** Higher runs first within a namespace; a key that is added twice keeps the higher one. */
  priority?: number;
  /** Not before this many milliseconds; a key that is added twice keeps the shorter wait. */
  afterMs?: number;
}

export interface QueueMetrics {
  added(): void;
  retried(): void;
  /** Number of keys ready to run, after every change. */
  depth(priority: number, keys: number): void;
  /** Time a key was ready before it ran, in milliseconds. */
  waited(ms: number): void;
}

interface Delayed {
  due: number;
  priority: number;
  cancel: Cancel;
}

interface Ready {
  priority: number;
  /** When it came. */
  since: number;
}

export interface QueueOptions {
  clock: Clock;
  metrics?: QueueMetrics;
}

const RETRY_FIRST_MS = 5;
const RETRY_MAX_MS = 1_000_000;

/**
 * Keys to work on. A key is in here once, whatever the number of its events; one that is being worked on is parked and
 * comes back after `done`. Failed keys come back after 5 ms, doubled up to 1000 s or what the caller says, each by its own count. Namespaces take turns.
 */
export class Queue {
  readonly #clock: Clock;
  readonly #metrics: QueueMetrics | undefined;
  readonly #ready = new Map<string, Ready>();
  readonly #inTurn = new ReadyKeys();
  readonly #suspects = new ReadyKeys();
  /** Number of ready keys by priority. */
  readonly #depths = new Map<number, number>();
  readonly #delayed = new Map<string, Delayed>();
  /** With the priority that they had. */
  readonly #working = new Map<string, number>();
  /** Added while being worked on. */
  readonly #parked = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  #closed = false;

  constructor({ clock, metrics }: QueueOptions) {
    this.#clock = clock;
    this.#metrics = metrics;
  }

  /** Number of keys that are ready to run. */
  get depth(): number {
    return this.#ready.size;
  }

  add(key: string, { priority = LIVE, afterMs = 0 }: AddOptions = {}): void {
    if (this.#closed) return;
    if (afterMs > 0) this.#delay(key, priority, afterMs);
    else this.#addNow(key, Math.max(priority, this.#endDelay(key)));
  }

  /** Adds a key again after a failure, with its own growing delay. */
  retry(key: string, maxMs = RETRY_MAX_MS): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.#metrics?.retried();
    this.add(key, { afterMs: Math.min(maxMs, RETRY_FIRST_MS * 2 ** failures) });
  }

  /** The key cannot be worked on yet: it comes again with the priority that it had. */
  putBack(key: string, afterMs: number): void {
    this.add(key, { priority: this.#working.get(key) ?? LIVE, afterMs });
  }

  /** The key went well: its next failure counts as the first. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** The next key, as soon as there is one; undefined once the queue is closed. Call `done` when it was worked on. */
  take(): Promise<string | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    const key = this.#next();
    if (key !== undefined) return Promise.resolve(key);
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  done(key: string): void {
    this.#working.delete(key);
    const priority = this.#parked.get(key);
    if (priority === undefined) return;
    this.#parked.delete(key);
    this.#enqueue(key, priority);
  }

  /** Hands out nothing any more and forgets what waits. */
  close(): void {
    this.#closed = true;
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    this.#parked.clear();
    for (const [key, { priority }] of this.#ready) this.#unqueue(key, priority);
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #addNow(key: string, priority: number): void {
    if (!this.#working.has(key)) this.#enqueue(key, priority);
    else this.#parked.set(key, Math.max(priority, this.#parked.get(key) ?? priority));
  }

  #delay(key: string, priority: number, afterMs: number): void {
    if (this.#ready.has(key) || this.#parked.has(key)) {
      this.#addNow(key, priority);
      return;
    }
    const due = Math.min(this.#clock.monotonic() + afterMs, this.#delayed.get(key)?.due ?? Infinity);
    const wanted = Math.max(priority, this.#endDelay(key));
    const cancel = this.#clock.after(due - this.#clock.monotonic(), () =>
      this.#addNow(key, this.#endDelay(key)),
    );
    this.#delayed.set(key, { due, priority: wanted, cancel });
  }

  /** Ends a key's wait; the priority it was to have, or one below all others. */
  #endDelay(key: string): number {
    const delayed = this.#delayed.get(key);
    delayed?.cancel();
    this.#delayed.delete(key);
    return delayed?.priority ?? Number.NEGATIVE_INFINITY;
  }

  #enqueue(key: string, priority: number): void {
    const before = this.#ready.get(key);
    if (before && before.priority >= priority) return;
    // Its new place before the old one goes: a namespace without a key would lose its turn.
    this.#keysOf(priority).add(key, priority);
    if (before) this.#unqueue(key, before.priority);
    else this.#metrics?.added();
    this.#ready.set(key, { priority, since: before?.since ?? this.#clock.monotonic() });
    this.#count(priority, 1);
    this.#takers.shift()?.(this.#next());
  }

  #unqueue(key: string, priority: number): void {
    this.#keysOf(priority).delete(key, priority);
    this.#leave(key, priority);
  }

  #keysOf(priority: number): ReadyKeys {
    return priority <= SUSPECT ? this.#suspects : this.#inTurn;
  }

  #leave(key: string, priority: number): void {
    this.#ready.delete(key);
    this.#count(priority, -1);
  }

  #count(priority: number, more: number): void {
    const keys = (this.#depths.get(priority) ?? 0) + more;
    this.#depths.set(priority, keys);
    this.#metrics?.depth(priority, keys);
  }

  #next(): string | undefined {
    const key = this.#inTurn.shift() ?? this.#suspects.shift();
    const ready = key === undefined ? undefined : this.#ready.get(key);
    if (key === undefined || !ready) return undefined;
    this.#leave(key, ready.priority);
    this.#metrics?.waited(this.#clock.monotonic() - ready.since);
    this.#working.set(key, ready.priority);
    return key;
  }
}
