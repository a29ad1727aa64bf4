/** What the API server would say to an object, before it is sent. */
import type { TSchema } from 'typebox';
import Value from 'typebox/value';
import { errorsOf, pathOf, plainKey, valueAt } from './schema-errors.ts';
import type { Structural } from './structural.ts';

/** A field that the API server would refuse. */
export interface Refusal {
  /** From the schema's root. */
  path: (string | number)[];
  /** What is there and what is taken, after the field's name: `is 2000; expected at most 1000`. */
  message: string;
}

/** What the schema refuses in a value whose defaults are not filled in yet. */
export function refusals(schema: TSchema, value: object): Refusal[] {
  const whole = Value.Default(schema, structuredClone(value)) as object;
  const found = errorsOf(schema, whole).flatMap(({ keyword, schemaPath, instancePath, params }) => {
    // Of a map that has a wrong value, the value itself is told.
    if (keyword === 'required' || keyword === 'additionalProperties') return [];
    const path = pathOf(instancePath, whole);
    const at = valueAt(whole, path);
    const { limit } = params as { limit?: number };
    const said = SENTENCES[keyword] ?? otherType;
    return [{ path, message: said(at, { limit, node: nodeAt(schema, schemaPath) }) }];
  });
  return [...found, ...beyondLimits(whole)];
}

type Said = (value: unknown, told: { limit: number | undefined; node: Structural }) => string;

const entries: Said = (value, { limit }) =>
  `has ${Object.keys(value as object).length} entries; expected at most ${limit}`;

const SENTENCES: Record<string, Said> = {
  maxLength: (value, { limit }) => `has ${String(value).length} characters; expected at most ${limit}`,
  minLength: () => 'is empty',
  maxItems: entries,
  maxProperties: entries,
  maximum: (value, { limit }) => `is ${shown(value)}; expected at most ${limit}`,
  minimum: (value, { limit }) => `is ${shown(value)}; expected at least ${limit}`,
  pattern: (value, { node }) =>
    `is ${shown(value)}; ${node['x-kubernetes-validations']?.[0]?.message ?? `expected ${node.pattern}`}`,
  enum: (value, { node }) => `is ${shown(value)}; expected one of ${node.enum?.join(', ')}`,
};

const otherType: Said = (value, { node }) => `is ${shown(value)}; expected ${node.type}`;

const SHOWN = 60;

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

const nodeAt = (schema: TSchema, pointer: string): Structural =>
  pointer
    .split('/')
    .slice(1)
    .reduce<unknown>(
      (node, part) => (node as Record<string, unknown> | undefined)?.[plainKey(part)],
      schema,
    ) as Structural;

interface Resources {
  requests?: Record<string, string>;
  limits?: Record<string, string>;
}

/** The rule of `withinLimit` (environment.ts), for those who have no CEL. */
function beyondLimits(spec: object): Refusal[] {
  const path = ['environment', 'resources'];
  const { requests = {}, limits = {} } = (valueAt(spec, path) ?? {}) as Resources;
  return Object.entries(requests).flatMap(([resource, request]) => {
    const limit = limits[resource];
    if (limit === undefined || !(amountOf(request) > amountOf(limit))) return [];
    const message = `is ${request}; expected at most the limit, ${limit}`;
    return [{ path: [...path, 'requests', resource], message }];
  });
}

const UNITS = ['', 'k', 'M', 'G', 'T', 'P', 'E'];

/** A Kubernetes quantity in its base unit; NaN for what is none. */
export function amountOf(quantity: string | number): number {
  const [, number = 'NaN', unit = ''] =
    /^([0-9.]+(?:[eE][0-9]+)?)(m|[kKMGTPE]i?)?$/.exec(String(quantity)) ?? [];
  if (unit === 'm') return Number(number) / 1000;
  const power = UNITS.indexOf(unit === 'Ki' ? 'k' : unit.replace('i', ''));
  return Number(number) * (unit.endsWith('i') ? 1024 : 1000) ** power;
}
