/** AWS CloudFormation on this machine: change sets, stacks, events, rollback; rules and sources in docs/testing-aws.md. */
export type { Injected } from '../fault-list.ts';
export type { CallFault, Doing, Fault, ResourceFault } from './faults.ts';
export type * from './model.ts';
export type { Operation } from './operation.ts';
export {
  handlerFailure,
  nameTaken,
  ResourceFailure,
  type ResourceType,
  type ResourceTypes,
} from './resource-type.ts';
export { startCloudFormation } from './server.ts';
export type * from './service.ts';
export { memoryTypes } from './types/memory.ts';
export { accountTypes, type AccountOptions } from './types/account.ts';
