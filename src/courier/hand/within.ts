import { setTimeout as sleep } from 'node:timers/promises';
import { HandGone } from './hand.ts';

/** What work resolves; rejects with `late` where that takes longer. Of no limit, `seconds` is infinite. */
export async function within<T>(seconds: number, work: Promise<T>, late: Error): Promise<T> {
  if (!Number.isFinite(seconds)) return await work;
  work.catch(() => {});
  const over = new AbortController();
  try {
    return await Promise.race([
      work,
      sleep(seconds * 1000, undefined, { ref: false, signal: over.signal }).then(() => {
        throw late;
      }),
    ]);
  } finally {
    over.abort();
  }
}

/** What the task container answers; rejects with HandGone where that takes longer. */
export const answered = <T>(seconds: number, work: Promise<T>): Promise<T> =>
  within(seconds, work, new HandGone(`the task container did not answer within ${seconds} s`));
