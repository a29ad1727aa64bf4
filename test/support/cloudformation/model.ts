/** What the service keeps of stacks and change sets, by AWS's names where the API shows it. */
import type { Template } from './template.ts';

export interface Tag {
  Key: string;
  Value: string;
}

export type Values = Readonly<Record<string, unknown>>;

/** One thing that a stack made. */
export interface Made {
  logicalId: string;
  type: string;
  physicalId: string;
  /** With everything put in, as it was made. */
  properties: Values;
  attributes: Readonly<Record<string, string>>;
  /** Logical ids of what it refers to. */
  needs: readonly string[];
  deletionPolicy: string;
  replacePolicy: string;
}

/** What the API shows of a resource. */
export interface ResourceRecord {
  LogicalResourceId: string;
  PhysicalResourceId?: string | undefined;
  ResourceType: string;
  ResourceStatus: string;
  ResourceStatusReason?: string | undefined;
  Timestamp: Date;
}

export interface StackEvent extends ResourceRecord {
  StackId: string;
  StackName: string;
  EventId: string;
  ResourceProperties?: string | undefined;
  ClientRequestToken?: string | undefined;
}

/** What a stack is to be. */
export interface Desired {
  template: Template;
  body: string;
  /** Values of every parameter of the template. */
  parameters: Readonly<Record<string, string>>;
  capabilities: readonly string[];
  tags: readonly Tag[];
}

export interface Output {
  OutputKey: string;
  OutputValue: string;
  Description?: string | undefined;
}

export type OnFailure = 'DO_NOTHING' | 'ROLLBACK' | 'DELETE';

export interface ResourceChange {
  Action: 'Add' | 'Modify' | 'Remove';
  LogicalResourceId: string;
  PhysicalResourceId?: string | undefined;
  ResourceType: string;
  Replacement?: 'True' | 'False' | 'Conditional' | undefined;
  Scope: string[];
  Details: object[];
}

export interface ChangeSet {
  id: string;
  name: string;
  type: 'CREATE' | 'UPDATE';
  description?: string | undefined;
  created: Date;
  status: 'CREATE_PENDING' | 'CREATE_IN_PROGRESS' | 'CREATE_COMPLETE' | 'FAILED';
  execution:
    'UNAVAILABLE' | 'AVAILABLE' | 'EXECUTE_IN_PROGRESS' | 'EXECUTE_COMPLETE' | 'EXECUTE_FAILED' | 'OBSOLETE';
  reason?: string | undefined;
  onFailure?: OnFailure | undefined;
  desired: Desired;
  changes: ResourceChange[];
}

/** One stack, as the service knows it at this moment. */
export interface Stack {
  id: string;
  name: string;
  status: string;
  reason?: string | undefined;
  created: Date;
  updated?: Date | undefined;
  deleted?: Date | undefined;
  /** Of the last deployment that began. */
  desired: Desired;
  /** Undefined in REVIEW_IN_PROGRESS: nothing was ever deployed. */
  deployed: boolean;
  made: Map<string, Made>;
  /** In the order in which resources first came up. */
  records: Map<string, ResourceRecord>;
  outputs: Output[];
  /** Oldest first. */
  events: StackEvent[];
  changeSets: ChangeSet[];
  changeSetId?: string | undefined;
  disableRollback: boolean;
  retainExceptOnCreate: boolean;
  isProtected: boolean;
  deletionMode?: string | undefined;
  token?: string | undefined;
  /** What it was before the update that failed or runs. */
  before?: { desired: Desired; made: ReadonlyMap<string, Made> } | undefined;
}
