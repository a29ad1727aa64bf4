/** TypeBox schemas as the structural OpenAPI schemas that a CustomResourceDefinition takes. */
import type { TSchema } from 'typebox';
import type { Rule } from './schema.ts';

/** A schema of `openAPIV3Schema`, as far as this API uses them. */
export interface Structural {
  description?: string;
  /** Missing where `x-kubernetes-int-or-string` takes its place. */
  type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  format?: string;
  default?: unknown;
  enum?: string[];
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  minProperties?: number;
  maxProperties?: number;
  required?: string[];
  properties?: Record<string, Structural>;
  additionalProperties?: Structural;
  items?: Structural;
  'x-kubernetes-int-or-string'?: true;
  'x-kubernetes-list-type'?: 'map' | 'set' | 'atomic';
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-map-type'?: 'atomic';
  'x-kubernetes-validations'?: Rule[];
}

/** Keywords that are taken over as they are, in the order in which they are written. */
const PLAIN = [
  'description',
  'type',
  'format',
  'default',
  'enum',
  'pattern',
  'minLength',
  'maxLength',
  'minimum',
  'maximum',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
  'x-kubernetes-int-or-string',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-validations',
] as const;

const NESTED = ['required', 'properties', 'additionalProperties', 'items'] as const;

/** Formats that the API server checks; it ignores others with a warning. */
const FORMATS = ['int32', 'int64', 'float', 'double', 'date-time'];

/**
 * The structural schema of a TypeBox schema. Throws on a keyword that this API does not use, `anyOf` among them: a union of
 * types is not structural. A field with a default is not `required`: the API server fills it in, so nobody has to write it.
 */
export function structural(schema: TSchema): Structural {
  const source = schema as TSchema & Structural;
  for (const keyword of Object.keys(source)) {
    if (!([...PLAIN, ...NESTED] as string[]).includes(keyword))
      throw new Error(`${keyword} has no place in a structural schema`);
  }
  const plain = PLAIN.filter((keyword) => source[keyword] !== undefined && isKnown(keyword, source[keyword]));
  return {
    ...(Object.fromEntries(plain.map((keyword) => [keyword, source[keyword]])) as unknown as Structural),
    ...(source.default !== undefined && { default: filled(source) }),
    ...nested(source),
  };
}

/** The default with the defaults of its fields: the API server checks `default: {}` as it is written, before it fills it in. */
function filled({ default: value, properties }: Structural): unknown {
  if (!properties) return value;
  const inner = Object.entries(properties).filter(([, field]) => field.default !== undefined);
  return { ...Object.fromEntries(inner.map(([name, field]) => [name, filled(field)])), ...(value as object) };
}

function isKnown(keyword: string, value: unknown): boolean {
  return keyword !== 'format' || FORMATS.includes(value as string);
}

function nested({ required = [], properties, additionalProperties, items }: Structural): Partial<Structural> {
  const needed = required.filter((name) => properties?.[name]?.default === undefined);
  return {
    ...(needed.length > 0 && { required: needed }),
    ...(properties && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, field]) => [name, structural(field)]),
      ),
    }),
    ...(additionalProperties && { additionalProperties: structural(additionalProperties) }),
    ...(items && { items: structural(items) }),
  };
}

/** A field of a schema and where it is: `spec.task.name`, `spec.artifacts[].source`, `status.rewards{}`. */
export interface Field {
  path: string;
  schema: Structural;
  required: boolean;
}

/** Every schema under `schema`, itself included, in the order in which it is written. */
export function fields(schema: Structural, path: string, required = true): Field[] {
  const { properties = {}, additionalProperties, items } = schema;
  return [
    { path, schema, required },
    ...Object.entries(properties).flatMap(([name, field]) =>
      fields(field, `${path}.${name}`, schema.required?.includes(name) ?? false),
    ),
    ...(additionalProperties ? fields(additionalProperties, `${path}{}`, false) : []),
    ...(items ? fields(items, `${path}[]`, false) : []),
  ];
}
