/** What commands are filled in with: values of secrets, and files of the task. */
import type { AssignedVariable } from '../../wire/assignment.ts';
import { AttemptFailure } from '../failure.ts';

export type Env = Record<string, string>;

/** What a file of the task holds. The operator was told that it is there. */
export function demanded(text: string | undefined, path: string, who: string): string {
  if (text === undefined) throw new AttemptFailure('TaskInvalid', `${path} is missing; ${who} needs it`);
  return text;
}

/** Variables of a phase with the values of secrets filled in. */
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
