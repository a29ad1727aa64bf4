/** What a change set shows: resources to be added, changed, replaced and removed. Source: API, `ResourceChange`. */
import { activeIn } from './deployment.ts';
import { UNKNOWN } from './functions.ts';
import type { Desired, Made, ResourceChange, Stack, Values } from './model.ts';
import { changedNames, policiesOf } from './resources.ts';
import { needsOf } from './template.ts';
import { propertiesOf, scopeOf, type World } from './world.ts';

/** Names so that each comes after what it needs. */
function sorted(names: readonly string[], desired: Desired): string[] {
  const order: string[] = [];
  const visit = (name: string): void => {
    if (order.includes(name) || !names.includes(name)) return;
    for (const need of needsOf(desired.template.Resources[name]!, desired.template)) visit(need);
    order.push(name);
  };
  names.forEach(visit);
  return order;
}

const isUnknown = (value: unknown): boolean => JSON.stringify(value ?? null).includes(UNKNOWN);

interface Compared {
  made: Made;
  properties: Values;
  replacedBy: readonly string[];
  policies: readonly string[];
}

const recreation = (name: string, { properties, replacedBy }: Compared) => {
  if (!replacedBy.includes(name)) return 'Never';
  return isUnknown(properties[name]) ? 'Conditionally' : 'Always';
};

const REPLACEMENT = { Always: 'True', Conditionally: 'Conditional', Never: 'False' } as const;

function modified(compared: Compared): ResourceChange | undefined {
  const { made, properties, policies } = compared;
  const names = changedNames(made.properties, properties);
  if (names.length + policies.length === 0) return undefined;
  const needed = names.map((name) => recreation(name, compared));
  const strongest = (['Always', 'Conditionally'] as const).find((one) => needed.includes(one)) ?? 'Never';
  const scopes = [
    ...(names.some((name) => name !== 'Tags') ? ['Properties'] : []),
    ...(names.includes('Tags') ? ['Tags'] : []),
    ...policies,
  ];
  return {
    Action: 'Modify',
    LogicalResourceId: made.logicalId,
    PhysicalResourceId: made.physicalId,
    ResourceType: made.type,
    Replacement: REPLACEMENT[strongest],
    Scope: scopes,
    Details: names.map((Name, index) => ({
      Target:
        Name === 'Tags'
          ? { Attribute: 'Tags', RequiresRecreation: needed[index] }
          : { Attribute: 'Properties', Name, RequiresRecreation: needed[index] },
      Evaluation: isUnknown(properties[Name]) ? 'Dynamic' : 'Static',
      ChangeSource: 'DirectModification',
    })),
  };
}

export function changesOf(stack: Stack, next: Desired, world: World): ResourceChange[] {
  const known = new Map(stack.made);
  const wanted = activeIn(stack, next, world);
  const changes: ResourceChange[] = [];
  for (const name of sorted(wanted, next)) {
    const made = stack.made.get(name);
    const resource = next.template.Resources[name]!;
    const base = { LogicalResourceId: name, ResourceType: resource.Type, Scope: [], Details: [] };
    if (!made) {
      changes.push({ Action: 'Add', ...base });
      continue;
    }
    const { deletionPolicy, replacePolicy } = policiesOf(resource);
    const change = modified({
      made,
      properties: propertiesOf(name, next, scopeOf({ ...stack, made: known }, next, world)),
      replacedBy: world.types[made.type]!.replacedBy,
      policies: [
        ...(made.deletionPolicy === deletionPolicy ? [] : ['DeletionPolicy']),
        ...(made.replacePolicy === replacePolicy ? [] : ['UpdateReplacePolicy']),
      ],
    });
    if (!change) continue;
    changes.push(change);
    if (change.Replacement !== 'False') known.delete(name);
  }
  const dropped = [...stack.made.values()].filter(({ logicalId }) => !wanted.includes(logicalId));
  const removals = dropped.map(({ logicalId, physicalId, type }): ResourceChange => ({
    Action: 'Remove',
    LogicalResourceId: logicalId,
    PhysicalResourceId: physicalId,
    ResourceType: type,
    Scope: [],
    Details: [],
  }));
  return [...changes, ...removals];
}

/** Outputs alone are a change, too, though no resource shows it. */
export const isEmpty = (stack: Stack, next: Desired, changes: readonly ResourceChange[]): boolean =>
  changes.length === 0 &&
  JSON.stringify(stack.desired.template.Outputs) === JSON.stringify(next.template.Outputs);
