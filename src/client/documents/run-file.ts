/** The file of `sb cloud run -c`: the options of plan/options.ts, with the short ways of writing that plan/check-options.ts writes out. */
import { Type, type TSchema } from 'typebox';
import { SomeRunOptions } from './run-options.ts';
import { plain } from './words.ts';

interface Node {
  type?: string;
  items?: Node;
  properties?: Record<string, Node>;
}

const either = (...anyOf: object[]): Node => ({ anyOf }) as Node;

/** What is expected, where editors show it. */
const described = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(described);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) =>
      key === 'x-expected' ? ['description', inner] : [key, described(inner)],
    ),
  );
};

/** `PORT: 80` and `DEBUG: true` mean texts. */
const Variables = plain(
  Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()]), {
    description: 'a table of texts',
  }),
) as Node;

/** One thing stands for a list of it. */
const oneOrMore = (list: Node): Node => either(list.items ?? {}, list);

/** An agent’s name stands for the agent. */
function agents(list: Node): Node {
  const agent = list.items ?? {};
  const table = { ...agent, properties: { ...agent.properties, env: Variables } };
  return oneOrMore({ ...list, items: either({ type: 'string', minLength: 1 }, table) });
}

function shortened([name, schema]: [string, Node]): [string, Node] {
  if (name === 'agents') return [name, agents(schema)];
  if (name === 'agentEnv' || name === 'verifierEnv') return [name, Variables];
  if (name === 'cpus') return [name, either(schema, { type: 'number', exclusiveMinimum: 0 })];
  return [name, schema.type === 'array' ? oneOrMore(schema) : schema];
}

const options = described(plain(SomeRunOptions)) as Node;

export const RunFile = {
  ...options,
  properties: Object.fromEntries(Object.entries(options.properties ?? {}).map(shortened)),
} as TSchema;
