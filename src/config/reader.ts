/** Reads settings one by one and keeps every problem, so that all of them can be said at once. */
import { parsedJson } from '../text/json.ts';

export type Env = Record<string, string | undefined>;

/** What a text must look like, and how to say so. */
export interface Pattern {
  is: RegExp;
  called: string;
}

const FROM_TO = /^([^=]+)=(.+)$/;

/** Readers over `env`; what is missing or wrong goes to `problems` as `VARIABLE: value and reason`. An empty value counts as missing. */
export const reader = (env: Env, problems: string[]) => ({
  ...ofOne(env, problems),
  ...ofMany(env, problems),
});

const checking =
  (problems: string[]) =>
  (name: string, value: string, pattern?: Pattern): string => {
    if (value && pattern && !pattern.is.test(value))
      problems.push(`${name}: ${value} is not ${pattern.called}`);
    return value;
  };

/** Readers of single values. */
function ofOne(env: Env, problems: string[]) {
  const check = checking(problems);
  const optional = (name: string, pattern?: Pattern): string | undefined =>
    env[name] ? check(name, env[name], pattern) : undefined;
  const text = (name: string, fallback?: string, pattern?: Pattern): string => {
    const value = env[name] || fallback;
    if (value === undefined) problems.push(`${name}: missing; set it`);
    return check(name, value ?? '', pattern);
  };
  const optionalUrl = (name: string, protocol: RegExp): string | undefined => {
    const value = env[name] || undefined;
    const parsed = value === undefined ? null : URL.parse(value);
    if (value && !(parsed && protocol.test(parsed.protocol)))
      problems.push(`${name}: ${value} is not a URL with ${protocol.source}`);
    return value?.replace(/\/$/, '');
  };
  const url = (name: string, protocol: RegExp): string => optionalUrl(name, protocol) ?? text(name);
  const integer = (name: string, fallback: number, [least, most]: [number, number]): number => {
    const value = Number(env[name] || fallback);
    if (!Number.isInteger(value) || value < least || value > most)
      problems.push(`${name}: ${env[name]} is not a whole number of ${least} to ${most}`);
    return value;
  };
  /** The first choice is the default. */
  const choice = <const T extends readonly [string, ...string[]]>(name: string, choices: T): T[number] => {
    const value = env[name] || choices[0];
    if (!choices.includes(value)) problems.push(`${name}: ${value} is not one of ${choices.join(', ')}`);
    return value;
  };
  return { text, optional, url, optionalUrl, integer, choice };
}

/** Readers of several values in one variable. */
function ofMany(env: Env, problems: string[]) {
  const check = checking(problems);
  /** `from=to,from=to`; `to` must match. Set and empty means none. */
  const pairs = (name: string, to: Pattern, fallback = ''): Record<string, string> => {
    const entries = (env[name] ?? fallback).split(',').filter((entry) => entry !== '');
    const read = entries.map((entry): [string, string] => {
      const [, from = '', target = ''] = FROM_TO.exec(entry) ?? [];
      if (!to.is.test(target)) problems.push(`${name}: ${entry} is not ${to.called}`);
      return [from, target];
    });
    return Object.fromEntries(read);
  };
  /** `one,two`; each must match. */
  const list = (name: string, pattern?: Pattern): string[] =>
    (env[name] ?? '')
      .split(',')
      .filter((entry) => entry !== '')
      .map((entry) => check(name, entry, pattern));
  /** The same of what `parse` makes of each; a text that it returns is what is wrong, in words that follow the entry. */
  const parsed = <T extends object>(name: string, parse: (entry: string) => T | string): T[] =>
    list(name).flatMap((entry) => {
      const value = parse(entry);
      if (typeof value !== 'string') return [value];
      problems.push(`${name}: ${entry} ${value}`);
      return [];
    });
  /** JSON that `parse` makes something of; undefined where it is nothing of the kind. */
  const json = <T>(
    name: string,
    parse: (value: unknown) => T | undefined,
    { fallback, called }: { fallback: T; called: string },
  ): T => {
    if (!env[name]) return fallback;
    const value = parse(parsedJson(env[name]));
    if (value === undefined) problems.push(`${name}: ${env[name]} is not ${called}`);
    return value ?? fallback;
  };
  return { pairs, list, parsed, json };
}

export type Reader = ReturnType<typeof reader>;
