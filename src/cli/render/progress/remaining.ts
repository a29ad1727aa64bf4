/** Pure: how long is left, as people read it. */
import { duration } from '../../../text/figures.ts';
import type { Range } from '../../../client/runs/follow/summary.ts';

/** Whole seconds below a minute, whole minutes above: more would be a promise. */
export function remaining({ from, to }: Range): string {
  const rough = (ms: number): string =>
    ms < 59_500 ? `${Math.max(1, Math.round(ms / 1000))}s` : minutes(ms);
  return rough(from) === rough(to) ? `about ${rough(to)} left` : `about ${rough(from)} to ${rough(to)} left`;
}

const minutes = (ms: number): string =>
  ms < 7_200_000 ? `${Math.round(ms / 60_000)}m` : duration(Math.round(ms / 60_000) * 60_000);
