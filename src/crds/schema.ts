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

/** Whole seconds within bounds. */
export const seconds = (
  description: string,
  options: { minimum?: number; maximum?: number; default?: number } = {},
) => Type.Integer({ minimum: 0, maximum: 2_592_000, format: 'int32', description, ...options });

/** A Kubernetes quantity such as `500m`, `2Gi` or `4`. */
export const quantity = (description: string, options: object = {}) =>
  Type.String({
    maxLength: 32,
    pattern: '^[0-9]+(\\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi)?$',
    description,
    ...options,
  });

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
  reason?: 'FieldValueInvalid' | 'FieldValueForbidden' | 'FieldValueRequired';
  fieldPath?: string;
}

/** Attaches CEL rules to an object schema. */
export const rules = (...list: Rule[]) => ({ 'x-kubernetes-validations': list });

/** Name of another object: a DNS-1123 subdomain. */
export const objectName = (description: string) =>
  text(253, description, { minLength: 1, pattern: '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$' });

export { Type };
