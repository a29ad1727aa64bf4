/** Values of a template with its functions worked out: those that our templates use; another one is refused by name. */
import { invalid, unsupported } from './errors.ts';
import type { Made } from './model.ts';
import { functionOf, type Template } from './template.ts';

/** In place of what only the deployment will show. Source: DescribeChangeSet with property values shows this text. */
export const UNKNOWN = '{{changeSet:KNOWN_AFTER_APPLY}}';

export interface Scope {
  template: Template;
  parameters: Readonly<Record<string, string>>;
  pseudo: Readonly<Record<string, string>>;
  /** What a resource is by now; undefined: not made yet. */
  made: (logicalId: string) => Pick<Made, 'physicalId' | 'attributes'> | undefined;
}

const NOTHING = Symbol('AWS::NoValue');

const isList = ({ Type }: { Type: string }): boolean =>
  Type === 'CommaDelimitedList' || Type.startsWith('List<');

function reference(name: string, scope: Scope): unknown {
  if (name === 'AWS::NoValue') return NOTHING;
  if (name in scope.pseudo) return scope.pseudo[name];
  const parameter = scope.template.Parameters[name];
  if (!parameter) return scope.made(name)?.physicalId ?? UNKNOWN;
  const value = scope.parameters[name]!;
  return isList(parameter) ? value.split(',').map((one) => one.trim()) : value;
}

function attribute(path: readonly string[], scope: Scope): string {
  const [name = '', ...rest] = path;
  const made = scope.made(name);
  if (!made) return UNKNOWN;
  const value = made.attributes[rest.join('.')];
  if (value === undefined)
    throw invalid(
      `Template error: resource ${name} does not support attribute type ${rest.join('.')} in Fn::GetAtt`,
    );
  return value;
}

const pathOf = (argument: unknown): string[] =>
  Array.isArray(argument) ? argument.map(String) : String(argument).split('.');

const text = (value: unknown): string => (Array.isArray(value) ? value.join(',') : String(value));

const substituted = (pattern: unknown, scope: Scope): string => {
  if (typeof pattern !== 'string') throw unsupported('Fn::Sub with a map');
  return pattern.replaceAll(/\$\{(!?)([^}]+)\}/g, (_, literal: string, path: string) => {
    if (literal) return `\${${path}}`;
    return text(path.includes('.') ? attribute(path.split('.'), scope) : reference(path, scope));
  });
};

function chosen([index, list]: unknown[], scope: Scope): unknown {
  const values = resolve(list, scope) as unknown[];
  const value = values[Number(index)];
  if (value === undefined)
    throw invalid(`Template error: Fn::Select cannot select nonexistent value at index ${String(index)}`);
  return value;
}

/** Whether a condition of the template holds. */
export function holds(condition: unknown, scope: Scope): boolean {
  if (typeof condition === 'string') return holds(scope.template.Conditions[condition], scope);
  const [name, argument] = functionOf(condition) ?? ['', undefined];
  const parts = argument as unknown[];
  if (name === 'Condition') return holds(String(argument), scope);
  if (name === 'Fn::Equals') {
    const [one, other] = parts.map((part) => text(resolve(part, scope)));
    return one === other;
  }
  if (name === 'Fn::Not') return !holds(parts[0], scope);
  if (name === 'Fn::And') return parts.every((part) => holds(part, scope));
  if (name === 'Fn::Or') return parts.some((part) => holds(part, scope));
  throw unsupported(`the condition ${name || JSON.stringify(condition)}`);
}

const FUNCTIONS: Readonly<Record<string, (argument: unknown, scope: Scope) => unknown>> = {
  Ref: (name, scope) => reference(String(name), scope),
  'Fn::GetAtt': (path, scope) => attribute(pathOf(path), scope),
  'Fn::Sub': substituted,
  'Fn::Join': (argument, scope) => {
    const [separator, values] = argument as [string, unknown];
    return (resolve(values, scope) as unknown[]).map(text).join(separator);
  },
  'Fn::Select': (argument, scope) => chosen(argument as unknown[], scope),
  'Fn::If': (argument, scope) => {
    const [condition, yes, no] = argument as [string, unknown, unknown];
    return resolve(holds(condition, scope) ? yes : no, scope);
  },
};

/** The value with every function worked out. */
export function resolve(value: unknown, scope: Scope): unknown {
  const called = functionOf(value);
  if (called && called[0] !== 'Condition') {
    const [name, argument] = called;
    const work = FUNCTIONS[name];
    if (!work) throw unsupported(name);
    return work(argument, scope);
  }
  if (Array.isArray(value)) return value.map((one) => resolve(one, scope)).filter((one) => one !== NOTHING);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, one]) => [name, resolve(one, scope)] as const);
  return Object.fromEntries(entries.filter(([, one]) => one !== NOTHING));
}
