/** Values that do not keep to a schema, in the words of a problem report. */
import type { TSchema } from 'typebox';
import { errorsOf, pathOf, plainKey, valueAt } from '../../crds/schema-errors.ts';
import { shown, type Path } from './problems.ts';

export interface Misfit {
  path: Path;
  /** The sentence after the field's name. */
  rest: string;
}

/** Every value that the schema refuses. Each of its parts says by `expected` what a report says. */
export function misfits(schema: TSchema, root: unknown): Misfit[] {
  return errorsOf(schema, root).flatMap((error): Misfit[] => {
    // The alternatives of a union fail one by one; the union's own error stands for them.
    if (error.schemaPath.includes('/anyOf/')) return [];
    const path = pathOf(error.instancePath, root);
    if (error.keyword === 'required')
      return error.params.requiredProperties.map((name) => ({
        path: [...path, name],
        rest: `is missing; expected ${expectation(schema, `${error.schemaPath}/properties/${name}`)}`,
      }));
    return [
      { path, rest: `is ${shown(valueAt(root, path))}; expected ${expectation(schema, error.schemaPath)}` },
    ];
  });
}

/** What the schema at this pointer says it expects. */
function expectation(whole: TSchema, schemaPath: string): string {
  let schema: unknown = whole;
  for (const part of schemaPath.split('/').slice(1))
    schema = (schema as Record<string, unknown>)[plainKey(part)];
  return (schema as TSchema & { expected?: string }).expected ?? 'another value';
}
