/** Types of resources that moto makes, each by a stack of its own there: moto's stacks know no rollback, no protection and no capabilities, and are nobody else's business. */
import { randomUUID } from 'node:crypto';
import { CREDENTIALS, REGION } from '../../aws/facts.ts';
import {
  handlerFailure,
  nameTaken,
  ResourceFailure,
  type ResourceType,
  type Thing,
} from '../resource-type.ts';
import type { Values } from '../model.ts';

/** A call of the query protocol at a server that checks no signature; throws what it answers to a call that fails. */
export async function query(
  url: string,
  service: string,
  members: Readonly<Record<string, string>>,
): Promise<string> {
  const scope = `${new Date().toISOString().slice(0, 10).replaceAll('-', '')}/${REGION}/${service}/aws4_request`;
  const answer = await fetch(url, {
    method: 'POST',
    body: new URLSearchParams(members),
    headers: {
      authorization: `AWS4-HMAC-SHA256 Credential=${CREDENTIALS.accessKeyId}/${scope}, SignedHeaders=host, Signature=unchecked`,
    },
  });
  const xml = await answer.text();
  if (!answer.ok) throw new ResourceFailure(/<Message>([^<]*)</.exec(xml)?.[1] ?? xml);
  return xml;
}

const formation = (url: string, members: Readonly<Record<string, string>>): Promise<string> =>
  query(url, 'cloudformation', { Version: '2010-05-15', ...members });

const valueIn = (xml: string, name: string): string | undefined =>
  new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1]?.trim();

export interface MotoKind {
  /** The property that names it. */
  name?: string;
  replacedBy?: readonly string[];
  attributes?: readonly string[];
  /** Changes it in moto. Without it, a change is only what its stack knows: no stack's update reaches these things in moto. */
  update?: (url: string, thing: Thing, next: Values) => Promise<void>;
  /** Where moto's stacks do not delete it, or where AWS would not. */
  remove?: (url: string, thing: Thing) => Promise<unknown>;
}

const templateOf = (type: string, Properties: Values, attributes: readonly string[]): string =>
  JSON.stringify({
    Resources: { It: { Type: type, Properties } },
    Outputs: Object.fromEntries(
      attributes.map((one, index) => [`A${index}`, { Value: { 'Fn::GetAtt': ['It', one] } }]),
    ),
  });

function outputsIn(xml: string, attributes: readonly string[]): Record<string, string> {
  const pairs = [...xml.matchAll(/<OutputKey>A(\d+)<\/OutputKey>\s*<OutputValue>([^<]*)</g)];
  return Object.fromEntries(pairs.map(([, index, value = '']) => [attributes[Number(index)]!, value]));
}

/** CloudFormation's own names: of stack, resource and twelve characters. */
const generated = (stackName: string, logicalId: string): string =>
  `${stackName}-${logicalId}-${randomUUID().replaceAll('-', '').slice(0, 12)}`;

export function motoType(url: string, type: string, kind: MotoKind): ResourceType {
  const { name, attributes = [], replacedBy = [] } = kind;
  /** Of physical ids, names of moto's stacks. */
  const inner = new Map<string, string>();
  return {
    attributes,
    replacedBy: [...(name === undefined ? [] : [name]), ...replacedBy],
    async create({ properties, stackName, logicalId }) {
      const named = { ...(name !== undefined && { [name]: generated(stackName, logicalId) }), ...properties };
      const own = `it-${randomUUID()}`;
      await formation(url, {
        Action: 'CreateStack',
        StackName: own,
        TemplateBody: templateOf(type, named, attributes),
      }).catch((error: Error) => {
        const isTaken = name !== undefined && error.message.includes('already exists');
        throw isTaken ? nameTaken(type, String(named[name])) : error;
      });
      const resources = await formation(url, { Action: 'DescribeStackResources', StackName: own });
      const physicalId = valueIn(resources, 'PhysicalResourceId');
      if (!physicalId) throw handlerFailure(`moto made no ${type}: ${resources}`, 'InternalFailure');
      inner.set(physicalId, own);
      const stacks = await formation(url, { Action: 'DescribeStacks', StackName: own });
      return { physicalId, attributes: outputsIn(stacks, attributes) };
    },
    async update(thing, next) {
      await kind.update?.(url, thing, next);
    },
    async remove(thing) {
      const { physicalId } = thing;
      await kind.remove?.(url, thing);
      if (!kind.remove)
        await formation(url, { Action: 'DeleteStack', StackName: inner.get(physicalId) ?? physicalId });
      inner.delete(physicalId);
    },
  };
}
