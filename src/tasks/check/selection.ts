/** Which rules are looked for: the usual ones, changed by the dataset, by the task and by the command line, in this order. */
import { parse } from 'smol-toml';
import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { RULES, ruleNames, type Rule, type RuleName } from './rules.ts';
import { nearest } from './unknown-fields.ts';

/** `[metadata.harbor.lint]` of task.toml or dataset.toml, and the options of `sb task check`. */
export interface Wish {
  select?: readonly string[];
  extendSelect?: readonly string[];
  ignore?: readonly string[];
}

const isOptional = (name: RuleName): boolean => (RULES[name] as Rule).optional === true;

/** Rules that are looked for where nobody says anything. */
export const usualRules = (strict: boolean): Set<RuleName> =>
  new Set(ruleNames.filter((name) => strict || !isOptional(name)));

/** The rules after a wish. */
export function applied(
  rules: ReadonlySet<RuleName>,
  { select, extendSelect = [], ignore = [] }: Wish,
): Set<RuleName> {
  const wanted = new Set([...(select ?? rules), ...extendSelect]);
  return new Set(
    ruleNames.filter((name) => (wanted.has('ALL') || wanted.has(name)) && !ignore.includes(name)),
  );
}

/** The first name that is no rule, and the rule that may be meant; undefined where all are rules. */
export function unknownRule({
  select = [],
  extendSelect = [],
  ignore = [],
}: Wish): { name: string; meant: string | undefined } | undefined {
  const isKnown = (name: string): boolean =>
    (name === 'ALL' && !ignore.includes(name)) || Object.hasOwn(RULES, name);
  const name = [...select, ...extendSelect, ...ignore].find((candidate) => !isKnown(candidate));
  return name === undefined ? undefined : { name, meant: nearest(name, ruleNames) };
}

/** What the nearest dataset.toml above a task says. */
export function wishOfDataset(folder: string): Wish {
  const above = dirname(folder);
  if (above === folder) return {};
  const file = join(above, 'dataset.toml');
  return statSync(file, { throwIfNoEntry: false })?.isFile() === true
    ? wishIn(tomlOrNothing(file))
    : wishOfDataset(above);
}

function tomlOrNothing(file: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch {
    return {};
  }
}

const tableIn = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;

/** `[metadata.harbor.lint]` of a parsed document. */
export function wishIn(document: unknown): Wish {
  const table = tableIn(tableIn(tableIn(document, 'metadata'), 'harbor'), 'lint');
  const names = (key: string): string[] | undefined => {
    const value = tableIn(table, key);
    return Array.isArray(value) ? value.filter((name) => typeof name === 'string') : undefined;
  };
  const [select, extendSelect, ignore] = [names('select'), names('extend-select'), names('ignore')];
  return { ...(select && { select }), ...(extendSelect && { extendSelect }), ...(ignore && { ignore }) };
}
