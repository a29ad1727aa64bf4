/** How a type of resource is made, changed and taken away. */
import type { Doing } from './faults.ts';
import type { Values } from './model.ts';

export interface Thing {
  physicalId: string;
  properties: Values;
  attributes?: Readonly<Record<string, string>>;
}

export interface Making {
  properties: Values;
  logicalId: string;
  stackName: string;
  stackId: string;
}

export interface ResourceType {
  /** What GetAtt knows. */
  attributes: readonly string[];
  /** A change of one of these makes another one of it. */
  replacedBy: readonly string[];
  create(making: Making): Promise<{ physicalId: string; attributes?: Readonly<Record<string, string>> }>;
  /** Called when what was done to it is complete. */
  settle?(thing: Thing, doing: Doing): Promise<void>;
  update(thing: Thing, next: Values): Promise<void>;
  remove(thing: Thing): Promise<void>;
}

export type ResourceTypes = Readonly<Record<string, ResourceType>>;

/** Why a resource failed, in CloudFormation's words. */
export class ResourceFailure extends Error {}

/** As its handlers say it. Source of the form: CloudFormation CLI User Guide, “Handler error codes”. */
export const handlerFailure = (said: string, code: string): ResourceFailure =>
  new ResourceFailure(
    `Resource handler returned message: "${said}" (RequestToken: 6c3b0d0e-5f0a-4b41-9d3a-2f1f7d1f5a11, HandlerErrorCode: ${code})`,
  );

export const nameTaken = (type: string, name: string): ResourceFailure =>
  handlerFailure(`Resource of type '${type}' with identifier '${name}' already exists.`, 'AlreadyExists');
