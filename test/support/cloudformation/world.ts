/** What deployments take from outside, and how they write down what happens. */
import { randomUUID } from 'node:crypto';
import { sleep, type Clock } from '../../../src/async/clock.ts';
import type { Faults, Met } from './faults.ts';
import { resolve, type Scope } from './functions.ts';
import type { Desired, Made, ResourceRecord, Stack, Tag } from './model.ts';
import type { ResourceTypes } from './resource-type.ts';
import { functionOf } from './template.ts';

export interface World {
  region: string;
  account: string;
  /** Of stacks and resources; requests are dated by the real one. */
  clock: Clock;
  types: ResourceTypes;
  faults: Faults;
  /** How long a resource of a type is in progress. */
  millisecondsOf: (type: string) => number;
}

const partitionOf = (region: string): string =>
  region.startsWith('cn-') ? 'aws-cn' : region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';

export const stackArn = ({ region, account }: World, rest: string): string =>
  `arn:${partitionOf(region)}:cloudformation:${region}:${account}:${rest}`;

/** What a stack's template refers to, as the stack is now. */
export function scopeOf(
  { id, name, made }: Pick<Stack, 'id' | 'name'> & { made: ReadonlyMap<string, Made> },
  { template, parameters }: Desired,
  { region, account }: World,
): Scope {
  const pseudo = {
    'AWS::AccountId': account,
    'AWS::Partition': partitionOf(region),
    'AWS::Region': region,
    'AWS::StackId': id,
    'AWS::StackName': name,
    'AWS::URLSuffix': region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com',
  };
  return { template, parameters, pseudo, made: (logicalId) => made.get(logicalId) };
}

/** The stack's tags are also its resources', where these have tags. Source: User Guide, “Resource tag”. */
export function propertiesOf(
  logicalId: string,
  { template, tags }: Desired,
  scope: Scope,
): Record<string, unknown> {
  const { Properties = {} } = template.Resources[logicalId]!;
  const resolved = resolve(Properties, scope) as Record<string, unknown>;
  if (!Array.isArray(resolved['Tags']) || functionOf(Properties['Tags'])) return resolved;
  const own = resolved['Tags'] as Tag[];
  const inherited = tags.filter(({ Key }) => !own.some((one) => one.Key === Key));
  return { ...resolved, Tags: [...own, ...inherited] };
}

type Noted = Omit<ResourceRecord, 'Timestamp'> & { properties?: Readonly<Record<string, unknown>> };

/** Writes down what a resource, or the stack itself, is now. */
export function note(stack: Stack, { clock }: World, { properties, ...record }: Noted): void {
  const Timestamp = new Date(clock.now());
  const isStack = record.ResourceType === 'AWS::CloudFormation::Stack';
  if (!isStack) {
    const PhysicalResourceId =
      record.PhysicalResourceId ?? stack.records.get(record.LogicalResourceId)?.PhysicalResourceId;
    stack.records.set(record.LogicalResourceId, { ...record, PhysicalResourceId, Timestamp });
  }
  stack.events.push({
    StackId: stack.id,
    StackName: stack.name,
    EventId: isStack
      ? randomUUID()
      : `${record.LogicalResourceId}-${record.ResourceStatus}-${Timestamp.toISOString()}-${stack.events.length}`,
    ...record,
    ResourceProperties: properties && JSON.stringify(properties),
    ClientRequestToken: stack.token,
    Timestamp,
  });
}

export function become(
  stack: Stack,
  world: World,
  [status, reason]: [status: string, reason?: string | undefined],
): void {
  stack.status = status;
  stack.reason = reason;
  note(stack, world, {
    LogicalResourceId: stack.name,
    PhysicalResourceId: stack.id,
    ResourceType: 'AWS::CloudFormation::Stack',
    ResourceStatus: status,
    ResourceStatusReason: reason,
  });
}

/** Waits as long as a resource is in progress; false where it was given up meanwhile. */
export async function inProgress(
  met: Met,
  { clock, faults, millisecondsOf }: World,
  signal?: AbortSignal,
): Promise<boolean> {
  await sleep(clock, faults.slownessOf(met) ?? millisecondsOf(met.type), signal);
  if (signal?.aborted) return false;
  const aborted = new Promise<void>((done) =>
    signal?.addEventListener('abort', () => done(), { once: true }),
  );
  await Promise.race([faults.stall(met), aborted]);
  return !signal?.aborted;
}
