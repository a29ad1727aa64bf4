/** Everything in which a value does not keep to a schema, and where. */
import type { TSchema } from 'typebox';
import { Settings } from 'typebox/system';
import Value from 'typebox/value';

/** Far more than anybody reads; TypeBox itself stops at eight. */
const MAX_ERRORS = 1000;

export function errorsOf(schema: TSchema, value: unknown): ReturnType<typeof Value.Errors> {
  const { maxErrors } = Settings.Get();
  Settings.Set({ maxErrors: MAX_ERRORS });
  try {
    return Value.Errors(schema, value);
  } finally {
    Settings.Set({ maxErrors });
  }
}

/** A part of a JSON pointer as the key that it stands for. */
export const plainKey = (part: string): string => part.replaceAll('~1', '/').replaceAll('~0', '~');

/** JSON pointer → keys, and indexes where `root` has a list. */
export function pathOf(pointer: string, root: unknown): (string | number)[] {
  let value = root;
  return pointer
    .split('/')
    .slice(1)
    .map((part) => {
      const key = Array.isArray(value) ? Number(part) : plainKey(part);
      value = (value as Record<string | number, unknown>)[key];
      return key;
    });
}

export const valueAt = (root: unknown, path: readonly (string | number)[]): unknown =>
  path.reduce<unknown>((value, key) => (value as Record<string | number, unknown> | undefined)?.[key], root);
