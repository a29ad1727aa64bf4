/** What values of a chart are made of: schemas that are closed, with a default each. */
import { Type, type TSchema } from 'typebox';

/** The variable of the operator that a value sets, and how its text is made of it. */
export interface Setting {
  env: string;
  as?: 'text' | 'number' | 'list' | 'pairs' | 'json';
}

/** A schema as the chart uses it. */
export type Value = TSchema & {
  description?: string;
  default?: unknown;
  type?: string | string[];
  properties?: Record<string, Value>;
  setting?: Setting;
};

export const Text = (description: string, fallback = '', options: object = {}): Value =>
  Type.String({ description, default: fallback, ...options });
/** Empty, or as the pattern says. */
export const Matching = (pattern: string, description: string, fallback = ''): Value =>
  Text(description, fallback, { pattern: `^(${pattern})?$` });
export const Flag = (description: string, fallback = false): Value =>
  Type.Boolean({ description, default: fallback });
/** Empty is the operator's own default. */
export const Choice = (values: readonly string[], description: string, fallback = ''): Value =>
  Type.Unsafe({
    type: 'string',
    enum: fallback === '' ? ['', ...values] : [...values],
    description,
    default: fallback,
  });
/** Null is the operator's own default. */
export const Whole = (minimum: number, maximum: number, description: string): Value =>
  Type.Unsafe({ type: ['integer', 'null'], minimum, maximum, description, default: null });
export const List = (item: TSchema, description: string): Value =>
  Type.Array(item, { description, default: [] });
export const StringMap = (description: string, options: object = {}): Value =>
  Type.Unsafe({
    type: 'object',
    additionalProperties: { type: 'string' },
    description,
    default: {},
    ...options,
  });
/** Of values: what it has by default, its properties say. Each may be left out. */
export const Group = (properties: Record<string, Value>, description?: string): Value =>
  Shape(properties, [], description === undefined ? {} : { description });
/** Of Kubernetes: nothing in it has a default; `required` names what must be there. */
export const Shape = (
  properties: Record<string, TSchema>,
  required: string[] = [],
  options: object = {},
): Value =>
  Type.Unsafe({
    type: 'object',
    properties,
    additionalProperties: false,
    ...(required.length > 0 && { required }),
    ...options,
  });
export const OneOf = (...values: string[]): TSchema => Type.Unsafe({ type: 'string', enum: values });

/** The same value, and the variable that it sets. */
export const sets = (env: string, value: Value, as: Setting['as'] = 'text'): Value => ({
  ...value,
  setting: { env, as },
});
