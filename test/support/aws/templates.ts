/** The stacks on AWS, taken apart for tests. */
import { TEMPLATES } from '../../../src/installation/aws/stacks/stacks.ts';
import type { Template } from '../../../src/installation/aws/stacks/template.ts';

export const stacks: [name: string, Template][] = Object.entries(TEMPLATES);

/** Every resource; `id` is `<stack>/<name in the template>`. */
export const resources = stacks.flatMap(([stack, { Resources }]) =>
  Object.entries(Resources).map(([name, resource]) => ({
    id: `${stack}/${name}`,
    type: resource.Type as string,
    resource,
    properties: resource.Properties as unknown as Record<string, unknown>,
  })),
);

export const ofType = (...types: string[]) => resources.filter(({ type }) => types.includes(type));

/** Every value in it, and it, with the key that it is under; members of a list have the list's. */
export function* valuesIn(value: unknown, key = ''): Generator<readonly [key: string, value: unknown]> {
  yield [key, value];
  if (typeof value !== 'object' || value === null) return;
  for (const [name, part] of Object.entries(value)) yield* valuesIn(part, Array.isArray(value) ? key : name);
}

export const textsIn = (value: unknown): string[] =>
  [...valuesIn(value)].flatMap(([, one]) => (typeof one === 'string' ? [one] : []));

export interface Statement {
  Sid?: string;
  Effect: string;
  Principal?: unknown;
  Action: string | string[];
  Resource?: unknown;
  Condition?: object;
}

/** Statements of every policy, trust included, with the resource that they are in. */
export const statements = resources.flatMap(({ id, properties }) =>
  [...valuesIn(properties)].flatMap(([key, value]) =>
    key === 'Statement' && Array.isArray(value)
      ? (value as Statement[]).map((statement) => Object.assign({ id }, statement))
      : [],
  ),
);
