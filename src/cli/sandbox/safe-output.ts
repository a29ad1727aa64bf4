/** What a command writes, made harmless for a terminal as it comes. */
import { safe } from '../../text/safe.ts';

/** A line without an end is shown after so long: it may be a question. */
const PATIENCE_MS = 100;
/** Of one line that is held back. */
const HELD_MAX = 16 * 1024;

/** Whole lines where they come in time, so that no sequence is cut in two. */
export async function* madeSafe(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const source = chunks[Symbol.asyncIterator]();
  let held = '';
  let next = source.next();
  for (;;) {
    const patience = held === '' ? undefined : after(PATIENCE_MS);
    const got = await Promise.race([next, ...(patience ? [patience.promise] : [])]);
    patience?.cancel();
    if (got === undefined) {
      yield safe(held);
      held = '';
      continue;
    }
    if (got.done) break;
    held += decoder.decode(got.value, { stream: true });
    const end = held.length > HELD_MAX ? held.length : held.lastIndexOf('\n') + 1;
    if (end > 0) yield safe(held.slice(0, end));
    held = held.slice(end);
    next = source.next();
  }
  held += decoder.decode();
  if (held !== '') yield safe(held);
}

function after(ms: number): { promise: Promise<undefined>; cancel: () => void } {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), ms);
  return { promise, cancel: () => clearTimeout(timer) };
}
