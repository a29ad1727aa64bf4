/** Waiting for the cluster, with progress. */
import type { CloudContext } from '../steps.ts';

const PAUSE_MS = 2_000;

export interface Waiting<T> {
  /** What has not come yet, for progress; the value where it is there. */
  look: () => Promise<{ done: T } | { still: string }>;
  /** How long, in milliseconds. */
  limitMs: number;
  /** What to throw at the end of that time; given what was said last. */
  late: (still: string) => Error;
}

/** Looks again every two seconds, and says what it waits for whenever that changes. */
export async function waitFor<T>(
  { say, sleep, now }: Pick<CloudContext, 'say' | 'sleep' | 'now'>,
  { look, limitMs, late }: Waiting<T>,
): Promise<T> {
  const end = now().getTime() + limitMs;
  let said: string | undefined;
  for (;;) {
    const seen = await look();
    if ('done' in seen) return seen.done;
    if (seen.still !== said) say((said = seen.still));
    if (now().getTime() >= end) throw late(seen.still);
    await sleep(PAUSE_MS);
  }
}
