/**
 * Many who ask the same at once are answered together: whoever asks while a call is under way waits for the next one, which all share who asked
 * before it began. So each hears nothing older than their question. `nameOf`: what is the same.
 */
export function joined<K, V>(
  call: (what: K) => Promise<V>,
  nameOf: (what: K) => string,
): (what: K) => Promise<V> {
  const calls = new Map<string, { now: Promise<V>; next?: Promise<V> }>();

  function begin(what: K, name: string): Promise<V> {
    const made = { now: call(what) };
    calls.set(name, made);
    const ended = (): void => {
      // The next one has begun where somebody waited for it.
      if (calls.get(name) === made && !('next' in made)) calls.delete(name);
    };
    made.now.then(ended, ended);
    return made.now;
  }

  return (what) => {
    const name = nameOf(what);
    const underWay = calls.get(name);
    if (!underWay) return begin(what, name);
    const next = (): Promise<V> => begin(what, name);
    return (underWay.next ??= underWay.now.then(next, next));
  };
}
