/** Types of resources that exist in this process alone: enough for what CloudFormation itself does. */
import { randomUUID } from 'node:crypto';
import type { Values } from '../model.ts';
import { handlerFailure, nameTaken, type ResourceType, type ResourceTypes } from '../resource-type.ts';

export interface MemoryThing {
  type: string;
  physicalId: string;
  properties: Values;
}

export interface MemoryTypes {
  types: ResourceTypes;
  /** What there is; a test may take away what a stack believes to have, or put there what is in its way. */
  things: MemoryThing[];
  /** Physical ids of what cannot be deleted, with the reason. */
  held: Map<string, string>;
}

/** The property that names a thing, whose change replaces it as well, and what GetAtt knows. Source of each: its page in the template reference, “Return values” and “Update requires”. */
export interface Kind {
  name?: string;
  replacedBy?: readonly string[];
  attributes?: readonly string[];
}

export function memoryTypes(kinds: Readonly<Record<string, Kind>>): MemoryTypes {
  const things: MemoryThing[] = [];
  const held = new Map<string, string>();
  const find = (type: string, physicalId: string): MemoryThing | undefined =>
    things.find((one) => one.type === type && one.physicalId === physicalId);
  const typeOf = (type: string, { name, replacedBy = [], attributes = [] }: Kind): ResourceType => ({
    attributes,
    replacedBy: [...(name === undefined ? [] : [name]), ...replacedBy],
    async create({ properties, stackName, logicalId }) {
      const given = name === undefined ? undefined : properties[name];
      const physicalId =
        typeof given === 'string' ? given : `${stackName}-${logicalId}-${randomUUID().slice(0, 12)}`;
      if (find(type, physicalId)) throw nameTaken(type, physicalId);
      things.push({ type, physicalId, properties });
      const values = attributes.map((one) => [one, `${one} of ${physicalId}`] as const);
      return { physicalId, attributes: Object.fromEntries(values) };
    },
    async update({ physicalId }, properties) {
      const thing = find(type, physicalId);
      if (!thing)
        throw handlerFailure(
          `Resource of type '${type}' with identifier '${physicalId}' was not found.`,
          'NotFound',
        );
      thing.properties = properties;
    },
    async remove({ physicalId }) {
      const why = held.get(physicalId);
      if (why !== undefined) throw handlerFailure(why, 'GeneralServiceException');
      const at = things.findIndex((one) => one.type === type && one.physicalId === physicalId);
      // What is gone already needs no deletion.
      if (at >= 0) things.splice(at, 1);
    },
  });
  const types = Object.fromEntries(Object.entries(kinds).map(([type, kind]) => [type, typeOf(type, kind)]));
  return { types, things, held };
}
