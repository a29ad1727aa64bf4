/** Time as an argument: everything in this folder that waits or measures takes a `Clock`. */

export type Cancel = () => void;

export interface Clock {
  /** Wall clock, epoch milliseconds. For timestamps other people read. */
  now(): number;
  /** Milliseconds that never jump. For durations. */
  monotonic(): number;
  /** Calls `run` once after `ms` milliseconds, however long that is; the returned function cancels it. */
  after(ms: number, run: () => void): Cancel;
}

/** Node fires a longer timer after one millisecond. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export type SetTimer = (run: () => void, ms: number) => Cancel;

/** Makes timers of any length from timers that end at 24.8 days, by waiting in pieces. */
export function longTimer(setTimer: SetTimer): Clock['after'] {
  return (ms, run) => {
    let cancel: Cancel;
    const wait = (left: number): void => {
      const piece = Math.min(Math.max(left, 0), LONGEST_TIMER_MS);
      cancel = setTimer(() => (left > piece ? wait(left - piece) : run()), piece);
    };
    wait(ms);
    return () => cancel();
  };
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: longTimer((run, ms) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  }),
};

/** Resolves after `ms` milliseconds, or at once when `signal` fires: callers look at the signal themselves. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const finish = (): void => {
      cancel();
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const cancel = clock.after(ms, finish);
    signal?.addEventListener('abort', finish, { once: true });
  });
}
