import type { Cancel, Clock } from '../../async/clock.ts';

/** Changes that happened just now. */
export const LIVE = 0;
/** What was there when we started: nobody waits for it (controller-runtime's LowPriority). */
export const BACKLOG = -100;
/** What was being worked on when a process died. */
export const SUSPECT = -200;

export interface AddOptions {
  /** Higher runs first; a key that is added twice keeps the higher one. */
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

export interface QueueOptions {
  clock: Clock;
  metrics?: QueueMetrics;
}

const RETRY_FIRST_MS = 5;
const RETRY_MAX_MS = 1_000_000;

/**
 * Keys to work on. A key is in here once, whatever the number of its events; one that is being worked on is parked and
 * comes back after `done`. Failed keys come back after 5 ms, doubled up to 1000 s, each by its own count.
 */
export class Queue {
  readonly #clock: Clock;
  readonly #metrics: QueueMetrics | undefined;
  /** Ready keys by priority, in order of arrival, with the time of arrival. */
  readonly #ready = new Map<number, Map<string, number>>();
  readonly #priorityOf = new Map<string, number>();
  readonly #delayed = new Map<string, Delayed>();
  readonly #working = new Set<string>();
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
    return this.#priorityOf.size;
  }

  add(key: string, { priority = LIVE, afterMs = 0 }: AddOptions = {}): void {
    if (this.#closed) return;
    if (afterMs > 0) this.#delay(key, priority, afterMs);
    else this.#addNow(key, Math.max(priority, this.#endDelay(key)));
  }

  /** Adds a key again after a failure, with its own growing delay. */
  retry(key: string): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.#metrics?.retried();
    this.add(key, { afterMs: Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** failures) });
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
    this.#priorityOf.clear();
    for (const [priority] of this.#ready) this.#metrics?.depth(priority, 0);
    this.#ready.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #addNow(key: string, priority: number): void {
    if (!this.#working.has(key)) this.#enqueue(key, priority);
    else this.#parked.set(key, Math.max(priority, this.#parked.get(key) ?? priority));
  }

  #delay(key: string, priority: number, afterMs: number): void {
    if (this.#priorityOf.has(key) || this.#parked.has(key)) {
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
    const before = this.#priorityOf.get(key);
    if (before !== undefined && before >= priority) return;
    const since = before === undefined ? this.#arrived() : this.#unqueue(key, before);
    const level = this.#ready.get(priority) ?? new Map<string, number>();
    this.#ready.set(priority, level.set(key, since));
    this.#priorityOf.set(key, priority);
    this.#metrics?.depth(priority, level.size);
    this.#takers.shift()?.(this.#next());
  }

  #arrived(): number {
    this.#metrics?.added();
    return this.#clock.monotonic();
  }

  #unqueue(key: string, priority: number): number {
    const level = this.#ready.get(priority);
    const since = level?.get(key) ?? this.#clock.monotonic();
    level?.delete(key);
    this.#priorityOf.delete(key);
    this.#metrics?.depth(priority, level?.size ?? 0);
    return since;
  }

  #next(): string | undefined {
    const levels = [...this.#ready.keys()].sort((a, b) => b - a);
    for (const priority of levels) {
      const key = this.#ready.get(priority)?.keys().next().value;
      if (key === undefined) continue;
      const since = this.#unqueue(key, priority);
      this.#metrics?.waited(this.#clock.monotonic() - since);
      this.#working.add(key);
      return key;
    }
    return undefined;
  }
}
