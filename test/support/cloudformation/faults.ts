/** Failures that a test asks the service for. */
import { FaultList } from '../fault-list.ts';
import { AwsError } from './errors.ts';
import type { Operation } from './operation.ts';

/** A fault of calls. Without `operation` it meets every operation; `times` defaults to 1. */
export type CallFault =
  /** Throttling, "Rate exceeded". */
  | { kind: 'throttle'; operation?: Operation; times?: number }
  /** LimitExceededException: no more stacks. */
  | { kind: 'limit'; operation?: Operation; times?: number }
  /** AccessDenied that names user, action and resource. */
  | { kind: 'accessDenied'; operation: Operation; times?: number }
  /** ExpiredToken, as for credentials whose session ended. */
  | { kind: 'expiredToken'; operation?: Operation; times?: number }
  /** HTTP 500 InternalFailure, without the effect. */
  | { kind: 'internal'; operation?: Operation; times?: number }
  /** HTTP 503 ServiceUnavailable, without the effect. */
  | { kind: 'unavailable'; operation?: Operation; times?: number }
  /** The call happens, its connection is reset instead of an answer. */
  | { kind: 'loseResponse'; operation?: Operation; times?: number }
  /** The call waits, before or after its effect, until released. */
  | { kind: 'hold'; operation: Operation; when: 'before' | 'after'; times?: number };

/** What is done to a resource: a rollback takes away with `delete` and changes back with `update`. */
export type Doing = 'create' | 'update' | 'delete';

/** Which resources a fault meets: by logical id or type, in a stack by name; all that is not said is any. */
interface OfResource {
  resource?: string;
  stack?: string;
  doing?: Doing;
  times?: number;
}

/** A fault of resources. `times` defaults to 1. */
export type ResourceFault =
  /** It fails for this reason; with `late` only after it was done. */
  | ({ kind: 'fail'; reason: string; late?: boolean } & OfResource)
  /** It stays in progress until released. */
  | ({ kind: 'stall' } & OfResource)
  /** It takes so long. */
  | ({ kind: 'slow'; ms: number } & OfResource);

export type Fault = CallFault | ResourceFault;

export interface Met {
  logicalId: string;
  type: string;
  stackName: string;
  doing: Doing;
}

const isMet = (fault: OfResource, met: Met): boolean =>
  (fault.resource === undefined || [met.logicalId, met.type].includes(fault.resource)) &&
  (fault.stack === undefined || fault.stack === met.stackName) &&
  (fault.doing === undefined || fault.doing === met.doing);

export interface Caller {
  operation: Operation;
  who: string;
  resource: string;
}

type Refusal = 'throttle' | 'limit' | 'accessDenied' | 'expiredToken' | 'internal' | 'unavailable';

export const deniedTo = ({ who, operation, resource }: Caller): string =>
  `User: ${who} is not authorized to perform: cloudformation:${operation} on resource: ${resource} because no identity-based policy allows the cloudformation:${operation} action`;

const REFUSALS: Readonly<Record<Refusal, (caller: Caller) => AwsError>> = {
  throttle: () => new AwsError('Throttling', 'Rate exceeded'),
  limit: () => new AwsError('LimitExceededException', 'Limit for stack has been exceeded'),
  accessDenied: (caller) => new AwsError('AccessDenied', deniedTo(caller), 403),
  expiredToken: () =>
    new AwsError('ExpiredToken', 'The security token included in the request is expired', 403),
  internal: () =>
    new AwsError('InternalFailure', 'The request processing has failed because of an unknown error', 500),
  unavailable: () => new AwsError('ServiceUnavailable', 'Service Unavailable', 503),
};

const LIMITED: readonly Operation[] = ['CreateStack', 'CreateChangeSet'];

const isOf = (operation: Operation, fault: CallFault): boolean => {
  if (fault.operation) return fault.operation === operation;
  return fault.kind !== 'limit' || LIMITED.includes(operation);
};

export class Faults extends FaultList<Fault> {
  /** Throws the error of the first refusal that a test has asked for. */
  refuse(caller: Caller): void {
    for (const [kind, error] of Object.entries(REFUSALS))
      if (this.take(kind as Refusal, (fault) => isOf(caller.operation, fault))) throw error(caller);
  }

  losesResponse(operation: Operation): boolean {
    return this.take('loseResponse', (fault) => isOf(operation, fault)) !== undefined;
  }

  /** Waits where the call is to be held. */
  hold(operation: Operation, when: 'before' | 'after'): Promise<void> {
    return this.wait('hold', (fault) => fault.operation === operation && fault.when === when);
  }

  failureOf(met: Met, when: 'early' | 'late'): string | undefined {
    return this.take('fail', (fault) => isMet(fault, met) && (fault.late === true) === (when === 'late'))
      ?.reason;
  }

  slownessOf(met: Met): number | undefined {
    return this.take('slow', (fault) => isMet(fault, met))?.ms;
  }

  /** Waits where the resource is to stay in progress. */
  stall(met: Met): Promise<void> {
    return this.wait('stall', (fault) => isMet(fault, met));
  }
}
