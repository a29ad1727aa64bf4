/** When each phase ran. */
import type { Interval, Phase } from '../../crds/trial-status.ts';

export interface Timeline {
  /** Runs a phase and keeps its times, however it ends. */
  during<T>(phase: Phase, work: () => Promise<T>): Promise<T>;
  /** The phase that runs, or the one that ran last. */
  current(): Phase;
  timings(): Partial<Record<Phase, Interval>>;
}

export function timeline(now: () => Date, note: (line: string) => void): Timeline {
  const timings: Partial<Record<Phase, Interval>> = {};
  let current: Phase = 'environmentSetup';
  return {
    async during(phase, work) {
      const startTime = now().toISOString();
      current = phase;
      timings[phase] = { startTime };
      note(`${phase} began`);
      try {
        return await work();
      } finally {
        timings[phase] = { startTime, completionTime: now().toISOString() };
        note(`${phase} ended`);
      }
    },
    current: () => current,
    timings: () => ({ ...timings }),
  };
}
