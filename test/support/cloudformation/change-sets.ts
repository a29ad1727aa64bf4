/** Change sets: made, shown, executed, deleted. Source: API of each operation. */
import { randomUUID } from 'node:crypto';
import { sleep } from '../../../src/async/clock.ts';
import { changesOf, isEmpty } from './changes.ts';
import { createStack, updateStack } from './deployment.ts';
import { AwsError, badStatus, invalid, noChangeSet, noStackTo } from './errors.ts';
import type { ChangeSet, OnFailure, Stack } from './model.ts';
import type { Request } from './requests.ts';
import type { Work } from './resources.ts';
import { page, shownSet, shownSetSummary } from './shown.ts';
import { checkUpdatable, type Stacks } from './stacks.ts';
import { become, stackArn, type World } from './world.ts';

const NOTHING_CHANGED =
  "The submitted information didn't contain changes. Submit different information to create a change set.";

export interface Place {
  stacks: Stacks;
  world: World;
  pageSize: number;
}

function checkOptions(type: string, onFailure: string | undefined): void {
  if (type === 'UPDATE' && onFailure === 'DELETE')
    throw invalid('OnStackFailure=DELETE can only be specified for change sets of type CREATE');
}

/** The stack that a change set is for; one of type CREATE brings it into being. */
function stackFor(request: Request, { stacks, world }: Place): Stack {
  const name = request.text('StackName')!;
  const isCreation = request.text('ChangeSetType') === 'CREATE';
  const stack = stacks.find(name);
  if (isCreation) {
    if (stack && stack.status !== 'REVIEW_IN_PROGRESS')
      throw invalid(
        `Stack [${name}] already exists and cannot be created again with the changeSet [${request.text('ChangeSetName')}].`,
      );
    if (stack) return stack;
    const made = stacks.open(name, stacks.desired(request));
    become(made, world, ['REVIEW_IN_PROGRESS', 'User Initiated']);
    return made;
  }
  if (!stack) throw noStackTo(name);
  checkUpdatable(stack);
  return stack;
}

async function work(stack: Stack, set: ChangeSet, world: World): Promise<void> {
  await sleep(world.clock, world.millisecondsOf('AWS::CloudFormation::ChangeSet'));
  set.status = 'CREATE_IN_PROGRESS';
  await sleep(world.clock, world.millisecondsOf('AWS::CloudFormation::ChangeSet'));
  set.changes = changesOf(stack, set.desired, world);
  if (set.type === 'UPDATE' && isEmpty(stack, set.desired, set.changes)) {
    set.status = 'FAILED';
    set.reason = NOTHING_CHANGED;
    return;
  }
  set.status = 'CREATE_COMPLETE';
  set.execution = 'AVAILABLE';
}

export function createChangeSet(request: Request, place: Place): object {
  const { stacks, world } = place;
  const type = (request.text('ChangeSetType') ?? 'UPDATE') as ChangeSet['type'];
  const onFailure = request.text('OnStackFailure') as OnFailure | undefined;
  checkOptions(type, onFailure);
  const stack = stackFor(request, place);
  const name = request.text('ChangeSetName')!;
  if (stack.changeSets.some((one) => one.name === name))
    throw new AwsError(
      'AlreadyExistsException',
      `ChangeSet ${name} cannot be created due to a mismatch with existing attribute Template`,
    );
  const set: ChangeSet = {
    id: stackArn(world, `changeSet/${name}/${randomUUID()}`),
    name,
    type,
    description: request.text('Description'),
    created: new Date(world.clock.now()),
    status: 'CREATE_PENDING',
    execution: 'UNAVAILABLE',
    onFailure,
    desired: stacks.desired(request, type === 'UPDATE' ? stack.desired : undefined),
    changes: [],
  };
  stack.changeSets.push(set);
  void work(stack, set, world).catch((error: unknown) => {
    set.status = 'FAILED';
    set.reason = String(error instanceof Error ? error.message : error);
  });
  return { Id: set.id, StackId: stack.id };
}

function find(request: Request, { stacks }: Place): { stack: Stack; set: ChangeSet } {
  const name = request.text('ChangeSetName')!;
  const stackName = request.text('StackName');
  if (stackName === undefined && !name.startsWith('arn:'))
    throw invalid('StackName must be specified if ChangeSetName is not specified as an ARN.');
  const found = stacks.changeSet(name, stackName);
  if (!found) throw noChangeSet(name);
  return found;
}

export function describeChangeSet(request: Request, place: Place): object {
  const { stack, set } = find(request, place);
  const { part, NextToken } = page(set.changes, request.text('NextToken'), place.pageSize);
  const Changes = part.map((ResourceChange) => ({ Type: 'Resource', ResourceChange }));
  return { ...shownSet(stack, set), Changes, NextToken };
}

export function listChangeSets(request: Request, { stacks, pageSize }: Place): object {
  const stack = stacks.get(request.text('StackName')!, noStackTo);
  const { part, NextToken } = page(stack.changeSets, request.text('NextToken'), pageSize);
  return { Summaries: part.map((set) => shownSetSummary(stack, set)), NextToken };
}

/** What is executed stays; the others are of no use for a stack that has changed. */
async function execute(op: Work, set: ChangeSet): Promise<void> {
  const { stack } = op;
  const onFailure = stack.disableRollback ? 'DO_NOTHING' : (set.onFailure ?? 'ROLLBACK');
  if (set.type === 'CREATE') {
    stack.desired = set.desired;
    await createStack(op, onFailure);
  } else await updateStack(op, set.desired);
  const succeeded = ['CREATE_COMPLETE', 'UPDATE_COMPLETE'].includes(stack.status);
  set.execution = succeeded ? 'EXECUTE_COMPLETE' : 'EXECUTE_FAILED';
  stack.changeSets = stack.changeSets.filter((one) => one === set);
}

export function executeChangeSet(request: Request, place: Place): object {
  const { stack, set } = find(request, place);
  if (set.status !== 'CREATE_COMPLETE')
    throw badStatus(`ChangeSet [${set.id}] cannot be executed in its current status of [${set.status}]`);
  if (set.execution !== 'AVAILABLE')
    throw badStatus(
      `ChangeSet [${set.id}] cannot be executed in its current execution status of [${set.execution}]`,
    );
  if (set.onFailure !== undefined && request.flag('DisableRollback') !== undefined)
    throw invalid('You cannot specify DisableRollback when OnStackFailure was specified for the change set');
  if (set.type === 'UPDATE') checkUpdatable(stack);
  stack.disableRollback = request.flag('DisableRollback') ?? set.onFailure === 'DO_NOTHING';
  stack.retainExceptOnCreate = request.flag('RetainExceptOnCreate') ?? false;
  stack.token = request.text('ClientRequestToken');
  stack.changeSetId = set.id;
  for (const other of stack.changeSets) other.execution = other === set ? 'EXECUTE_IN_PROGRESS' : 'OBSOLETE';
  void place.stacks.run(stack, (op) => execute(op, set));
  return {};
}

export function deleteChangeSet(request: Request, place: Place): object {
  const name = request.text('ChangeSetName')!;
  const found = place.stacks.changeSet(name, request.text('StackName'));
  if (found?.set.execution === 'EXECUTE_IN_PROGRESS')
    throw badStatus(
      `An operation on ChangeSet [${found.set.id}] is currently in progress and it cannot be deleted`,
    );
  if (found) found.stack.changeSets = found.stack.changeSets.filter((one) => one !== found.set);
  return {};
}
