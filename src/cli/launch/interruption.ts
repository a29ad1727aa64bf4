import type { Clock } from '../../async/clock.ts';
import type { Io } from '../types.ts';

/** How long after the first Ctrl-C a second one means more. */
const SECOND_MS = 2000;

export interface Interruption {
  /** Resolves two seconds after a Ctrl-C, or at once at a second one. Never, where nobody presses it. */
  ending: Promise<void>;
  /** There was a second one. */
  readonly twice: boolean;
  /** Listens no more. */
  ignore(): void;
}

/** Ctrl-C leaves a run going; a second one within two seconds is for whoever wants to cancel it. How to return to it are the last words of whoever attended. */
export function interruption(
  { onInterrupt, terminal }: Pick<Io, 'onInterrupt' | 'terminal'>,
  { clock, note }: { clock: Clock; note: (text: string) => void },
): Interruption {
  const { promise: ending, resolve } = Promise.withResolvers<void>();
  let times = 0;
  let cancelTimer = (): void => {};
  const unsubscribe = onInterrupt(() => {
    times += 1;
    if (times > 1) return resolve();
    if (!terminal.input) return resolve();
    note('\nthe run goes on; press Ctrl-C again within 2 s to be asked whether to cancel it');
    cancelTimer = clock.after(SECOND_MS, resolve);
  });
  return {
    ending,
    get twice() {
      return times > 1;
    },
    ignore() {
      cancelTimer();
      unsubscribe();
    },
  };
}
