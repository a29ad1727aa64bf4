/** JSON that anyone may have written: what is not of the expected kind counts as missing. Nothing here throws. */
import { isRecord, parsedJson } from '../../text/json.ts';

export type Fields = Record<string, unknown>;

/** Each line as the JSON object that it holds, or as the text that it is otherwise: a line that was cut is no JSON. */
export function* eventsIn(lines: Iterable<string>): Generator<Fields | string> {
  for (const line of lines) {
    // Quicker than an exception for each line of plain text.
    const value = line.trimStart().startsWith('{') ? parsedJson(line) : undefined;
    yield isRecord(value) ? value : line;
  }
}

/** The JSON objects among the lines; programs print other lines between them. */
export function* objectsIn(lines: Iterable<string>): Generator<Fields> {
  for (const event of eventsIn(lines)) if (typeof event !== 'string') yield event;
}

/** Empty where the value is no object. */
export const fieldsOf = (value: unknown): Fields => (isRecord(value) ? value : {});

/** Empty where the value is no list. */
export const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** The objects of a list. */
export const objectsOf = (value: unknown): Fields[] => listOf(value).filter(isRecord);

export const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** Empty where the value is no text. */
export const wordsOf = (value: unknown): string => textOf(value) ?? '';

export const countOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;

/** Sums what counts there are; undefined where there is none. */
export function sumOf(...values: unknown[]): number | undefined {
  const counts = values.map(countOf).filter((count) => count !== undefined);
  return counts.length > 0 ? countOf(counts.reduce((sum, count) => sum + count, 0)) : undefined;
}

/** An amount of money. */
export const costOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;

/** ISO 8601 with a zone, of such a text or of milliseconds since 1970. */
export function timeOf(value: unknown): string | undefined {
  if (typeof value === 'string' && !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value))
    return undefined;
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const date = new Date(value);
  // A year beyond 9999 has another form, which others do not read.
  return Number.isNaN(date.getTime()) || Math.abs(date.getTime()) > 253_402_300_799_999
    ? undefined
    : date.toISOString();
}

/** Text of what a message or a result holds: a text, or a list of blocks of which some have a `text`. */
export function contentText(content: unknown): string {
  if (typeof content === 'string') return content;
  return objectsOf(content)
    .map((block) => textOf(block['text']) ?? (typeof block['type'] === 'string' ? `[${block['type']}]` : ''))
    .filter((text) => text !== '')
    .join('\n');
}

/** Arguments of a call: an object, or the text of one as OpenAI's protocols have it; anything else under `input`. */
export function argumentsOf(value: unknown): Fields {
  const parsed = typeof value === 'string' ? parsedJson(value) : value;
  if (isRecord(parsed)) return parsed;
  return value === undefined || value === null || value === '' ? {} : { input: value };
}
