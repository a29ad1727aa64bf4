/** Members of requests, checked as the service model says, and refused by name where this service does not have them. */
import { invalid, unsupported } from './errors.ts';
import type { Tag } from './model.ts';
import type { Operation } from './operation.ts';
import type { GivenParameter } from './parameters.ts';
import type { Tree } from './wire.ts';

/** Members that the service reads, by operation. */
const STACK = ['StackName', 'ClientRequestToken'];
const DESIRED = ['TemplateBody', 'Parameters', 'Capabilities', 'Tags'];
const MEMBERS: Readonly<Record<Operation, readonly string[]>> = {
  ContinueUpdateRollback: [...STACK, 'ResourcesToSkip'],
  CreateChangeSet: [
    'StackName',
    ...DESIRED,
    'UsePreviousTemplate',
    'ChangeSetName',
    'ClientToken',
    'Description',
    'ChangeSetType',
    'OnStackFailure',
  ],
  CreateStack: [
    ...STACK,
    ...DESIRED,
    'DisableRollback',
    'OnFailure',
    'EnableTerminationProtection',
    'RetainExceptOnCreate',
  ],
  DeleteChangeSet: ['StackName', 'ChangeSetName'],
  DeleteStack: [...STACK, 'RetainResources', 'DeletionMode'],
  DescribeChangeSet: ['StackName', 'ChangeSetName', 'NextToken'],
  DescribeStackEvents: ['StackName', 'NextToken'],
  DescribeStackResources: ['StackName', 'LogicalResourceId'],
  DescribeStacks: ['StackName', 'NextToken'],
  ExecuteChangeSet: [...STACK, 'ChangeSetName', 'DisableRollback', 'RetainExceptOnCreate'],
  GetTemplate: ['StackName', 'ChangeSetName', 'TemplateStage'],
  GetTemplateSummary: ['TemplateBody', 'StackName'],
  ListChangeSets: ['StackName', 'NextToken'],
  ListStackResources: ['StackName', 'NextToken'],
  ListStacks: ['NextToken', 'StackStatusFilter'],
  UpdateStack: [...STACK, ...DESIRED, 'UsePreviousTemplate', 'DisableRollback', 'RetainExceptOnCreate'],
  UpdateTerminationProtection: ['StackName', 'EnableTerminationProtection'],
};

const REQUIRED: Readonly<Partial<Record<Operation, readonly string[]>>> = {
  CreateChangeSet: ['StackName', 'ChangeSetName'],
  CreateStack: ['StackName'],
  DescribeStackEvents: ['StackName'],
  DeleteStack: ['StackName'],
  DeleteChangeSet: ['ChangeSetName'],
  DescribeChangeSet: ['ChangeSetName'],
  ExecuteChangeSet: ['ChangeSetName'],
  ListStackResources: ['StackName'],
  UpdateStack: ['StackName'],
  UpdateTerminationProtection: ['StackName', 'EnableTerminationProtection'],
};

const NAME = /^(?:[a-zA-Z][-a-zA-Z0-9]{0,127}|arn:(?:aws|aws-us-gov|aws-cn):[-a-zA-Z0-9:/._+]*)$/;
const PATTERNS: Readonly<Record<string, RegExp>> = {
  StackName: NAME,
  ChangeSetName: NAME,
  ClientRequestToken: /^[a-zA-Z0-9][-a-zA-Z0-9]{0,127}$/,
};
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  ChangeSetType: ['CREATE', 'UPDATE'],
  OnFailure: ['DO_NOTHING', 'ROLLBACK', 'DELETE'],
  OnStackFailure: ['DO_NOTHING', 'ROLLBACK', 'DELETE'],
  DeletionMode: ['STANDARD', 'FORCE_DELETE_STACK'],
  TemplateStage: ['Original', 'Processed'],
};
const MOST_TAGS = 50;

/** As every service words it. */
const constraint = (value: string, member: string, what: string): Error =>
  invalid(
    `1 validation error detected: Value '${value}' at '${member[0]!.toLowerCase()}${member.slice(1)}' failed to satisfy constraint: ${what}`,
  );

function checkText(member: string, value: string): void {
  const pattern = PATTERNS[member];
  if (pattern && !pattern.test(value))
    throw constraint(value, member, `Member must satisfy regular expression pattern: ${pattern.source}`);
  const allowed = ALLOWED[member];
  if (allowed && !allowed.includes(value))
    throw constraint(value, member, `Member must satisfy enum value set: [${allowed.join(', ')}]`);
}

/** A request's members, as they are read. */
export class Request {
  readonly #members: Readonly<Record<string, Tree>>;

  constructor(operation: Operation, members: Readonly<Record<string, Tree>>) {
    this.#members = members;
    const other = Object.keys(members).find((member) => !MEMBERS[operation].includes(member));
    if (other !== undefined) throw unsupported(`${other} of ${operation}`);
    for (const member of REQUIRED[operation] ?? [])
      if (!this.text(member)) throw constraint('null', member, 'Member must not be null');
    for (const [member, value] of Object.entries(members))
      if (typeof value === 'string') checkText(member, value);
    if (this.tags.length > MOST_TAGS)
      throw constraint('tags', 'Tags', `Member must have length less than or equal to ${MOST_TAGS}`);
  }

  text(member: string): string | undefined {
    const value = this.#members[member];
    return typeof value === 'string' ? value : undefined;
  }

  /** Undefined where it was not given. */
  flag(member: string): boolean | undefined {
    const value = this.text(member);
    return value === undefined ? undefined : value === 'true';
  }

  /** An empty list is an empty text on the wire. */
  texts(member: string): string[] {
    const value = this.#members[member];
    return Array.isArray(value) ? value.map(String) : [];
  }

  get tags(): Tag[] {
    const value = this.#members['Tags'];
    return Array.isArray(value) ? (value as unknown as Tag[]) : [];
  }

  get hasTags(): boolean {
    return this.#members['Tags'] !== undefined;
  }

  get parameters(): GivenParameter[] {
    const value = this.#members['Parameters'];
    return Array.isArray(value) ? (value as unknown as GivenParameter[]) : [];
  }
}
