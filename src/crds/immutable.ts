/** Fields of a spec that stay as they were when the object was created. */
import type { TSchema } from 'typebox';
import { Type, type Rule } from './schema.ts';

const withRule = <T extends TSchema>(schema: T, rule: Rule): T => {
  const { 'x-kubernetes-validations': before = [] } = schema as { 'x-kubernetes-validations'?: Rule[] };
  // What TypeBox knows of a schema it keeps where a spread does not see it.
  const copy = Object.defineProperties({}, Object.getOwnPropertyDescriptors(schema)) as T;
  return Object.assign(copy, { 'x-kubernetes-validations': [...before, rule] });
};

const refusal = { reason: 'FieldValueForbidden' } as const;

/**
 * `fields`, of which all but `except` cannot be changed; `rule` belongs to the spec: by it none can be added or removed. The API server evaluates both at
 * every write, of a status too, and copies the schemas of all fields of a spec for each time that a rule of the spec names one: so that one is compared
 * by a rule of its own.
 */
export function immutable<T extends Record<string, TSchema>>(
  fields: T,
  { kind, except }: { kind: string; except: readonly string[] },
): { fields: T; rule: Rule } {
  const fixed = Object.keys(fields).filter((name) => !except.includes(name));
  const another = `create another ${kind}`;
  const kept = Object.entries(fields).map(([name, schema]) => {
    const rule = { rule: 'self == oldSelf', message: `${name} is immutable; ${another}`, ...refusal };
    return [name, fixed.includes(name) ? withRule(schema, rule) : schema];
  });
  const optional = fixed.filter((name) => Type.IsOptional(fields[name]));
  const have = (object: string): string => `[${optional.map((name) => `has(${object}.${name})`).join(', ')}]`;
  const changed = optional.map((name) => `(has(self.${name}) != has(oldSelf.${name}) ? '${name} ' : '')`);
  return {
    fields: Object.fromEntries(kept) as T,
    rule: {
      rule: `${have('self')} == ${have('oldSelf')}`,
      message: `${optional.join(', ')}: none can be added or removed; ${another}`,
      messageExpression: `${changed.join(' + ')} + 'is immutable; ${another}'`,
      ...refusal,
    },
  };
}
