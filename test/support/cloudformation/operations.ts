/** What each operation does. Source of each rule: its page of the API reference; messages in docs/testing-aws.md. */
import {
  createChangeSet,
  deleteChangeSet,
  describeChangeSet,
  executeChangeSet,
  listChangeSets,
  type Place,
} from './change-sets.ts';
import { changesOf, isEmpty } from './changes.ts';
import { createStack, DELETED, deleteStack, rollBackUpdate, updateStack } from './deployment.ts';
import { AwsError, invalid, noChangeSet, noStack, noStackTo } from './errors.ts';
import type { OnFailure, Stack } from './model.ts';
import type { Operation } from './operation.ts';
import type { Request } from './requests.ts';
import { page, shownResources, shownResourceSummaries, shownStack, shownSummary } from './shown.ts';
import { checkUpdatable } from './stacks.ts';
import { capabilityOf, templateOf } from './template.ts';

type Work = (request: Request, place: Place) => object;

/** A request that was made before, with the same token, is answered as it was then. */
function repeated(stack: Stack | undefined, token: string | undefined): boolean {
  return stack !== undefined && token !== undefined && stack.token === token;
}

function create(request: Request, { stacks }: Place): object {
  const name = request.text('StackName')!;
  const token = request.text('ClientRequestToken');
  const existing = stacks.find(name);
  if (repeated(existing, token)) return { StackId: existing!.id };
  const disableRollback = request.flag('DisableRollback');
  const onFailure = request.text('OnFailure') as OnFailure | undefined;
  if (disableRollback !== undefined && onFailure !== undefined)
    throw invalid('You can specify either OnFailure or DisableRollback, but not both.');
  const stack = stacks.open(name, stacks.desired(request));
  stack.disableRollback = disableRollback ?? onFailure === 'DO_NOTHING';
  stack.retainExceptOnCreate = request.flag('RetainExceptOnCreate') ?? false;
  stack.isProtected = request.flag('EnableTerminationProtection') ?? false;
  stack.token = token;
  void stacks.run(stack, (work) =>
    createStack(work, stack.disableRollback ? 'DO_NOTHING' : (onFailure ?? 'ROLLBACK')),
  );
  return { StackId: stack.id };
}

function update(request: Request, { stacks, world }: Place): object {
  const stack = stacks.get(request.text('StackName')!, noStackTo);
  const token = request.text('ClientRequestToken');
  if (repeated(stack, token)) return { StackId: stack.id };
  checkUpdatable(stack);
  const desired = stacks.desired(request, stack.desired);
  if (isEmpty(stack, desired, changesOf(stack, desired, world)))
    throw invalid('No updates are to be performed.');
  stack.disableRollback = request.flag('DisableRollback') ?? false;
  stack.retainExceptOnCreate = request.flag('RetainExceptOnCreate') ?? false;
  stack.token = token;
  for (const set of stack.changeSets) set.execution = 'OBSOLETE';
  void stacks.run(stack, (work) => updateStack(work, desired));
  return { StackId: stack.id };
}

const UNDELETABLE = [
  'UPDATE_IN_PROGRESS',
  'UPDATE_ROLLBACK_IN_PROGRESS',
  'UPDATE_COMPLETE_CLEANUP_IN_PROGRESS',
  'UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS',
];

function checkDeletable(stack: Stack, request: Request): void {
  if (stack.isProtected)
    throw invalid(`Stack [${stack.name}] cannot be deleted while TerminationProtection is enabled`);
  if (UNDELETABLE.includes(stack.status))
    throw invalid(`Stack [${stack.id}] cannot be deleted while in status ${stack.status}`);
  const isFailed = stack.status === 'DELETE_FAILED';
  if (request.texts('RetainResources').length > 0 && !isFailed)
    throw invalid(
      `Invalid operation on stack [${stack.id}]. RetainResources can only be specified for a stack in the DELETE_FAILED state`,
    );
  if (request.text('DeletionMode') === 'FORCE_DELETE_STACK' && !isFailed)
    throw invalid(
      `Invalid operation on stack [${stack.id}]. FORCE_DELETE_STACK can only be specified for a stack in the DELETE_FAILED state`,
    );
}

/** A stack that is not there, or is being deleted already, is no error. */
function remove(request: Request, { stacks }: Place): object {
  const stack = stacks.find(request.text('StackName')!);
  if (!stack || stack.deleted || stack.status === 'DELETE_IN_PROGRESS') return {};
  checkDeletable(stack, request);
  const isForced = request.text('DeletionMode') === 'FORCE_DELETE_STACK';
  stack.token = request.text('ClientRequestToken');
  stack.deletionMode = request.text('DeletionMode');
  const options = { reason: 'User Initiated', retain: request.texts('RetainResources'), isForced };
  void stacks.run(stack, (work) => deleteStack(work, options), DELETED);
  return {};
}

function describeStacks(request: Request, { stacks, pageSize }: Place): object {
  const name = request.text('StackName');
  if (name !== undefined) return { Stacks: [shownStack(stacks.get(name), true)] };
  const there = stacks.all.filter(({ deleted }) => !deleted).toReversed();
  const { part, NextToken } = page(there, request.text('NextToken'), pageSize);
  return { Stacks: part.map((stack) => shownStack(stack, false)), NextToken };
}

function listStacks(request: Request, { stacks, pageSize }: Place): object {
  const wanted = request.texts('StackStatusFilter');
  const all = stacks.all.filter(({ status }) => wanted.length === 0 || wanted.includes(status)).toReversed();
  const { part, NextToken } = page(all, request.text('NextToken'), pageSize);
  return { StackSummaries: part.map(shownSummary), NextToken };
}

function describeEvents(request: Request, { stacks, pageSize }: Place): object {
  const stack = stacks.get(request.text('StackName')!, noStackTo);
  const { part, NextToken } = page(stack.events.toReversed(), request.text('NextToken'), pageSize);
  return { StackEvents: part, NextToken };
}

function describeResources(request: Request, { stacks }: Place): object {
  const stack = stacks.get(request.text('StackName')!);
  const logicalId = request.text('LogicalResourceId');
  const all = shownResources(stack).filter(
    (one) => logicalId === undefined || one.LogicalResourceId === logicalId,
  );
  if (logicalId !== undefined && all.length === 0)
    throw invalid(`Resource ${logicalId} does not exist for stack ${stack.name}`);
  return { StackResources: all.slice(0, 100) };
}

function listResources(request: Request, { stacks, pageSize }: Place): object {
  const stack = stacks.get(request.text('StackName')!);
  const { part, NextToken } = page(shownResourceSummaries(stack), request.text('NextToken'), pageSize);
  return { StackResourceSummaries: part, NextToken };
}

function getTemplate(request: Request, { stacks }: Place): object {
  const name = request.text('ChangeSetName');
  const stackName = request.text('StackName');
  const StagesAvailable = ['Original', 'Processed'];
  if (name !== undefined) {
    const found = stacks.changeSet(name, stackName);
    if (!found) throw noChangeSet(name);
    return { TemplateBody: found.set.desired.body, StagesAvailable };
  }
  const stack = stacks.get(stackName ?? '', noStack);
  return { TemplateBody: stack.deployed ? stack.desired.body : '', StagesAvailable };
}

function getSummary(request: Request, { stacks, world }: Place): object {
  const stackName = request.text('StackName');
  const body = request.text('TemplateBody') ?? stacks.get(stackName ?? '').desired.body;
  const template = templateOf(body, world.types);
  const needed = capabilityOf(template);
  const iam = Object.values(template.Resources).filter(({ Type }) => Type.startsWith('AWS::IAM::'));
  return {
    Parameters: Object.entries(template.Parameters).map(([ParameterKey, one]) => ({
      ParameterKey,
      DefaultValue: one.Default,
      ParameterType: one.Type,
      NoEcho: String(one.NoEcho) === 'true',
      Description: one.Description,
      ParameterConstraints: { AllowedValues: one.AllowedValues },
    })),
    Description: template.Description,
    ...(needed !== undefined && {
      Capabilities: [needed],
      CapabilitiesReason: `The following resource(s) require capabilities: [${[...new Set(iam.map(({ Type }) => Type))].join(', ')}]`,
    }),
    ResourceTypes: [...new Set(Object.values(template.Resources).map(({ Type }) => Type))],
    Version: '2010-09-09',
  };
}

function protect(request: Request, { stacks }: Place): object {
  const stack = stacks.get(request.text('StackName')!, noStackTo);
  stack.isProtected = request.flag('EnableTerminationProtection') === true;
  return { StackId: stack.id };
}

function continueRollback(request: Request, { stacks }: Place): object {
  const stack = stacks.get(request.text('StackName')!, noStackTo);
  if (stack.status !== 'UPDATE_ROLLBACK_FAILED')
    throw invalid(`Stack:${stack.id} is in ${stack.status} state and can not continue rollback.`);
  const skip = request.texts('ResourcesToSkip');
  const wrong = skip.find((name) => !stack.records.get(name)?.ResourceStatus.endsWith('_FAILED'));
  if (wrong !== undefined)
    throw invalid(`ResourcesToSkip contains resources that are not in UPDATE_FAILED state: [${wrong}]`);
  stack.token = request.text('ClientRequestToken');
  void stacks.run(stack, (work) => rollBackUpdate(work, { reason: 'User Initiated', skip }));
  return {};
}

const WORK: Readonly<Record<Operation, Work>> = {
  ContinueUpdateRollback: continueRollback,
  CreateChangeSet: createChangeSet,
  CreateStack: create,
  DeleteChangeSet: deleteChangeSet,
  DeleteStack: remove,
  DescribeChangeSet: describeChangeSet,
  DescribeStackEvents: describeEvents,
  DescribeStackResources: describeResources,
  DescribeStacks: describeStacks,
  ExecuteChangeSet: executeChangeSet,
  GetTemplate: getTemplate,
  GetTemplateSummary: getSummary,
  ListChangeSets: listChangeSets,
  ListStackResources: listResources,
  ListStacks: listStacks,
  UpdateStack: update,
  UpdateTerminationProtection: protect,
};

/** Tokens name one operation of a stack; used for another one they are refused. */
function checkToken(
  operation: Operation,
  request: Request,
  { stacks, tokens }: Place & { tokens: Map<string, string> },
): void {
  const token = request.text('ClientRequestToken');
  if (token === undefined) return;
  const stack = request.text('StackName') ?? request.text('ChangeSetName') ?? '';
  const use = `${operation} ${stacks.find(stack)?.name ?? stack}`;
  const before = tokens.get(token);
  if (before !== undefined && before !== use)
    throw new AwsError('TokenAlreadyExistsException', `A client request token already exists: ${token}`);
  tokens.set(token, use);
}

export function call(
  operation: Operation,
  request: Request,
  place: Place & { tokens: Map<string, string> },
): object {
  checkToken(operation, request, place);
  return WORK[operation](request, place);
}
