/**
 * Numbers as pydantic reads them where a model asks for one: also out of text. It takes true and false for 1 and 0, too; here they are
 * refused, since whoever writes them has mistaken the field.
 */
import { MAX_SECONDS } from '../../crds/schema.ts';
import { isTable } from './aliases.ts';

/** A part of a schema, as far as it says where numbers are. */
export interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  patternProperties?: Record<string, Schema>;
  items?: Schema;
  anyOf?: Schema[];
  /** A span of time, in seconds. */
  seconds?: true;
}

const DIGITS = '\\d+(?:_\\d+)*';
const WHOLE = new RegExp(`^[+-]?${DIGITS}(\\.0+)?$`);
const DECIMAL = new RegExp(`^[+-]?(${DIGITS}(\\.(${DIGITS})?)?|\\.${DIGITS})(e[+-]?\\d+)?$`, 'i');
const ENDLESS = /^\+?inf(inity)?$/i;

/** Changes the parsed document in place. What is no number stays, for the schema to refuse it. */
export function readNumbers(value: unknown, schema: Schema): void {
  const { items } = schema;
  if (Array.isArray(value) && items) value.forEach((_, index) => readAt(value, index, items));
  else if (isTable(value)) readTable(value, schema);
}

function readTable(
  table: Record<string, unknown>,
  { properties = {}, patternProperties = {} }: Schema,
): void {
  const [others] = Object.values(patternProperties);
  for (const key of Object.keys(table)) {
    const field = Object.hasOwn(properties, key) ? properties[key] : others;
    if (field) readAt(table, key, field);
  }
}

function readAt<Key extends string | number>(parent: Record<Key, unknown>, key: Key, schema: Schema): void {
  const known = schema.anyOf ?? [schema];
  // Where text is taken, text stays text.
  const number = known.some(({ type }) => type === 'string')
    ? undefined
    : known.find(({ type }) => type === 'number' || type === 'integer');
  if (number) parent[key] = asNumber(parent[key], number);
  for (const one of known) readNumbers(parent[key], one);
}

function asNumber(value: unknown, { type, seconds }: Schema): unknown {
  const text = typeof value === 'string' ? value.trim() : '';
  // A Trial always ends, so a span without an end is the longest that the API takes.
  if (seconds && (value === Infinity || ENDLESS.test(text))) return MAX_SECONDS;
  return (type === 'integer' ? WHOLE : DECIMAL).test(text) ? Number(text.replaceAll('_', '')) : value;
}
