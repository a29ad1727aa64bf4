/** The few schema shapes that Kubernetes' structural schemas allow, as TypeBox builders. */
import { type TSchema, Type } from 'typebox';

/** A string of at most `max` characters. */
export const text = (max: number, description: string, options: object = {}) =>
  Type.String({ maxLength: max, description, ...options });

/** A string out of a closed list; a union would put types inside `anyOf`, which is not structural. */
export const choice = <const T extends string>(
  values: readonly T[],
  description: string,
  options: object = {},
) => Type.Unsafe<T>({ type: 'string', enum: [...values], description, ...options });

/** A map of strings with bounded values. */
export const stringMap = (maxProperties: number, maxLength: number, description: string) =>
  Type.Unsafe<Record<string, string>>({
    type: 'object',
    maxProperties,
    additionalProperties: { type: 'string', maxLength },
    description,
  });

/** The longest span that the API takes: thirty days. */
export const MAX_SECONDS = 2_592_000;

/** Whole seconds within bounds. */
export const seconds = (
  description: string,
  options: { minimum?: number; maximum?: number; default?: number } = {},
) => Type.Integer({ minimum: 0, maximum: MAX_SECONDS, format: 'int32', description, ...options });

/** A Kubernetes quantity: text such as `500m` or `2Gi`, or a whole number. */
export type Quantity = string | number;

/** The units that an amount can have, and what is said to whoever writes another. */
const UNITS = {
  cores: {
    pattern: '^[0-9]+(\\.[0-9]+)?m?$',
    rule: "type(self) != string || self.matches('^[0-9.]+m?$')",
    message: "write cores as a number or in thousandths, such as 2, '0.5' or 500m",
  },
  bytes: {
    pattern: '^[0-9]+(\\.[0-9]+)?(e[0-9]{1,2}|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi)?$',
    rule: "type(self) != string || self.matches('^[0-9.]+(e[0-9]+|k|[MGTP]|[KMGTP]i)?$')",
    message: 'write bytes with a unit of Kubernetes, such as 512Mi or 2Gi; m, MB, g and the like are none',
  },
} as const;

/** An amount of cores or bytes. As in a Pod, a whole number needs no quotes; of a number with a fraction a custom resource cannot take the plain form. */
export const quantity = (unit: keyof typeof UNITS, description: string, options: object = {}) => {
  const { pattern, rule, message } = UNITS[unit];
  return Type.Unsafe<Quantity>({
    'x-kubernetes-int-or-string': true,
    minimum: 0,
    maxLength: 32,
    pattern,
    description,
    ...options,
    ...rules({ rule, message, reason: 'FieldValueInvalid' }),
  });
};

/** A point in time as the API server writes it. */
export const time = (description: string) => Type.String({ format: 'date-time', maxLength: 64, description });

/** A list whose items are told apart by `key`, so that server-side apply merges them. */
export const listMap = <T extends TSchema>(item: T, key: string, options: object) =>
  Type.Array(item, { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [key], ...options });

/** A list that is replaced as a whole. */
export const atomicList = <T extends TSchema>(item: T, options: object) =>
  Type.Array(item, { 'x-kubernetes-list-type': 'atomic', ...options });

/** One CEL rule of `x-kubernetes-validations`. */
export interface Rule {
  rule: string;
  message: string;
  /** CEL for a message that says more. */
  messageExpression?: string;
  reason?: 'FieldValueInvalid' | 'FieldValueForbidden' | 'FieldValueRequired';
  fieldPath?: string;
}

/** Attaches CEL rules to an object schema. */
export const rules = (...list: Rule[]) => ({ 'x-kubernetes-validations': list });

/** Name of another object: a DNS-1123 subdomain. */
export const objectName = (description: string) =>
  text(253, description, { minLength: 1, pattern: '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$' });

export { Type };
