/** A template, checked for what this service understands. Everything else is refused by name, before anything is made. */
import { invalid, unsupported } from './errors.ts';
import type { ResourceTypes } from './resource-type.ts';

export interface Parameter {
  Type: string;
  Description?: string;
  Default?: string | number;
  NoEcho?: boolean | string;
  AllowedPattern?: string;
  AllowedValues?: (string | number)[];
  ConstraintDescription?: string;
  MinLength?: number;
  MaxLength?: number;
  MinValue?: number;
  MaxValue?: number;
}

export interface Resource {
  Type: string;
  Condition?: string;
  DependsOn?: string | string[];
  DeletionPolicy?: string;
  UpdateReplacePolicy?: string;
  Properties?: Record<string, unknown>;
}

export interface Template {
  Description?: string;
  Parameters: Record<string, Parameter>;
  Conditions: Record<string, unknown>;
  Resources: Record<string, Resource>;
  Outputs: Record<string, { Value: unknown; Description?: string; Condition?: string }>;
}

const SECTIONS = [
  'AWSTemplateFormatVersion',
  'Description',
  'Parameters',
  'Conditions',
  'Resources',
  'Outputs',
];
const OF_RESOURCE = ['Type', 'Condition', 'DependsOn', 'DeletionPolicy', 'UpdateReplacePolicy', 'Properties'];
const OF_OUTPUT = ['Value', 'Description', 'Condition'];
const OF_PARAMETER = [
  'Type',
  'Description',
  'Default',
  'NoEcho',
  'AllowedPattern',
  'AllowedValues',
  'ConstraintDescription',
  'MinLength',
  'MaxLength',
  'MinValue',
  'MaxValue',
];
const POLICIES = ['Delete', 'Retain', 'RetainExceptOnCreate'];
const PSEUDO = [
  'AWS::AccountId',
  'AWS::Partition',
  'AWS::Region',
  'AWS::StackId',
  'AWS::StackName',
  'AWS::URLSuffix',
  'AWS::NoValue',
];
/** Source: CloudFormation User Guide, “Understand CloudFormation quotas”: template body size in a request. */
const LONGEST_BODY = 51_200;

function only(known: readonly string[], value: object, where: string): void {
  const other = Object.keys(value).find((name) => !known.includes(name));
  if (other !== undefined) throw unsupported(`${where}/${other} of the template`);
}

function parsed(body: string): object {
  if (body.length > LONGEST_BODY)
    throw invalid(
      `1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to ${LONGEST_BODY}`,
    );
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // YAML is not understood here.
  }
  throw invalid('Template format error: unsupported structure.');
}

export type Reference =
  | { kind: 'ref'; name: string }
  | { kind: 'attribute'; name: string; attribute: string }
  | { kind: 'condition'; name: string };

const inSub = (text: string): Reference[] =>
  [...text.matchAll(/\$\{([^!}][^}]*)\}/g)].map(([, path = '']) => {
    const [name = '', ...attribute] = path.split('.');
    return attribute.length > 0
      ? { kind: 'attribute', name, attribute: attribute.join('.') }
      : { kind: 'ref', name };
  });

/** A function of a template: an object with one member. */
export function functionOf(value: unknown): [name: string, argument: unknown] | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const [[name, argument] = ['', undefined], ...more] = Object.entries(value);
  const isOne =
    name === 'Ref' || name.startsWith('Fn::') || (name === 'Condition' && typeof argument === 'string');
  return isOne && more.length === 0 ? [name, argument] : undefined;
}

const FUNCTIONS = [
  'Condition',
  'Fn::And',
  'Fn::Equals',
  'Fn::GetAtt',
  'Fn::If',
  'Fn::Join',
  'Fn::Not',
  'Fn::Or',
  'Fn::Select',
  'Fn::Sub',
  'Ref',
];

function checkFunctions(value: unknown): void {
  const [name, argument] = functionOf(value) ?? ['Ref', undefined];
  if (!FUNCTIONS.includes(name)) throw unsupported(name);
  if (name === 'Fn::Sub' && typeof argument !== 'string') throw unsupported('Fn::Sub with a map');
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(checkFunctions);
}

/** What GetAtt asks for has to be known of the type. */
function checkAttributes({ Resources, Outputs }: Template, types: ResourceTypes): void {
  for (const one of referencesIn({ Resources, Outputs })) {
    if (one.kind !== 'attribute') continue;
    const resource = Resources[one.name];
    if (!resource || !types[resource.Type]!.attributes.includes(one.attribute))
      throw invalid(
        `Template error: resource ${one.name} does not support attribute type ${one.attribute} in Fn::GetAtt`,
      );
  }
}

function ofFunction([name, argument]: [string, unknown]): Reference[] {
  if (name === 'Ref') return [{ kind: 'ref', name: String(argument) }];
  if (name === 'Condition') return [{ kind: 'condition', name: String(argument) }];
  if (name === 'Fn::GetAtt') {
    const [of = '', ...rest] = Array.isArray(argument) ? argument.map(String) : String(argument).split('.');
    return [{ kind: 'attribute', name: of, attribute: rest.join('.') }];
  }
  if (name === 'Fn::Sub' && typeof argument === 'string') return inSub(argument);
  if (name === 'Fn::If' && Array.isArray(argument)) {
    const [condition, ...values] = argument as unknown[];
    return [{ kind: 'condition', name: String(condition) }, ...referencesIn(values)];
  }
  return referencesIn(argument);
}

/** Everything that a value refers to. */
export function referencesIn(value: unknown): Reference[] {
  const called = functionOf(value);
  if (called) return ofFunction(called);
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(referencesIn);
}

/** Logical ids of the resources that have to be there first. */
export function needsOf({ Properties, DependsOn = [] }: Resource, template: Template): string[] {
  const named = referencesIn(Properties).flatMap((one) => (one.kind === 'condition' ? [] : [one.name]));
  return [...new Set([...named, DependsOn].flat())].filter((name) => name in template.Resources);
}

function checkReferences(template: Template): void {
  const names = new Set([...PSEUDO, ...Object.keys(template.Parameters), ...Object.keys(template.Resources)]);
  const sections = { Resources: template.Resources, Outputs: template.Outputs };
  for (const [section, value] of Object.entries(sections)) {
    const missing = referencesIn(value).filter((one) => one.kind !== 'condition' && !names.has(one.name));
    if (missing.length > 0)
      throw invalid(
        `Template format error: Unresolved resource dependencies [${missing.map(({ name }) => name).join(', ')}] in the ${section} block of the template`,
      );
  }
  const conditions = [...Object.values(template.Resources), ...Object.values(template.Outputs)].flatMap(
    ({ Condition }) => (Condition === undefined ? [] : [{ kind: 'condition' as const, name: Condition }]),
  );
  const used = [...conditions, ...referencesIn(template)].filter(({ kind }) => kind === 'condition');
  const unknown = used.find(({ name }) => !(name in template.Conditions));
  if (unknown) throw invalid(`Template format error: Unresolved condition dependency ${unknown.name}`);
}

function checkCircles(template: Template): void {
  const visit = (name: string, path: readonly string[]): void => {
    if (path.includes(name))
      throw invalid(`Circular dependency between resources: [${path.slice(path.indexOf(name)).join(', ')}]`);
    for (const next of needsOf(template.Resources[name]!, template)) visit(next, [...path, name]);
  };
  for (const name of Object.keys(template.Resources)) visit(name, []);
}

function checkResources({ Resources }: Template, types: ResourceTypes): void {
  const unknown = Object.values(Resources).filter(({ Type }) => !Object.hasOwn(types, Type));
  if (unknown.length > 0)
    throw invalid(
      `Template format error: Unrecognized resource types: [${unknown.map(({ Type }) => Type).join(', ')}]`,
    );
  for (const [name, resource] of Object.entries(Resources)) {
    only(OF_RESOURCE, resource, `/Resources/${name}`);
    for (const policy of [resource.DeletionPolicy, resource.UpdateReplacePolicy])
      if (policy !== undefined && !POLICIES.includes(policy))
        throw unsupported(`the policy ${policy} of ${name}`);
  }
}

/** Throws what AWS answers to a template that is none. */
export function templateOf(body: string, types: ResourceTypes): Template {
  const raw = parsed(body);
  only(SECTIONS, raw, '');
  const template = { Parameters: {}, Conditions: {}, Outputs: {}, Resources: {}, ...raw } as Template;
  if (Object.keys(template.Resources).length === 0)
    throw invalid('Template format error: At least one Resources member must be defined.');
  for (const [name, one] of Object.entries(template.Parameters))
    only(OF_PARAMETER, one, `/Parameters/${name}`);
  for (const [name, one] of Object.entries(template.Outputs)) only(OF_OUTPUT, one, `/Outputs/${name}`);
  checkResources(template, types);
  checkFunctions(template);
  checkReferences(template);
  checkAttributes(template, types);
  checkCircles(template);
  return template;
}

const NAMED: Readonly<Record<string, string>> = {
  'AWS::IAM::Group': 'GroupName',
  'AWS::IAM::InstanceProfile': 'InstanceProfileName',
  'AWS::IAM::ManagedPolicy': 'ManagedPolicyName',
  'AWS::IAM::Role': 'RoleName',
  'AWS::IAM::User': 'UserName',
};

/** What whoever deploys it has to acknowledge. Source: CreateStack, `Capabilities`. */
export function capabilityOf({ Resources }: Template): 'CAPABILITY_IAM' | 'CAPABILITY_NAMED_IAM' | undefined {
  const iam = Object.values(Resources).filter(({ Type }) => Type.startsWith('AWS::IAM::'));
  if (iam.length === 0) return undefined;
  const isNamed = iam.some(({ Type, Properties = {} }) => (NAMED[Type] ?? '') in Properties);
  return isNamed ? 'CAPABILITY_NAMED_IAM' : 'CAPABILITY_IAM';
}
