/** What the API server fills into our kinds: the defaults of their schemas. */
import { definitions } from '../../../src/crds/kinds.ts';
import { GROUP } from '../../../src/crds/names.ts';
import type { Stored } from './objects.ts';

interface Schema {
  default?: unknown;
  properties?: Record<string, Schema>;
  items?: Schema;
}

const schemas = new Map(
  definitions.map(({ spec: { names, versions } }): [string, Schema] => [
    `apis/${GROUP}/${versions[0]?.name}/${names.plural}`,
    versions[0]?.schema.openAPIV3Schema ?? {},
  ]),
);

/** `resource`: `apis/sb.abundant.ai/v1alpha1/trials`; of other groups nothing is known. */
export const withDefaults = (resource: string, object: Stored): Stored =>
  filled(schemas.get(resource) ?? {}, object) as Stored;

function filled({ properties = {}, items }: Schema, value: unknown): unknown {
  if (Array.isArray(value)) return items ? value.map((item) => filled(items, item)) : value;
  if (typeof value !== 'object' || value === null) return value;
  const all: Record<string, unknown> = { ...value };
  for (const [name, schema] of Object.entries(properties)) {
    const inner = all[name] ?? structuredClone(schema.default);
    if (inner !== undefined) all[name] = filled(schema, inner);
  }
  return all;
}
