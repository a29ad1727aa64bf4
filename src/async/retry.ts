import { sleep as pause, systemClock } from './clock.ts';

export interface Retrying {
  /**
   * Milliseconds from a failure to the next try; undefined where the failure is to be thrown. `failures` counts them, this one included.
   */
  pauseMs: (error: unknown, failures: number) => number | undefined;
  /** No further try once it fires; the reason is what is thrown. */
  signal?: AbortSignal | undefined;
  /** Default: by the system's clock, cut short by `signal`. */
  sleep?: (ms: number) => Promise<unknown>;
}

/** Calls `work` until it succeeds or `pauseMs` wants its failure thrown. */
export async function retry<T>(work: (failures: number) => Promise<T>, options: Retrying): Promise<T> {
  const { pauseMs, signal, sleep = (ms) => pause(systemClock, ms, signal) } = options;
  for (let failures = 0; ;) {
    try {
      return await work(failures);
    } catch (error) {
      failures += 1;
      const ms = pauseMs(error, failures);
      if (ms === undefined) throw error;
      await sleep(ms);
      signal?.throwIfAborted();
    }
  }
}
