/** The lines that `watch` yields: read strictly, since files in the container are called whatever their makers like. */
import { BadFrame, count, oneOf, optional, text } from './bodies.ts';
import type { Check } from './bodies.ts';
import { isRecord, parsedJson } from '../../text/json.ts';
import { KINDS, REASONS } from './protocol.ts';
import type { WatchEvent } from './protocol.ts';

/** Bytes of a line, at most: two paths of all the escapes that there are. */
export const EVENT_MAX = 128 * 1024;

const hex: Check = (value) => typeof value === 'string' && /^([0-9a-f]{2})+$/.test(value);
const place = { path: text, pathHex: optional(hex) };
const kind = optional(oneOf(...KINDS));

const SHAPES: Record<WatchEvent['event'], Record<string, Check>> = {
  watching: { folders: count },
  created: { ...place, kind },
  modified: { ...place, kind },
  removed: { ...place, kind: optional(oneOf('directory')) },
  moved: { ...place, from: text, fromHex: optional(hex), kind },
  unwatched: { ...place, reason: oneOf(...Object.keys(REASONS)) },
  overflow: {},
  ended: { why: oneOf('removed', 'replaced') },
};

const isEvent = (name: unknown): name is WatchEvent['event'] =>
  typeof name === 'string' && Object.hasOwn(SHAPES, name);

/** The event of one line. Throws BadFrame. */
export function readWatchEvent(line: Uint8Array): WatchEvent {
  const event = parsedJson(new TextDecoder().decode(line));
  if (!isRecord(event) || !isEvent(event['event'])) throw new BadFrame('a line of a watch is no event');
  for (const [field, check] of Object.entries(SHAPES[event['event']]))
    if (!check(event[field])) throw new BadFrame(`an event ${event['event']} has no proper ${field}`);
  return event as unknown as WatchEvent;
}
