/** Makes, changes and takes away whole stacks: order, rollback, clean-up. Source: User Guide, “CloudFormation stack status codes” and “Understand stack failure options”. */
import { holds, resolve } from './functions.ts';
import { inOrder } from './in-order.ts';
import type { Desired, Made, OnFailure, Stack } from './model.ts';
import { change, changedNames, create, policiesOf, remove, type Work } from './resources.ts';
import { needsOf } from './template.ts';
import { become, propertiesOf, scopeOf, type World } from './world.ts';

export const activeIn = (stack: Stack, desired: Desired, world: World): string[] => {
  const scope = scopeOf(stack, desired, world);
  const { Resources } = desired.template;
  return Object.keys(Resources).filter((name) => {
    const { Condition } = Resources[name]!;
    return Condition === undefined || holds(Condition, scope);
  });
};

function readOutputs(stack: Stack, world: World): void {
  const scope = scopeOf(stack, stack.desired, world);
  const outputs = Object.entries(stack.desired.template.Outputs).filter(
    ([, { Condition }]) => Condition === undefined || holds(Condition, scope),
  );
  stack.outputs = outputs.map(([OutputKey, { Value, Description }]) => ({
    OutputKey,
    OutputValue: String(resolve(Value, scope)),
    Description,
  }));
}

const listed = (what: string, names: readonly string[]): string =>
  `The following resource(s) failed to ${what}: [${names.join(', ')}]. `;

/** What needs it goes first. */
async function removeAll(
  work: Work,
  things: readonly Made[],
  isKept: (made: Made) => boolean,
): Promise<string[]> {
  const byName = new Map(things.map((made) => [made.logicalId, made]));
  const neededBy = (name: string): string[] =>
    things.filter(({ needs }) => needs.includes(name)).map(({ logicalId }) => logicalId);
  return inOrder([...byName.keys()].toReversed(), neededBy, (name) => {
    const made = byName.get(name)!;
    return remove(work, made, isKept(made));
  });
}

export interface DeleteOptions {
  reason?: string | undefined;
  retain?: readonly string[];
  isForced?: boolean;
}

export async function deleteStack(
  work: Work,
  { reason, retain = [], isForced = false }: DeleteOptions,
): Promise<void> {
  const { stack, world } = work;
  become(stack, world, ['DELETE_IN_PROGRESS', reason]);
  const isKept = ({ logicalId, deletionPolicy }: Made): boolean =>
    deletionPolicy !== 'Delete' || retain.includes(logicalId);
  const failed = await removeAll(work, [...stack.made.values()], isKept);
  if (failed.length > 0 && !isForced)
    return become(stack, world, ['DELETE_FAILED', listed('delete', failed)]);
  // What is forced leaves what it could not delete, and what that needs.
  stack.made.clear();
  stack.deleted = new Date(world.clock.now());
  become(stack, world, ['DELETE_COMPLETE']);
}

async function rollBackCreation(work: Work, failed: readonly string[]): Promise<void> {
  const { stack, world } = work;
  become(stack, world, ['ROLLBACK_IN_PROGRESS', `${listed('create', failed)}Rollback requested by user.`]);
  const isKept = ({ deletionPolicy }: Made): boolean =>
    deletionPolicy === 'Retain' && !stack.retainExceptOnCreate;
  const left = await removeAll(work, [...stack.made.values()], isKept);
  if (left.length > 0) return become(stack, world, ['ROLLBACK_FAILED', listed('delete', left)]);
  become(stack, world, ['ROLLBACK_COMPLETE']);
}

export async function createStack(work: Work, onFailure: OnFailure): Promise<void> {
  const { stack, world } = work;
  const { desired } = stack;
  stack.deployed = true;
  become(stack, world, ['CREATE_IN_PROGRESS', 'User Initiated']);
  const failed = await inOrder(
    activeIn(stack, desired, world),
    (name) => needsOf(desired.template.Resources[name]!, desired.template),
    (name) => create(work, name, desired),
  );
  if (work.giveUp.signal.reason === DELETED) return;
  if (failed.length === 0) {
    readOutputs(stack, world);
    return become(stack, world, ['CREATE_COMPLETE']);
  }
  if (onFailure === 'DELETE')
    return deleteStack(work, { reason: `${listed('create', failed)}Delete requested by user.` });
  if (onFailure === 'DO_NOTHING') return become(stack, world, ['CREATE_FAILED', listed('create', failed)]);
  return rollBackCreation(work, failed);
}

/** Why a creation is given up that nobody will roll back, because its stack is deleted. */
export const DELETED = Symbol('the stack is being deleted');

/** Changes one resource where it is another one than desired; true where it is none. */
async function bring(work: Work, logicalId: string, replaced: Made[]): Promise<boolean | undefined> {
  const { stack, world, giveUp } = work;
  const { desired } = stack;
  const made = stack.made.get(logicalId);
  if (!made) return create(work, logicalId, desired);
  if (giveUp.signal.aborted) return undefined;
  const resource = desired.template.Resources[logicalId]!;
  const properties = propertiesOf(logicalId, desired, scopeOf(stack, desired, world));
  const names = changedNames(made.properties, properties);
  const isReplaced =
    resource.Type !== made.type || names.some((name) => world.types[made.type]!.replacedBy.includes(name));
  if (isReplaced) {
    const created = await create(work, logicalId, desired);
    if (created) replaced.push(made);
    return created;
  }
  if (names.length > 0 && !(await change(work, made, properties))) return false;
  stack.made.set(logicalId, { ...stack.made.get(logicalId)!, ...policiesOf(resource) });
  return true;
}

export async function updateStack(work: Work, next: Desired): Promise<void> {
  const { stack, world } = work;
  stack.before = { desired: stack.desired, made: new Map(stack.made) };
  stack.desired = next;
  stack.updated = new Date(world.clock.now());
  become(stack, world, ['UPDATE_IN_PROGRESS', 'User Initiated']);
  const replaced: Made[] = [];
  const wanted = activeIn(stack, next, world);
  const failed = await inOrder(
    wanted,
    (name) => needsOf(next.template.Resources[name]!, next.template),
    (name) => bring(work, name, replaced),
  );
  if (failed.length > 0) return endFailedUpdate(work, failed);
  become(stack, world, ['UPDATE_COMPLETE_CLEANUP_IN_PROGRESS']);
  const dropped = [...stack.made.values()].filter(({ logicalId }) => !wanted.includes(logicalId));
  const left = await removeAll(work, dropped, ({ deletionPolicy }) => deletionPolicy !== 'Delete');
  left.push(...(await removeAll(work, replaced, ({ replacePolicy }) => replacePolicy !== 'Delete')));
  for (const { logicalId } of dropped) stack.made.delete(logicalId);
  readOutputs(stack, world);
  stack.before = undefined;
  const reason =
    left.length > 0 ? 'Update successful. One or more resources could not be deleted.' : undefined;
  become(stack, world, ['UPDATE_COMPLETE', reason]);
}

async function endFailedUpdate(work: Work, failed: readonly string[]): Promise<void> {
  const { stack, world } = work;
  const created = failed.filter((name) => !stack.before!.made.has(name));
  const reason = [
    ...(created.length > 0 ? [listed('create', created)] : []),
    ...(created.length < failed.length
      ? [
          listed(
            'update',
            failed.filter((name) => !created.includes(name)),
          ),
        ]
      : []),
  ].join('');
  if (stack.disableRollback) return become(stack, world, ['UPDATE_FAILED', reason]);
  return rollBackUpdate(work, { reason, skip: [] });
}

/** Back to what it was; true where it is that already. */
async function revert(work: Work, name: string, extra: Made[]): Promise<boolean> {
  const { stack } = work;
  const old = stack.before!.made.get(name)!;
  const now = stack.made.get(name);
  if (now && now.physicalId !== old.physicalId) {
    extra.push(now);
    stack.made.set(name, old);
    return true;
  }
  const isFailed = stack.records.get(name)?.ResourceStatus.endsWith('_FAILED') === true;
  if (!now || (now.properties === old.properties && !isFailed)) {
    stack.made.set(name, old);
    return true;
  }
  if (!(await change(work, now, old.properties))) return false;
  stack.made.set(name, old);
  return true;
}

export async function rollBackUpdate(
  work: Work,
  { reason, skip }: { reason?: string | undefined; skip: readonly string[] },
): Promise<void> {
  const { stack, world } = work;
  become(stack, world, ['UPDATE_ROLLBACK_IN_PROGRESS', reason]);
  const before = stack.before!;
  const extra: Made[] = [];
  const again = { ...work, giveUp: new AbortController() };
  const failed = await inOrder(
    [...before.made.keys()].filter((name) => !skip.includes(name)),
    (name) => before.made.get(name)!.needs.filter((need) => !skip.includes(need)),
    (name) => revert(again, name, extra),
  );
  if (failed.length > 0) return become(stack, world, ['UPDATE_ROLLBACK_FAILED', listed('update', failed)]);
  stack.desired = before.desired;
  become(stack, world, ['UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS']);
  extra.push(...[...stack.made.values()].filter(({ logicalId }) => !before.made.has(logicalId)));
  await removeAll(
    again,
    extra,
    ({ deletionPolicy }) => deletionPolicy === 'Retain' && !stack.retainExceptOnCreate,
  );
  stack.made = new Map(before.made);
  stack.before = undefined;
  become(stack, world, ['UPDATE_ROLLBACK_COMPLETE']);
}
