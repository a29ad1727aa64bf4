/** Work on many things at once, with an upper limit. */

export interface ParallelOptions {
  /** How many are under way at once. */
  width: number;
  /** Starts nothing more once it fires; the reason is what is thrown. */
  signal?: AbortSignal | undefined;
}

/**
 * Results of `work` in the items' order. After the first rejection nothing more is started, and that rejection is passed on when what was
 * under way has ended.
 */
export async function inParallel<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  work: (item: T, index: number) => Promise<R>,
  { width, signal }: ParallelOptions,
): Promise<R[]> {
  const results: R[] = [];
  const queue = numbered(items);
  let failed = false;
  const worker = async (): Promise<void> => {
    for await (const [index, item] of queue) {
      if (failed) return;
      signal?.throwIfAborted();
      results[index] = await work(item, index);
    }
  };
  const guarded = async (): Promise<void> => {
    try {
      await worker();
    } catch (error) {
      failed = true;
      throw error;
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: width }, guarded));
  const failure = ends.find((end) => end.status === 'rejected');
  if (failure) throw failure.reason;
  return results;
}

async function* numbered<T>(items: Iterable<T> | AsyncIterable<T>): AsyncGenerator<[number, T]> {
  let index = 0;
  for await (const item of items) yield [index++, item];
}

/** Runs `work` as soon as `weight` of the budget is free; first come, first served. More than the whole budget waits for all of it. */
export type Budget = <R>(weight: number, work: () => Promise<R>) => Promise<R>;

/** A limit on something that work in parallel uses up together, such as memory or requests. */
export function createBudget(total: number): Budget {
  let free = total;
  const waiting: { weight: number; start: () => void }[] = [];
  const serve = (): void => {
    for (let next = waiting[0]; next && next.weight <= free; next = waiting[0]) {
      waiting.shift();
      free -= next.weight;
      next.start();
    }
  };
  return async (asked, work) => {
    const weight = Math.min(asked, total);
    await new Promise<void>((resolve) => {
      waiting.push({ weight, start: resolve });
      serve();
    });
    try {
      return await work();
    } finally {
      free += weight;
      serve();
    }
  };
}
