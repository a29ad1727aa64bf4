import type { Clock } from '../../async/clock.ts';

/** Calls `onSilence` once when `touch` was not called for as long as `silenceMs` says then, or up to a quarter longer. */
export function createWatchdog(clock: Clock, silenceMs: () => number, onSilence: () => void) {
  let touched = clock.monotonic();
  const check = (): void => {
    if (clock.monotonic() - touched >= silenceMs()) onSilence();
    else cancel = clock.after(silenceMs() / 4, check);
  };
  let cancel = clock.after(silenceMs() / 4, check);
  return {
    touch: (): void => {
      touched = clock.monotonic();
    },
    stop: (): void => cancel(),
  };
}
