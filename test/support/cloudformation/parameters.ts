/** Values of a template's parameters, from a request, the stack before it and the defaults. Source: User Guide, “CloudFormation template Parameters syntax”. */
import { invalid } from './errors.ts';
import type { Parameter, Template } from './template.ts';

export interface GivenParameter {
  ParameterKey: string;
  ParameterValue?: string;
  UsePreviousValue?: string;
}

const missing = (names: readonly string[]): Error =>
  invalid(`Parameters: [${names.join(', ')}] must have values`);

/** Lists are held to it value by value. */
const partsOf = ({ Type }: Parameter, value: string): string[] =>
  Type === 'CommaDelimitedList' || Type.startsWith('List<')
    ? value.split(',').map((one) => one.trim())
    : [value];

const CHECKS: readonly [(one: Parameter, value: string) => boolean, (one: Parameter) => string][] = [
  [({ Type }, value) => Type !== 'Number' || /^-?\d+(\.\d+)?$/.test(value), () => 'must be a number'],
  [
    ({ AllowedPattern: pattern }, value) =>
      pattern === undefined || new RegExp(`^(?:${pattern})$`).test(value),
    ({ AllowedPattern }) => `must match pattern ${AllowedPattern}`,
  ],
  [
    ({ AllowedValues: values }, value) => values === undefined || values.map(String).includes(value),
    () => 'must be one of AllowedValues',
  ],
  [
    ({ MinLength = 0 }, value) => value.length >= MinLength,
    ({ MinLength }) => `must contain at least ${MinLength} characters`,
  ],
  [
    ({ MaxLength = Infinity }, value) => value.length <= MaxLength,
    ({ MaxLength }) => `must contain at most ${MaxLength} characters`,
  ],
  [
    ({ MinValue = -Infinity }, value) => !(Number(value) < MinValue),
    ({ MinValue }) => `must be a number not less than ${MinValue}`,
  ],
  [
    ({ MaxValue = Infinity }, value) => !(Number(value) > MaxValue),
    ({ MaxValue }) => `must be a number not greater than ${MaxValue}`,
  ],
];

function check(name: string, parameter: Parameter, value: string): void {
  for (const one of partsOf(parameter, value))
    for (const [isRight, what] of CHECKS)
      if (!isRight(parameter, one))
        throw invalid(
          parameter.ConstraintDescription === undefined
            ? `Parameter '${name}' ${what(parameter)}`
            : `Parameter ${name} failed to satisfy constraint: ${parameter.ConstraintDescription}`,
        );
}

function valueOf(
  name: string,
  { Default }: Parameter,
  from: { given: readonly GivenParameter[]; previous: Readonly<Record<string, string>> | undefined },
): string | undefined {
  const given = from.given.find(({ ParameterKey }) => ParameterKey === name);
  if (given?.UsePreviousValue === 'true') {
    if (from.previous?.[name] === undefined)
      throw invalid(
        `Invalid input for parameter key ${name}. Cannot specify usePreviousValue as true for a parameter key not in the previous template`,
      );
    return from.previous[name];
  }
  return given?.ParameterValue ?? (Default === undefined ? undefined : String(Default));
}

/** Throws what AWS answers to values that are missing, that nobody asked for, or that are not allowed. */
export function parametersOf(
  { Parameters }: Template,
  given: readonly GivenParameter[],
  previous?: Readonly<Record<string, string>>,
): Record<string, string> {
  const unknown = given.filter(({ ParameterKey }) => !(ParameterKey in Parameters));
  if (unknown.length > 0)
    throw invalid(
      `Parameters: [${unknown.map(({ ParameterKey }) => ParameterKey).join(', ')}] do not exist in the template`,
    );
  const values = Object.entries(Parameters).map(
    ([name, one]) => [name, valueOf(name, one, { given, previous })] as const,
  );
  const without = values.flatMap(([name, value]) => (value === undefined ? [name] : []));
  if (without.length > 0) throw missing(without);
  for (const [name, value] of values) check(name, Parameters[name]!, value!);
  return Object.fromEntries(values as [string, string][]);
}

/** As the API shows them: those that are secret, hidden. */
export const shownParameters = ({ Parameters }: Template, values: Readonly<Record<string, string>>) =>
  Object.entries(values).map(([ParameterKey, value]) => ({
    ParameterKey,
    ParameterValue: String(Parameters[ParameterKey]?.NoEcho) === 'true' ? '****' : value,
  }));
