/** Checks of a request's members: wrong types are SerializationException, broken constraints InvalidInputException. */
import { AwsError, invalidInput } from './errors.ts';

/** Checks one value; `path` is its place in the request. */
export type Rule = (value: unknown, path: string) => void;

function typed(is: boolean, path: string, type: string): void {
  if (!is) throw new AwsError('SerializationException', `${path} can not be converted to ${type}`);
}

const broken = (path: string, constraint: string): AwsError =>
  invalidInput(`1 validation error detected: Value at '${path}' failed to satisfy constraint: ${constraint}`);

export const text =
  (min = 0): Rule =>
  (value, path) => {
    typed(typeof value === 'string', path, 'a String');
    if ((value as string).length < min) {
      throw broken(path, `Member must have length greater than or equal to ${min}`);
    }
  };

export const flag: Rule = (value, path) => typed(typeof value === 'boolean', path, 'a Boolean');

export const integer =
  (min: number, max: number): Rule =>
  (value, path) => {
    typed(Number.isInteger(value), path, 'an Integer');
    if ((value as number) < min) throw broken(path, `Member must have value greater than or equal to ${min}`);
    if ((value as number) > max) throw broken(path, `Member must have value less than or equal to ${max}`);
  };

export const oneOf =
  (...values: string[]): Rule =>
  (value, path) => {
    typed(typeof value === 'string', path, 'a String');
    if (!values.includes(value as string)) {
      throw broken(path, `Member must satisfy enum value set: [${values.join(', ')}]`);
    }
  };

export const list =
  (rule: Rule, { min = 0, max = Infinity } = {}): Rule =>
  (value, path) => {
    typed(Array.isArray(value), path, 'a List');
    const members = value as unknown[];
    if (members.length < min) throw broken(path, `Member must have length greater than or equal to ${min}`);
    if (members.length > max) throw broken(path, `Member must have length less than or equal to ${max}`);
    members.forEach((member, i) => rule(member, `${path}.${i + 1}.member`));
  };

/** A structure. Members without a rule here are left alone, as AWS leaves members that it does not know. */
export const structure =
  (rules: Record<string, Rule>, required: string[] = []): Rule =>
  (value, path) => {
    typed(
      typeof value === 'object' && value !== null && !Array.isArray(value),
      path || 'the request',
      'a Structure',
    );
    const members = value as Record<string, unknown>;
    const at = (name: string): string => (path ? `${path}.${name}` : name);
    for (const name of required) if (members[name] == null) throw broken(at(name), 'Member must not be null');
    for (const [name, rule] of Object.entries(rules))
      if (members[name] != null) rule(members[name], at(name));
  };
