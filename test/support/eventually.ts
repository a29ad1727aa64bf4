import { setTimeout as sleep } from 'node:timers/promises';

const EVERY_MS = 100;

/** Asks until there is an answer; throws naming what did not come within so many seconds. */
export async function eventually<T>(
  what: string,
  ask: () => T | undefined | Promise<T | undefined>,
  seconds = 60,
): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}`);
    await sleep(EVERY_MS);
  }
}

/** As `eventually`, for a question of yes or no. */
export const eventuallyTrue = async (
  what: string,
  ask: () => boolean | Promise<boolean>,
  seconds?: number,
): Promise<void> => void (await eventually(what, async () => (await ask()) || undefined, seconds));
