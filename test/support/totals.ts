/** How many tests passed, failed and were skipped. */
export interface Totals {
  passed: number;
  /** What failed: a test's full title and what `reasonOf` says of its error. */
  failed: string[];
  skipped: number;
}

/** What a suite tells its parent from when on it leaves much of the machine idle. */
export const IDLE = 'idle';

const MOST_LINES = 30;

/** An error's message, thirty lines of it at most, and the line of a test file that it came from. */
export function reasonOf({ message, stack }: Error): string {
  const line = stack?.match(/^\s+(at .*\.test\.ts:.*)$/m)?.[1];
  return [...message.split('\n').slice(0, MOST_LINES), ...(line ? [line] : [])].join('\n    ');
}

export const sum = (parts: Totals[]): Totals => ({
  passed: parts.reduce((count, { passed }) => count + passed, 0),
  failed: parts.flatMap(({ failed }) => failed),
  skipped: parts.reduce((count, { skipped }) => count + skipped, 0),
});

/** What ends every test run: all that failed, by name, and one line with the counts. Whoever sees only the end of a log sees the reason. */
export const closing = ({ passed, failed, skipped }: Totals): string =>
  [
    ...failed.map((name) => `FAILED: ${name}`),
    `${passed} passed, ${failed.length} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`,
  ].join('\n');
