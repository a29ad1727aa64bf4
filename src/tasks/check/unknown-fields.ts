import { TaskConfig } from '../toml/schema.ts';

/** A part of the schema, as far as field names need it. */
interface Schema {
  properties?: Record<string, Schema>;
  patternProperties?: Record<string, Schema>;
  items?: Schema;
  anyOf?: Schema[];
}

/** Names from before, which are still read. */
const OLDER: Record<string, readonly string[]> = {
  '': ['version'],
  environment: ['memory', 'storage', 'allow_internet'],
};

interface UnknownField {
  path: (string | number)[];
  /** A known field of the same table that is spelt nearly so. */
  meant?: string;
}

/** Fields of a parsed task.toml that no version of the format has. */
export const unknownFields = (document: unknown): UnknownField[] =>
  unknownIn(document, TaskConfig as Schema, []);

function unknownIn(value: unknown, schema: Schema, path: (string | number)[]): UnknownField[] {
  if (Array.isArray(value))
    return value.flatMap((item, index) =>
      schema.items ? unknownIn(item, schema.items, [...path, index]) : [],
    );
  if (typeof value !== 'object' || value === null || value instanceof Date) return [];
  const { properties } = schema.anyOf?.find(({ properties: fields }) => fields) ?? schema;
  // A table of anything, such as env or metadata.
  if (!properties) return [];
  const older = OLDER[path.at(-1) === 'environment' ? 'environment' : path.join('.')] ?? [];
  return Object.entries(value).flatMap(([key, child]): UnknownField[] => {
    const field = properties[key];
    if (field) return unknownIn(child, field, [...path, key]);
    if (older.includes(key)) return [];
    const meant = nearest(key, Object.keys(properties));
    return [{ path: [...path, key], ...(meant !== undefined && { meant }) }];
  });
}

/** The word that takes the fewest changes, if those are a third of its letters or less. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const ranked = known.map((name) => ({ name, distance: distance(word, name) }));
  const best = ranked.reduce((a, b) => (b.distance < a.distance ? b : a), { name: '', distance: Infinity });
  return best.distance <= Math.max(1, Math.floor(best.name.length / 3)) ? best.name : undefined;
}

/** Levenshtein's. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 0; i < a.length; i += 1) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j += 1)
      next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1)));
    row = next;
  }
  return row[b.length] ?? 0;
}
