/** CloudFormation templates as data: their types, and functions for what every stack has. */
import { awsNames, LONGEST_STACK, STACK_PATTERN, TAGS } from '../names.ts';
import type { Resources } from './resource-types.ts';

/** What CloudFormation puts a value in the place of. */
export type Intrinsic =
  | { Ref: string }
  | { 'Fn::GetAtt': readonly [resource: string, attribute: string] }
  | { 'Fn::Sub': string }
  | { 'Fn::Join': readonly [separator: string, parts: readonly unknown[] | Intrinsic] }
  | { 'Fn::If': readonly [condition: string, then: unknown, otherwise: unknown] };

export type Value<T> = T | Intrinsic;
/** A document that CloudFormation passes on, such as a policy. */
export type Json = object | string;
export interface Tag {
  Key: string;
  Value: Value<string>;
}

interface Common {
  /** What becomes of it when the stack is deleted, or when an update makes another one in its place. */
  DeletionPolicy?: 'Retain';
  UpdateReplacePolicy?: 'Retain';
  DependsOn?: readonly string[];
  Condition?: string;
}

export type ResourceType = keyof Resources;
export type Resource = { [T in ResourceType]: Common & { Type: T; Properties: Resources[T] } }[ResourceType];

export interface Parameter {
  Type: string;
  Description: string;
  Default?: string | number;
  AllowedPattern?: string;
  AllowedValues?: readonly (string | number)[];
  MaxLength?: number;
  ConstraintDescription?: string;
}

export interface Output {
  Description: string;
  Value: Value<string>;
  Condition?: string;
}

export interface Template {
  AWSTemplateFormatVersion: '2010-09-09';
  Description: string;
  Parameters: Record<string, Parameter>;
  Conditions?: Record<string, object>;
  Resources: Record<string, Resource>;
  Outputs: Record<string, Output>;
}

/** Name or id of a parameter or resource. */
export const ref = (name: string) => ({ Ref: name });
/** Text with `${…}` in it. */
export const sub = (text: string) => ({ 'Fn::Sub': text });
export const attribute = (resource: string, name: string) => ({ 'Fn::GetAtt': [resource, name] }) as const;
/** `otherwise` left out: as if the property were not there. */
export const when = (condition: ConditionName, then: unknown, otherwise: unknown = ref('AWS::NoValue')) =>
  ({ 'Fn::If': [condition, then, otherwise] }) as const;

/** Names in a template. */
export const NAMES = awsNames();

/** The parameters of all stacks: one that two have is the same in both. */
const PARAMETERS = {
  Stack: {
    Type: 'String',
    Description: 'Name of the installation (SB_STACK); names of what is made begin with it.',
    Default: 'abundant-sb',
    AllowedPattern: STACK_PATTERN,
    MaxLength: LONGEST_STACK,
    ConstraintDescription: `lower-case letters, digits and hyphens, at most ${LONGEST_STACK}`,
  },
  LogGroup: {
    Type: 'String',
    Description:
      'Log group of the Pods (SB_LOG_GROUP). A second installation of the region needs another one.',
    Default: '/sb/eks/logs',
    AllowedPattern: '[A-Za-z0-9_./#-]{1,512}',
  },
  LogDays: {
    Type: 'Number',
    Description: 'Days that logs are kept.',
    Default: 30,
    AllowedValues: [7, 14, 30, 60, 90, 180, 365, 731, 1827],
  },
  KeyId: {
    Type: 'String',
    Description:
      'Id of your own KMS key for the bucket (SB_KMS_KEY_ID), not its alias. Empty: the keys of S3.',
    Default: '',
    AllowedPattern: '([a-f0-9-]{36}|mrk-[a-f0-9]{32})?',
  },
  PullThroughPrefix: {
    Type: 'String',
    Description: 'Prefix in ECR of a pull-through cache of Docker Hub. Empty: there is none.',
    Default: '',
    AllowedPattern: '([a-z0-9][a-z0-9._/-]{1,29})?',
  },
  BudgetCorrection: {
    Type: 'String',
    Description:
      'Whether the operator holds budgets of namespaces against what AWS charges (SB_BUDGET_CORRECTION). Each day costs a cent.',
    Default: 'Off',
    AllowedValues: ['Off', 'CostExplorer'],
  },
  Dollars: { Type: 'Number', Description: 'US dollars a month, at 80 and 100 % of which a mail comes.' },
  Email: {
    Type: 'String',
    Description: 'Who gets the mail.',
    AllowedPattern: '[^@ ]+@[^@ ]+',
  },
  User: {
    Type: 'String',
    Description: 'Researcher (tag user_id) whose costs are meant. Empty: those of the whole installation.',
    Default: '',
    AllowedPattern: '([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?',
  },
  BuildCompute: {
    Type: 'String',
    Description: 'Machines that images are built on.',
    Default: 'BUILD_GENERAL1_MEDIUM',
    AllowedValues: ['BUILD_GENERAL1_SMALL', 'BUILD_GENERAL1_MEDIUM', 'BUILD_GENERAL1_LARGE'],
  },
  CidrPrefix: {
    Type: 'String',
    Description: 'Addresses of the VPC, which is a /16: the first two numbers.',
    Default: '10.100',
    AllowedPattern: '10\\.\\d{1,3}|172\\.(1[6-9]|2\\d|3[01])|192\\.168',
  },
  ZoneA: {
    Type: 'AWS::EC2::AvailabilityZone::Name',
    Description: 'Zone of a subnet, and of the NAT gateway.',
  },
  ZoneB: { Type: 'AWS::EC2::AvailabilityZone::Name', Description: 'Zone of a subnet.' },
  ZoneC: { Type: 'String', Description: 'Zone of a third subnet. Empty: the region has two.', Default: '' },
  SubnetIds: {
    Type: 'List<AWS::EC2::Subnet::Id>',
    Description: 'Private subnets of at least two zones: those of the network stack, or your own.',
  },
  ClusterName: {
    Type: 'String',
    Description: 'Name of an EKS cluster of yours.',
    AllowedPattern: '[A-Za-z0-9][A-Za-z0-9_-]{0,99}',
  },
  KubernetesVersion: {
    Type: 'String',
    Description: 'Version of Kubernetes, with standard support.',
    Default: '1.35',
    AllowedPattern: '1\\.(3[5-9]|[4-9]\\d)',
    ConstraintDescription: '1.35 or later',
  },
  AdminArn: {
    Type: 'String',
    Description: 'ARN of the role or user that is admin of the cluster; not of a session.',
    AllowedPattern: 'arn:[a-z-]+:iam::\\d{12}:(role|user)/.+',
  },
  ApiCidrs: {
    Type: 'CommaDelimitedList',
    Description: 'Who reaches the API server from outside the VPC.',
    Default: '0.0.0.0/0',
  },
} as const satisfies Record<string, Parameter>;

const isSet = (parameter: keyof typeof PARAMETERS) => ({
  'Fn::Not': [{ 'Fn::Equals': [ref(parameter), ''] }],
});

const CONDITIONS = {
  HasKey: isSet('KeyId'),
  HasPullThrough: isSet('PullThroughPrefix'),
  HasUser: isSet('User'),
  HasCostExplorer: { 'Fn::Equals': [ref('BudgetCorrection'), 'CostExplorer'] },
  HasZoneC: isSet('ZoneC'),
} as const;

export type ConditionName = keyof typeof CONDITIONS;

/** Tags of everything in a stack. `part`: the stack's own name behind that of the installation. */
export const tags = (part: string, more: readonly Tag[] = []): Tag[] => [
  { Key: TAGS.stack, Value: ref('Stack') },
  { Key: TAGS.part, Value: part },
  ...more,
];

/** On what holds results, or what nobody could make again. */
export const KEPT = { DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' } as const;

/** A role's trust in a service. `condition`: on whose behalf the service must come. */
export const trust = (service: string, actions: readonly string[], condition?: object) => ({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Principal: { Service: `${service}.amazonaws.com` },
      Action: actions,
      ...(condition && { Condition: condition }),
    },
  ],
});

const uses = (text: string, name: string): boolean =>
  text.includes(`{"Ref":"${name}"}`) || text.includes(`\${${name}}`);

/** A whole template, with those parameters and conditions that it uses. */
export function template(parts: Pick<Template, 'Description' | 'Resources' | 'Outputs'>): Template {
  const body = JSON.stringify([parts.Resources, parts.Outputs]);
  const conditions = Object.entries(CONDITIONS).filter(
    ([name]) => body.includes(`"Fn::If":["${name}"`) || body.includes(`"Condition":"${name}"`),
  );
  const text = body + JSON.stringify(conditions);
  const { Description, Resources, Outputs } = parts;
  return {
    AWSTemplateFormatVersion: '2010-09-09',
    Description,
    Parameters: Object.fromEntries(Object.entries(PARAMETERS).filter(([name]) => uses(text, name))),
    ...(conditions.length > 0 && { Conditions: Object.fromEntries(conditions) }),
    Resources,
    Outputs,
  };
}
