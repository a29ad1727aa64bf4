import type { Cancel, Clock } from '../../src/async/clock.ts';

interface Timer {
  due: number;
  run: () => void;
}

/** A clock that moves only when told to. Timers run in order, each at its own time. */
export class ManualClock implements Clock {
  #elapsed = 0;
  #wall: number;
  readonly #timers = new Set<Timer>();

  constructor(now = Date.parse('2026-01-01T00:00:00Z')) {
    this.#wall = now;
  }

  now(): number {
    return this.#wall + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  after(ms: number, run: () => void): Cancel {
    const timer = { due: this.#elapsed + ms, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** The wall clock jumps; durations do not. */
  jump(ms: number): void {
    this.#wall += ms;
  }

  /** Time passes and no timer runs: what an event loop sees after a stall. */
  stall(ms: number): void {
    this.#elapsed += ms;
  }

  /** Lets time pass. Between timers, everything that waits for promises gets its turn. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms;
    await settle();
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#timers.delete(next);
      this.#elapsed = Math.max(this.#elapsed, next.due);
      next.run();
      await settle();
    }
    this.#elapsed = Math.max(this.#elapsed, end);
  }

  #next(end: number): Timer | undefined {
    const due = [...this.#timers].filter((timer) => timer.due <= end);
    return due.sort((a, b) => a.due - b.due)[0];
  }
}

/** Lets promise callbacks run until nothing is left but real input and output. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}
