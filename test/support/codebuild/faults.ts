/** Failures that a test asks the service for. */
import { FaultList, type Injected } from '../fault-list.ts';
import type { Operation } from './operation.ts';
import type { Build, BuildStatus, PhaseContext, PhaseType } from './model.ts';

/** A fault of calls. Without `operation` it meets every operation; `times` defaults to 1. */
export type CallFault =
  /** ThrottlingException, "Rate exceeded". */
  | { kind: 'throttle'; operation?: Operation; times?: number }
  /** StartBuild answers AccountLimitExceededException. */
  | { kind: 'accountLimit'; operation?: 'StartBuild'; times?: number }
  /** AccessDeniedException that names user, action and resource. */
  | { kind: 'accessDenied'; operation: Operation; times?: number }
  /** StartBuild and ListBuildsForProject answer ResourceNotFoundException as if the project were gone. */
  | { kind: 'projectNotFound'; operation?: Operation; times?: number }
  /** ExpiredTokenException, as for credentials whose session ended. */
  | { kind: 'expiredToken'; operation?: Operation; times?: number }
  /** HTTP 500 InternalFailure, without the effect. */
  | { kind: 'internal'; operation?: Operation; times?: number }
  /** The call happens, its connection is reset instead of an answer. */
  | { kind: 'loseResponse'; operation?: Operation; times?: number }
  /** The call waits, before or after its effect, until released. */
  | { kind: 'hold'; operation: Operation; when: 'before' | 'after'; times?: number }
  /** BatchGetBuilds answers with what was true so long ago; builds begun since are not found. */
  | { kind: 'stale'; operation?: 'BatchGetBuilds'; ms: number; times?: number };

/** A fault of builds; without `of` of the next build that starts. `times` defaults to 1. */
export type BuildFault =
  /** The build stays QUEUED so long, whatever the quota. */
  | { kind: 'queued'; ms: number; of?: (build: Build) => boolean; times?: number }
  /** The build ends so once it has been in `phase` for `afterMs` (default 0). */
  | {
      kind: 'end';
      status: Exclude<BuildStatus, 'IN_PROGRESS' | 'SUCCEEDED'>;
      phase: Exclude<PhaseType, 'SUBMITTED' | 'COMPLETED'>;
      afterMs?: number;
      context?: PhaseContext;
      of?: (build: Build) => boolean;
      times?: number;
    };

export type Fault = CallFault | BuildFault;
export type { Injected };

/** The faults that are still to come. */
export class Faults extends FaultList<Fault> {
  /** Waits where the call is to be held. */
  hold(operation: Operation, when: 'before' | 'after'): Promise<void> {
    return this.wait('hold', (fault) => fault.operation === operation && fault.when === when);
  }
}
