/** Whether options are what they must be: by one schema, wherever they come from. */
import { errorsOf, pathOf, valueAt } from '../../../crds/schema-errors.ts';
import { isRecord } from '../../../text/json.ts';
import { fieldName, shown, type Path } from '../../../tasks/toml/problems.ts';
import { RESOURCE_POLICIES, RunOptions, SomeRunOptions } from '../../documents/run-options.ts';

const LISTS = ['tasks', 'envFile', 'include', 'exclude', 'models', 'agents', 'allowEnv'];

/** The short ways of writing, written out: one thing for a list of it, an agent's name for the agent, a number for a text of digits. */
export function writtenOut(given: unknown): unknown {
  if (!isRecord(given)) return given;
  const options = { ...given };
  for (const key of LISTS)
    if (options[key] !== undefined && !Array.isArray(options[key])) options[key] = [options[key]];
  if (Array.isArray(options['agents'])) options['agents'] = options['agents'].map(agentOf);
  if (typeof options['cpus'] === 'number') options['cpus'] = String(options['cpus']);
  policiesApart(options);
  for (const key of ['agentEnv', 'verifierEnv']) options[key] = texts(options[key]);
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** Harbor's `--cpus limit` and `--memory limit` name policies, and no amounts. */
function policiesApart(options: Record<string, unknown>): void {
  for (const [key, policy] of [
    ['cpus', 'cpuEnforcementPolicy'],
    ['memory', 'memoryEnforcementPolicy'],
  ] as const)
    if (RESOURCE_POLICIES.some((one) => one === options[key])) {
      options[policy] ??= options[key];
      options[key] = undefined;
    }
}

function agentOf(agent: unknown): unknown {
  if (typeof agent === 'string') return { name: agent };
  if (!isRecord(agent)) return agent;
  return { ...agent, ...(agent['env'] !== undefined && { env: texts(agent['env']) }) };
}

/** `PORT: 80` and `DEBUG: true` mean texts where variables are meant. */
function texts(table: unknown): unknown {
  if (!isRecord(table)) return table;
  return Object.fromEntries(
    Object.entries(table).map(([key, value]) => [
      key,
      typeof value === 'number' || typeof value === 'boolean' ? String(value) : value,
    ]),
  );
}

/** Everything that is wrong, one sentence each; empty where the value is fine. */
export function optionProblems(options: unknown): string[] {
  const seen = new Set<string>();
  return errorsOf(SomeRunOptions, options).flatMap((error) => {
    const path = pathOf(error.instancePath, options);
    if (error.keyword === 'additionalProperties')
      return error.params.additionalProperties.map((key) => unknownKey([...path, key]));
    // What names the keys that are not known is said already, key by key.
    if (error.keyword === 'boolean') return [];
    const missing = error.keyword === 'required' ? error.params.requiredProperties : undefined;
    if (missing) return missing.map((key) => `${fieldName([...path, key])} is missing`);
    const field = fieldName(path) || 'the file';
    if (seen.has(field)) return [];
    seen.add(field);
    return [`${field} is ${shown(valueAt(options, path))}; expected ${expectation(error.schemaPath)}`];
  });
}

function unknownKey(path: Path): string {
  const key = String(path.at(-1));
  const known = path.length === 1 ? Object.keys(RunOptions.properties) : [];
  const plain = (text: string): string => text.toLowerCase().replace(/[^a-z]/g, '');
  const meant = known.find((one) => plain(one) === plain(key) || plain(one) === `${plain(key)}s`);
  return `${fieldName(path)} is not known${meant === undefined ? '' : `; ${meant} is`}`;
}

/** The nearest `x-expected` on the way to the part of the schema that was not met. */
function expectation(schemaPath: string): string {
  let text = 'a table of options';
  let schema: unknown = SomeRunOptions;
  for (const key of schemaPath.split('/').slice(1)) {
    schema = (schema as Record<string, unknown> | undefined)?.[key];
    const said = (schema as { 'x-expected'?: string } | undefined)?.['x-expected'];
    if (said !== undefined) text = said;
  }
  return text;
}
