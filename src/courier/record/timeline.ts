/** When each phase ran. */
import type { Interval, Phase } from '../../crds/trial-status.ts';

export interface Timeline {
  /** Runs a phase and keeps its times, however it ends. */
  during<T>(phase: Phase, work: () => Promise<T>): Promise<T>;
  /** The phase that runs, or the one that ran last. */
  current(): Phase;
  /** Of a phase that ran more than once: from its first start to its last end. */
  timings(): Timings;
  /** The same for what ran since the last lap. */
  lap(): Timings;
}

type Timings = Partial<Record<Phase, Interval>>;

export function timeline(now: () => Date, note: (line: string) => void): Timeline {
  const all: Timings = {};
  let recent: Timings = {};
  const keep = (phase: Phase, interval: Interval): void => {
    for (const timings of [all, recent])
      timings[phase] = { ...interval, startTime: timings[phase]?.startTime ?? interval.startTime };
  };
  let current: Phase = 'environmentSetup';
  return {
    async during(phase, work) {
      const startTime = now().toISOString();
      current = phase;
      keep(phase, { startTime });
      note(`${phase} began`);
      try {
        return await work();
      } finally {
        keep(phase, { startTime, completionTime: now().toISOString() });
        note(`${phase} ended`);
      }
    },
    current: () => current,
    timings: () => ({ ...all }),
    lap() {
      const ran = recent;
      recent = {};
      return ran;
    },
  };
}
