/** Bytes from outside → lines that are bounded in length and safe for a terminal. */
import { StringDecoder } from 'node:string_decoder';
import { safe } from '../../text/safe.ts';

/** A longer line is cut into pieces: a container may print without ever ending a line. */
const LINE_MAX_CHARS = 16 * 1024;

/** Lines as they came, without their newline; the last one needs none. */
export async function* rawLines(body: AsyncIterable<Uint8Array | string>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let held = '';
  for await (const chunk of body) {
    const text = held + (typeof chunk === 'string' ? chunk : decoder.write(Buffer.from(chunk)));
    const pieces = text.split('\n');
    held = pieces.pop() ?? '';
    yield* pieces.flatMap(cutLong);
    if (held.length > LINE_MAX_CHARS) {
      yield* cutLong(held);
      held = '';
    }
  }
  held += decoder.end();
  if (held !== '') yield* cutLong(held);
}

function cutLong(line: string): string[] {
  if (line.length <= LINE_MAX_CHARS) return [line];
  const count = Math.ceil(line.length / LINE_MAX_CHARS);
  return Array.from({ length: count }, (_, at) => line.slice(at * LINE_MAX_CHARS, (at + 1) * LINE_MAX_CHARS));
}

/** A line made safe; a progress bar's carriage returns make several of one. */
export const safeLines = (line: string): string[] => safe(line.replace(/\r+$/, '')).split('\n');

/** The last `count` items. */
export async function lastOf<T>(items: AsyncIterable<T>, count: number): Promise<T[]> {
  const kept: T[] = [];
  for await (const item of items) {
    kept.push(item);
    if (kept.length > 2 * count) kept.splice(0, kept.length - count);
  }
  return count === 0 ? [] : kept.slice(-count);
}
