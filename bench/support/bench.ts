/** What a measurement is, and what it leaves behind. */
import type { World } from '../../test/e2e/support/world.ts';

/** One line of the printed table. */
export interface Figure {
  name: string;
  /** Measured, with its unit. */
  value: string;
  /** What the design asks for; empty where it asks for nothing. */
  target?: string;
  /** Whether the target was met. */
  met?: boolean;
}

export interface BenchResult {
  figures: Figure[];
  /** Every sample, for the file. */
  raw: object;
}

export type Bench =
  | { needs: 'nothing'; run: () => Promise<BenchResult> }
  | { needs: 'cluster'; run: (world: World) => Promise<BenchResult> };

/** A figure with an upper limit. */
export const atMost = (
  name: string,
  measured: number,
  limit: { is: number; say: (value: number) => string },
): Figure => ({
  name,
  value: limit.say(measured),
  target: `≤ ${limit.say(limit.is)}`,
  met: measured <= limit.is,
});
