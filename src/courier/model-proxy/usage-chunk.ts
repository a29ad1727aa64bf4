/** Takes the one event out of a stream of Chat Completions that the agent has not asked for: many programs look for a choice in each. */
import { Transform, type TransformCallback } from 'node:stream';

const END = '\n\n';
/** What is longer is no such event. */
const EVENT_MAX_BYTES = 64 * 1024;

export class WithoutUsageChunk extends Transform {
  /** Of an event whose end has not come yet. */
  #kept: Buffer = Buffer.alloc(0);

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#kept = this.#kept.length > 0 ? Buffer.concat([this.#kept, chunk]) : chunk;
    for (let end = this.#kept.indexOf(END); end >= 0; end = this.#kept.indexOf(END)) {
      const event = this.#kept.subarray(0, end + END.length);
      this.#kept = this.#kept.subarray(event.length);
      if (!isUsageAlone(event)) this.push(event);
    }
    if (this.#kept.length <= EVENT_MAX_BYTES) return done();
    const long = this.#kept;
    this.#kept = Buffer.alloc(0);
    return done(null, long);
  }

  override _flush(done: TransformCallback): void {
    done(null, this.#kept);
  }
}

function isUsageAlone(event: Buffer): boolean {
  if (event.length > EVENT_MAX_BYTES) return false;
  const [, data = ''] = /^data:(.*)$/m.exec(event.toString('utf8')) ?? [];
  try {
    const { choices, usage } = JSON.parse(data) as { choices?: unknown; usage?: unknown };
    return Array.isArray(choices) && choices.length === 0 && typeof usage === 'object' && usage !== null;
  } catch {
    return false;
  }
}
