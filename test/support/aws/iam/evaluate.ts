/**
 * What IAM decides for a request under a role's policies: as much of its evaluation as our policies use, and nothing passed over in silence.
 * Source of each rule: IAM User Guide, “Policy evaluation logic” and “IAM JSON policy element reference”; `evaluate.test.ts` names the page.
 */

type OneOrMore = string | readonly string[];

export interface Statement {
  Sid?: string;
  Effect: 'Allow' | 'Deny';
  Action: OneOrMore;
  Resource: OneOrMore;
  Condition?: Readonly<Record<string, Readonly<Record<string, OneOrMore>>>>;
}

export interface Policy {
  Version: string;
  Statement: readonly Statement[];
}

export interface Asked {
  /** `ecr:PutImage`. */
  action: string;
  /** Its ARN; `*` for an action that has none. */
  resource: string;
  /** Condition keys that the request has, and their values. */
  context?: Readonly<Record<string, string>>;
}

export type Decision = 'allowed' | 'explicitDeny' | 'implicitDeny';

const ELEMENTS = new Set(['Sid', 'Effect', 'Action', 'Resource', 'Condition']);

const listOf = (values: OneOrMore): readonly string[] => (typeof values === 'string' ? [values] : values);

/** `*` is any text, `?` one character. */
function isLike(text: string, pattern: string): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's').test(text);
}

const OPERATORS: Readonly<Record<string, (value: string, wanted: string) => boolean>> = {
  StringEquals: (value, wanted) => value === wanted,
  StringNotEquals: (value, wanted) => value !== wanted,
  StringLike: isLike,
  Bool: (value, wanted) => value.toLowerCase() === wanted.toLowerCase(),
};

/** The five colons of an ARN divide it; a wildcard stays within its part, and the last part, the resource, may have colons of its own. */
function partsOf(arn: string): string[] {
  const [partition = '', ...rest] = arn.split(':');
  return [partition, ...rest.slice(0, 4), rest.slice(4).join(':')];
}

function matchesResource(resource: string, pattern: string): boolean {
  if (pattern === '*') return true;
  const [parts, patterns] = [partsOf(resource), partsOf(pattern)];
  return patterns.every((part, index) => isLike(parts[index] ?? '', part));
}

const matchesAction = (action: string, pattern: string): boolean =>
  isLike(action.toLowerCase(), pattern.toLowerCase());

/** All operators and all keys have to hold, of each key one value; a key that the request has not, holds for nothing but a negated operator. */
function holds(condition: NonNullable<Statement['Condition']>, context: Record<string, string>): boolean {
  return Object.entries(condition).every(([name, keys]) => {
    const operator = OPERATORS[name];
    if (!operator) throw new Error(`the condition operator ${name} is not evaluated here`);
    const negated = name.includes('Not');
    return Object.entries(keys).every(([key, values]) => {
      const value = context[key.toLowerCase()];
      if (value === undefined) return negated;
      const matches = listOf(values).map((wanted) => operator(value, wanted));
      return negated ? matches.every(Boolean) : matches.some(Boolean);
    });
  });
}

function check(statement: Statement): void {
  const other = Object.keys(statement).find((element) => !ELEMENTS.has(element));
  if (other !== undefined) throw new Error(`the policy element ${other} is not evaluated here`);
  const variable = /\$\{[^}]*\}/.exec(JSON.stringify(statement))?.[0];
  if (variable !== undefined) throw new Error(`nothing was put in the place of ${variable}`);
}

function applies(statement: Statement, { action, resource, context = {} }: Asked): boolean {
  check(statement);
  const lower = Object.fromEntries(Object.entries(context).map(([key, value]) => [key.toLowerCase(), value]));
  return (
    listOf(statement.Action).some((pattern) => matchesAction(action, pattern)) &&
    listOf(statement.Resource).some((pattern) => matchesResource(resource, pattern)) &&
    holds(statement.Condition ?? {}, lower)
  );
}

/** Condition keys that statements about this action and resource name, and that the request has not. */
export function missingKeys(policies: readonly Policy[], { context = {}, ...asked }: Asked): string[] {
  const has = new Set(Object.keys(context).map((key) => key.toLowerCase()));
  const about = policies.flatMap(({ Statement }) =>
    Statement.filter((one) => applies({ ...one, Condition: {} }, asked)),
  );
  const named = about.flatMap(({ Condition = {} }) => Object.values(Condition).flatMap(Object.keys));
  return [...new Set(named)].filter((key) => !has.has(key.toLowerCase()));
}

/** A Deny that applies decides; else an Allow does; else nobody has allowed it. */
export function decide(policies: readonly Policy[], asked: Asked): Decision {
  const applying = policies.flatMap(({ Statement }) => Statement.filter((one) => applies(one, asked)));
  if (applying.some(({ Effect }) => Effect === 'Deny')) return 'explicitDeny';
  return applying.length > 0 ? 'allowed' : 'implicitDeny';
}
