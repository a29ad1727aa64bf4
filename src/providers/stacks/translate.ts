/** CloudFormation's answers in the words of the port. */
import type * as sdk from '@aws-sdk/client-cloudformation';
import type { Change, Stack, StackEvent } from './port.ts';

/** Entries in the order of their names. */
export const pairs = (record: Readonly<Record<string, string>>): [string, string][] =>
  Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));

export const stackOf = (found: sdk.Stack): Stack => ({
  id: found.StackId ?? '',
  name: found.StackName ?? '',
  status: found.StackStatus ?? '',
  ...(found.StackStatusReason && { reason: found.StackStatusReason }),
  description: found.Description ?? '',
  tags: record(found.Tags?.map(({ Key, Value }) => [Key, Value])),
  parameters: record(found.Parameters?.map((one) => [one.ParameterKey, one.ParameterValue])),
  outputs: record(found.Outputs?.map((one) => [one.OutputKey, one.OutputValue])),
  protected: found.EnableTerminationProtection === true,
});

const record = (
  entries: readonly [string | undefined, string | undefined][] = [],
): Readonly<Record<string, string>> =>
  Object.fromEntries(entries.map(([key = '', value = '']) => [key, value]));

export const changeOf = ({ ResourceChange: change = {} }: sdk.Change): Change => ({
  action: (change.Action ?? 'Dynamic') as Change['action'],
  resource: change.LogicalResourceId ?? '',
  type: change.ResourceType ?? '',
  replaces: change.Replacement === 'True',
});

export const eventOf = (event: sdk.StackEvent): StackEvent => ({
  id: event.EventId ?? '',
  resource: event.LogicalResourceId ?? '',
  type: event.ResourceType ?? '',
  status: event.ResourceStatus ?? '',
  ...(event.ResourceStatusReason && { reason: event.ResourceStatusReason }),
  whole: event.PhysicalResourceId === event.StackId,
});
