/** Pure: how long a run will take from now on. */

export interface Progress {
  total: number;
  ended: number;
  /** Milliseconds since the epoch. */
  startedAt: number;
  firstEndedAt: number | undefined;
  now: number;
}

/** Milliseconds from now. */
export interface Range {
  from: number;
  to: number;
}

const SHOWN_FROM = 0.1;
/** Fewer ends say nothing about a rate. */
const LEAST_ENDS = 3;

/**
 * What remains divided by the rate seen so far, as a range: the rate since the run began (builds and pulls included) and since the first
 * Trial ended, each with its chance deviation of √n. Undefined before a tenth of the run is done, and when all of it is.
 */
export function estimate({ total, ended, startedAt, firstEndedAt, now }: Progress): Range | undefined {
  const remaining = total - ended;
  if (remaining <= 0 || ended < LEAST_ENDS || ended < SHOWN_FROM * total || firstEndedAt === undefined)
    return undefined;
  const periods: [number, number][] = [
    [ended, now - startedAt],
    [ended - 1, now - firstEndedAt],
  ];
  const rates = periods
    .filter(([ends, ms]) => ends > 1 && ms > 0)
    .flatMap(([ends, ms]) => [(ends - Math.sqrt(ends)) / ms, (ends + Math.sqrt(ends)) / ms]);
  if (rates.length === 0) return undefined;
  return { from: remaining / Math.max(...rates), to: remaining / Math.min(...rates) };
}
