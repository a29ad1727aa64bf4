import type { Readable } from 'node:stream';
import { createTurns } from '../turns.ts';

/** The stream ended inside a line, or a line is beyond all reason. */
export class BrokenStream extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'BrokenStream';
  }
}

/** etcd stores at most 1.5 MiB an object; a line past this is no object. */
const MAX_LINE_BYTES = 32 * 1024 * 1024;
const NEWLINE = 10;

function* completeLines(pending: Buffer[], chunk: Buffer): Generator<string> {
  let start = 0;
  for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
    pending.push(chunk.subarray(start, end));
    const line = pending.length === 1 ? pending[0]! : Buffer.concat(pending);
    pending.length = 0;
    start = end + 1;
    if (line.length > 0) yield line.toString('utf8');
  }
  if (start < chunk.length) pending.push(chunk.subarray(start));
}

/**
 * The lines of a body. Other work of the process gets a turn every few milliseconds, however fast lines arrive.
 * Throws `BrokenStream` when the body ends without a final newline.
 */
export async function* readLines(body: Readable): AsyncGenerator<string> {
  const pending: Buffer[] = [];
  let held = 0;
  const turn = createTurns();
  for await (const chunk of body as AsyncIterable<Buffer>) {
    for (const line of completeLines(pending, chunk)) {
      yield line;
      await turn();
    }
    held = pending.length === 0 ? 0 : pending.reduce((sum, part) => sum + part.length, 0);
    if (held > MAX_LINE_BYTES) throw new BrokenStream(`a line of more than ${MAX_LINE_BYTES} bytes`);
  }
  if (held > 0) throw new BrokenStream('the stream ended inside a line');
}
