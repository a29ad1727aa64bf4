/** Pure: figures as people read them, and texts in one order. */

/** `12s`, `3m12s`, `2h05m`, `3d04h`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h${two((seconds % 3600) / 60)}m`;
  return `${Math.floor(seconds / 86_400)}d${two((seconds % 86_400) / 3600)}h`;
}

/** At most three decimals; what is not zero never reads 0. */
export function figure(value: number): string {
  const rounded = Number(value.toFixed(3));
  return rounded === 0 && value !== 0 ? value.toPrecision(1) : String(rounded);
}

/** `1 Trial`, `2 Trials`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** Texts by code unit: the same order on every machine. */
export const byText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

/** `1,234,567`. */
export const grouped = (count: number): string => count.toLocaleString('en-US');

/** US dollars: `$12.30`, `$0.0042`. */
export function dollars(value: number): string {
  const digits =
    value >= 0.1 || value === 0
      ? { minimumFractionDigits: 2, maximumFractionDigits: 2 }
      : { maximumSignificantDigits: 2 };
  return `$${value.toLocaleString('en-US', digits)}`;
}
