import type { Cancel, Clock } from '../../async/clock.ts';

export interface Deadline {
  signal: AbortSignal;
  /** True when the time ran out, as opposed to a parent signal firing. */
  expired(): boolean;
  clear: Cancel;
}

/** A signal that fires after `ms` milliseconds or when one of `parents` does. Call `clear` when the work is over. */
export function deadline(clock: Clock, ms: number, parents: (AbortSignal | undefined)[]): Deadline {
  const controller = new AbortController();
  let expired = false;
  const cancel = clock.after(ms, () => {
    expired = true;
    controller.abort(new Error(`no answer within ${ms} ms`));
  });
  const follow = parents.flatMap((parent) => {
    if (!parent) return [];
    const abort = (): void => controller.abort(parent.reason);
    if (parent.aborted) abort();
    else parent.addEventListener('abort', abort, { once: true });
    return [() => parent.removeEventListener('abort', abort)];
  });
  return {
    signal: controller.signal,
    expired: () => expired,
    clear() {
      cancel();
      for (const unfollow of follow) unfollow();
    },
  };
}
