/** What is done to one resource of a stack, and what is written down about it. */
import type { Doing } from './faults.ts';
import type { Desired, Made, Stack, Values } from './model.ts';
import { ResourceFailure } from './resource-type.ts';
import { needsOf, type Resource } from './template.ts';
import { inProgress, note, propertiesOf, scopeOf, type World } from './world.ts';

export interface Work {
  stack: Stack;
  world: World;
  /** Fires when the rest is given up. */
  giveUp: AbortController;
}

const reasonOf = (error: unknown): string => {
  if (error instanceof ResourceFailure) return error.message;
  throw error;
};

interface Subject {
  logicalId: string;
  type: string;
  physicalId?: string;
}

interface Progress {
  reason?: string | undefined;
  properties?: Values | undefined;
  physicalId?: string | undefined;
}

interface Doings {
  doing: Doing;
  /** Shown when it begins. */
  properties?: Values;
  act: (say: (progress: Progress) => void) => Promise<void>;
  signal?: AbortSignal;
}

/** One operation on a resource, with its events; false where it failed. */
async function perform(
  { stack, world, giveUp }: Work,
  subject: Subject,
  { doing, properties: shown, act, signal }: Doings,
): Promise<boolean> {
  const { logicalId, type } = subject;
  const verb = doing.toUpperCase();
  const met = { logicalId, type, stackName: stack.name, doing };
  const say = (
    status: string,
    { reason, properties, physicalId = subject.physicalId }: Progress = {},
  ): void =>
    note(stack, world, {
      LogicalResourceId: logicalId,
      PhysicalResourceId: physicalId,
      ResourceType: type,
      ResourceStatus: `${verb}_${status}`,
      ResourceStatusReason: reason,
      ...(properties && { properties }),
    });
  const fail = (when: 'early' | 'late'): void => {
    const reason = world.faults.failureOf(met, when);
    if (reason !== undefined) throw new ResourceFailure(reason);
  };
  try {
    say('IN_PROGRESS', { properties: shown });
    fail('early');
    await act((progress) => say('IN_PROGRESS', progress));
    if (!(await inProgress(met, world, signal))) throw new ResourceFailure('Resource creation cancelled');
    fail('late');
    return true;
  } catch (error) {
    say('FAILED', {
      reason: reasonOf(error),
      physicalId: stack.made.get(logicalId)?.physicalId ?? subject.physicalId,
    });
    if (doing !== 'delete') giveUp.abort();
    return false;
  }
}

const complete = ({ stack, world }: Work, made: Made, status: string): void =>
  note(stack, world, {
    LogicalResourceId: made.logicalId,
    PhysicalResourceId: made.physicalId,
    ResourceType: made.type,
    ResourceStatus: status,
  });

/** Makes a resource as it is desired; nothing once the rest was given up. */
export async function create(work: Work, logicalId: string, desired: Desired): Promise<boolean | undefined> {
  const { stack, world, giveUp } = work;
  if (giveUp.signal.aborted) return undefined;
  const resource = desired.template.Resources[logicalId]!;
  const type = world.types[resource.Type]!;
  const subject = { logicalId, type: resource.Type };
  const properties = propertiesOf(logicalId, desired, scopeOf(stack, desired, world));
  const act = async (say: (progress: Progress) => void): Promise<void> => {
    const { physicalId, attributes = {} } = await type.create({
      properties,
      logicalId,
      stackName: stack.name,
      stackId: stack.id,
    });
    const made: Made = {
      ...subject,
      physicalId,
      properties,
      attributes,
      needs: needsOf(resource, desired.template),
      ...policiesOf(resource),
    };
    stack.made.set(logicalId, made);
    say({ properties, physicalId, reason: 'Resource creation Initiated' });
  };
  if (!(await perform(work, subject, { doing: 'create', properties, act, signal: giveUp.signal })))
    return false;
  const made = stack.made.get(logicalId)!;
  await type.settle?.(made, 'create');
  complete(work, made, 'CREATE_COMPLETE');
  return true;
}

export const policiesOf = ({ DeletionPolicy = 'Delete', UpdateReplacePolicy = 'Delete' }: Resource) => ({
  deletionPolicy: DeletionPolicy,
  replacePolicy: UpdateReplacePolicy,
});

export const changedNames = (one: Values, other: Values): string[] =>
  [...new Set([...Object.keys(one), ...Object.keys(other)])].filter(
    (name) => JSON.stringify(one[name]) !== JSON.stringify(other[name]),
  );

/** Changes what it is to what these properties say. */
export async function change(work: Work, made: Made, properties: Values): Promise<boolean> {
  const { stack, world } = work;
  const type = world.types[made.type]!;
  const act = async (): Promise<void> => {
    await type.update(made, properties);
    stack.made.set(made.logicalId, { ...made, properties });
  };
  if (!(await perform(work, made, { doing: 'update', act }))) return false;
  await type.settle?.(made, 'update');
  complete(work, made, 'UPDATE_COMPLETE');
  return true;
}

/** Takes a thing away, or leaves it where its policy says so; false where it could not. */
export async function remove(work: Work, made: Made, isKept: boolean): Promise<boolean> {
  const { stack, world } = work;
  const forget = (): void => {
    if (stack.made.get(made.logicalId)?.physicalId === made.physicalId) stack.made.delete(made.logicalId);
  };
  if (isKept) {
    forget();
    complete(work, made, 'DELETE_SKIPPED');
    return true;
  }
  const type = world.types[made.type]!;
  const act = (): Promise<void> => type.remove(made);
  if (!(await perform(work, made, { doing: 'delete', act }))) return false;
  await type.settle?.(made, 'delete');
  forget();
  complete(work, made, 'DELETE_COMPLETE');
  return true;
}
