import { sleep, systemClock } from './clock.ts';

/** Nobody waits longer for a call to begin: one that is slow would have them wait twice. */
const WINDOW_MS = 200;

/**
 * Many who ask the same at once are answered together: whoever asks while a call is under way waits for the next one, which all share who asked
 * before it began. So each hears nothing older than their question. `nameOf`: what is the same.
 */
export function joined<K, V>(
  call: (what: K) => Promise<V>,
  nameOf: (what: K) => string,
): (what: K) => Promise<V> {
  /** The latest of each name. */
  const calls = new Map<string, { now: Promise<V>; next?: Promise<V> }>();

  function begin(what: K, name: string): Promise<V> {
    const made = { now: call(what) };
    calls.set(name, made);
    const ended = (): void => {
      // The next one has begun, or will, where somebody waits for it.
      if (calls.get(name) === made && !('next' in made)) calls.delete(name);
    };
    made.now.then(ended, ended);
    return made.now;
  }

  return (what) => {
    const name = nameOf(what);
    const underWay = calls.get(name);
    if (!underWay) return begin(what, name);
    return (underWay.next ??= endOrWindow(underWay.now).then(() => begin(what, name)));
  };
}

async function endOrWindow(call: Promise<unknown>): Promise<void> {
  const ended = new AbortController();
  const end = (): void => ended.abort();
  call.then(end, end);
  await sleep(systemClock, WINDOW_MS, ended.signal);
}
