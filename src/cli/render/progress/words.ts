/** Pure: figures as people read them. */
import type { Range } from '../../follow/estimate.ts';

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

/** Whole seconds below a minute, whole minutes above: more would be a promise. */
export function remaining({ from, to }: Range): string {
  const rough = (ms: number): string =>
    ms < 59_500 ? `${Math.max(1, Math.round(ms / 1000))}s` : minutes(ms);
  return rough(from) === rough(to) ? `about ${rough(to)} left` : `about ${rough(from)} to ${rough(to)} left`;
}

const minutes = (ms: number): string =>
  ms < 7_200_000 ? `${Math.round(ms / 60_000)}m` : duration(Math.round(ms / 60_000) * 60_000);
