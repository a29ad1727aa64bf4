/** Stacks, resources, events and change sets as the API shows them. */
import type { ChangeSet, Stack } from './model.ts';
import { shownParameters } from './parameters.ts';

const NO_DRIFT = { StackDriftStatus: 'NOT_CHECKED' };

/** `isNamed`: whether it was asked for by name. A list does not say what is protected. */
export const shownStack = (stack: Stack, isNamed: boolean) => ({
  StackId: stack.id,
  StackName: stack.name,
  ChangeSetId: stack.changeSetId,
  Description: stack.desired.template.Description,
  Parameters: shownParameters(stack.desired.template, stack.deployed ? stack.desired.parameters : {}),
  CreationTime: stack.created,
  DeletionTime: stack.deleted,
  LastUpdatedTime: stack.updated,
  RollbackConfiguration: {},
  StackStatus: stack.status,
  StackStatusReason: stack.reason,
  DisableRollback: stack.disableRollback,
  Capabilities: [...stack.desired.capabilities],
  Outputs: stack.outputs,
  Tags: [...stack.desired.tags],
  EnableTerminationProtection: isNamed ? stack.isProtected : undefined,
  DriftInformation: NO_DRIFT,
  RetainExceptOnCreate: stack.retainExceptOnCreate || undefined,
  DeletionMode: stack.deletionMode,
});

export const shownSummary = (stack: Stack) => ({
  StackId: stack.id,
  StackName: stack.name,
  TemplateDescription: stack.desired.template.Description,
  CreationTime: stack.created,
  LastUpdatedTime: stack.updated,
  DeletionTime: stack.deleted,
  StackStatus: stack.status,
  StackStatusReason: stack.reason,
  DriftInformation: NO_DRIFT,
});

export const shownResources = (stack: Stack) =>
  [...stack.records.values()].map((record) => ({
    StackName: stack.name,
    StackId: stack.id,
    ...record,
    DriftInformation: { StackResourceDriftStatus: 'NOT_CHECKED' },
  }));

export const shownResourceSummaries = (stack: Stack) =>
  [...stack.records.values()].map(({ Timestamp, ...record }) => ({
    ...record,
    LastUpdatedTimestamp: Timestamp,
    DriftInformation: { StackResourceDriftStatus: 'NOT_CHECKED' },
  }));

const setSummary = (stack: Stack, set: ChangeSet) => ({
  ChangeSetName: set.name,
  ChangeSetId: set.id,
  StackId: stack.id,
  StackName: stack.name,
  Description: set.description,
  CreationTime: set.created,
  ExecutionStatus: set.execution,
  Status: set.status,
  StatusReason: set.reason,
});

export const shownSetSummary = setSummary;

export const shownSet = (stack: Stack, set: ChangeSet) => ({
  ...setSummary(stack, set),
  Parameters: shownParameters(set.desired.template, set.desired.parameters),
  Capabilities: [...set.desired.capabilities],
  Tags: [...set.desired.tags],
  OnStackFailure: set.onFailure,
  RollbackConfiguration: {},
});

/** Part of a list, and the token of the next one. The token is where it begins, made opaque. */
export function page<T>(
  all: readonly T[],
  token: string | undefined,
  size: number,
): { part: T[]; NextToken: string | undefined } {
  const from = token === undefined ? 0 : Number(Buffer.from(token, 'base64').toString());
  const to = from + size;
  const NextToken = to < all.length ? Buffer.from(String(to)).toString('base64') : undefined;
  return { part: all.slice(from, to), NextToken };
}
