/** What is known of a metric before there is one. */

/** What may change: `alpha`: anything, at any time · `beta`: name and labels, with a line in the changelog · `stable`: nothing before the next major version. */
export const STABILITIES = {
  alpha: 'may change or go with any version',
  beta: 'name and labels may change with a minor version, which the changelog says',
  stable: 'stays as it is until the next major version',
} as const;
export type Stability = keyof typeof STABILITIES;

export interface Described {
  type: 'counter' | 'gauge' | 'histogram';
  /** One sentence; it is the HELP line of /metrics. */
  help: string;
  /** Each has values of a closed list, or a bound on their number: never the name of a Trial, task, run, Pod or image. */
  labels: readonly string[];
  stability: Stability;
  /** Of a histogram. */
  buckets?: readonly number[];
  /** Who has it: all replicas, each its own; or the leader alone. Default: all. */
  of?: 'leader';
}

/** `first`, and each next one twice that. */
export const doubling = (first: number, buckets: number): number[] =>
  Array.from({ length: buckets }, (_, power) => first * 2 ** power);
