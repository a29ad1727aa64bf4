/** What a caller of the service sees of it. */
import type { Clock } from '../../../src/async/clock.ts';
import type { KnownCredentials } from '../codebuild/service.ts';
import type { Fault } from './faults.ts';
import type { Injected } from '../fault-list.ts';
import type { Stack } from './model.ts';
import type { ResourceTypes } from './resource-type.ts';

export interface CloudFormationOptions {
  /** Default 127.0.0.1. */
  host?: string;
  /** Default: a free one. */
  port?: number;
  region: string;
  account: string;
  /** Read anew for every request: changing an entry expires or adds credentials. */
  credentials: KnownCredentials | readonly KnownCredentials[];
  types: ResourceTypes;
  /** Why callers may not do this (`cloudformation:CreateStack`, ARN of a stack), by their policies; default: they may do everything. */
  refusal?: (asked: { action: string; resource: string }) => string | undefined;
  /** Of stacks and resources. */
  clock?: Clock;
  /** How long resources of a type are in progress, and change sets (`AWS::CloudFormation::ChangeSet`) twice; default 5. */
  millisecondsOf?: (type: string) => number;
  /** Length of a page of every list; AWS's is 100. */
  pageSize?: number;
}

/** One request, in the order of arrival. */
export interface Call {
  operation: string;
  /** Epoch milliseconds. */
  at: number;
  request: unknown;
  /** HTTP status; undefined while unanswered, and where the answer was lost. */
  status?: number;
  /** Code of the error that was answered. */
  error?: string;
}

export interface CloudFormationService {
  /** `http://host:port`. */
  url: string;
  /** Every request so far; empty it to count anew. */
  calls: Call[];
  /** Every stack so far, deleted ones included; live records. */
  stacks: readonly Stack[];
  inject(fault: Fault): Injected;
  /** Resolves when no stack is in progress. */
  idle(): Promise<void>;
  close(): Promise<void>;
}
