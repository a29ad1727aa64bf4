/** Pure: variables of the phases, out of task.toml and the Trial. */
import type { AssignedVariable } from '../../wire/assignment.ts';
import { resolveEnv } from '../../tasks/index.ts';
import { AttemptFailure } from '../failure.ts';
import { VARIABLE_NAME } from '../hand/command.ts';

export type Env = Record<string, string>;

/** The Trial's variables with the values of secrets filled in. */
export function assignedEnv(variables: readonly AssignedVariable[], secrets: Env): Env {
  return Object.fromEntries(
    variables.map((variable) => {
      if ('value' in variable) return [variable.name, variable.value];
      const value = secrets[variable.courierVariable];
      if (value === undefined)
        throw new AttemptFailure('SecretNotFound', `the value of ${variable.name} did not reach the courier`);
      return [variable.name, value];
    }),
  );
}

/** A table of task.toml: `values`, and `open`: templates that only the Trial's variable of that name can fill. */
interface TableEnv {
  values: Env;
  open: { key: string; variable: string }[];
}

/** Takes the defaults of `${VAR:-default}`; whoever submitted the task has put the values of `${VAR}` into the Trial. */
function tableEnv(field: string, table: Env): TableEnv {
  for (const key of Object.keys(table))
    if (!VARIABLE_NAME.test(key))
      throw new AttemptFailure('TaskInvalid', `${field}: ${JSON.stringify(key)} is no name of a variable`);
  const { env, missing } = resolveEnv(table, {});
  const open = new Set(missing.map(({ key }) => key));
  const values = Object.fromEntries(Object.entries(env).filter(([key]) => !open.has(key)));
  return { values, open: missing };
}

/** The sentence for a template that nobody filled. */
const unfilled = (field: string, { key, variable }: TableEnv['open'][number]): string =>
  `${field}.${key} needs the variable ${variable}: set ${key} in the Trial, or give a default as in \${${variable}:-value}`;

/** `[environment.env]` but for what the Trial has set in the container already; throws TaskInvalid where a template stays open. */
export function environmentEnv(table: Env, set: readonly string[]): Env {
  const env = phaseEnv('environment.env', table, Object.fromEntries(set.map((name) => [name, ''])));
  return Object.fromEntries(Object.entries(env).filter(([name]) => !set.includes(name)));
}

/** A table of task.toml with the Trial's own variables over it; throws TaskInvalid where a template stays open. */
export function phaseEnv(field: string, table: Env, own: Env): Env {
  const { values, open } = tableEnv(field, table);
  const missing = open.find(({ key }) => !Object.hasOwn(own, key));
  if (missing) throw new AttemptFailure('TaskInvalid', unfilled(field, missing));
  return { ...values, ...own };
}
