/** How many tests passed, failed and were skipped. */
export interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

export const sum = (parts: Totals[]): Totals => ({
  passed: parts.reduce((count, { passed }) => count + passed, 0),
  failed: parts.reduce((count, { failed }) => count + failed, 0),
  skipped: parts.reduce((count, { skipped }) => count + skipped, 0),
});

/** The one line that ends every test run. */
export const closingLine = ({ passed, failed, skipped }: Totals): string =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
