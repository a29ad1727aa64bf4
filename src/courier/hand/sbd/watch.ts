/** The events of a watch, cut from the bytes that sbd sends. */
import { EVENT_MAX, readWatchEvent } from '../../../wire/hand/watch-events.ts';
import type { WatchEvent } from '../../../wire/hand/protocol.ts';
import { HandLost } from '../../../hand/stream.ts';

const NEWLINE = 10;

/** Throws what the stream does, and HandLost for what is no event or has no end. */
export async function* watchEvents(output: AsyncIterable<Uint8Array>): AsyncGenerator<WatchEvent> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of output) {
    rest = Buffer.concat([rest, chunk]);
    let begin = 0;
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE, begin)) {
      const event = eventOf(rest.subarray(begin, end));
      begin = end + 1;
      yield event;
      if (event.event === 'ended') return;
    }
    rest = rest.subarray(begin);
    if (rest.length > EVENT_MAX) throw new HandLost('an event of a watch has no end');
  }
  throw new HandLost('a watch ended without an end');
}

function eventOf(line: Uint8Array): WatchEvent {
  try {
    return readWatchEvent(line);
  } catch (error) {
    throw new HandLost('a watch yielded something else than events', { cause: error });
  }
}
