/** Items of several sources in the order of their arrival. Ends when all have ended; the first failure ends it. */
export async function* merged<T>(sources: readonly AsyncIterable<T>[]): AsyncGenerator<T> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  const next = async (at: number) => ({ at, result: await (iterators[at] as AsyncIterator<T>).next() });
  const waiting = new Map(iterators.map((_, at) => [at, next(at)]));
  try {
    while (waiting.size > 0) {
      const { at, result } = await Promise.race(waiting.values());
      if (result.done) waiting.delete(at);
      else {
        waiting.set(at, next(at));
        yield result.value;
      }
    }
  } finally {
    for (const promise of waiting.values()) promise.catch(() => {});
  }
}
