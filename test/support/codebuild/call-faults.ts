/** The faults that a call meets before anything happens, each as the error that AWS gives. */
import { AwsError, expiredToken, internalFailure, limitExceeded, notFound, throttled } from './errors.ts';
import type { CallFault, Faults } from './faults.ts';
import type { Operation } from './operation.ts';
import { projectArn, type Place } from './record.ts';
import type { Policies } from './service.ts';

export interface Caller extends Place {
  userName: string;
  operation: Operation;
  request: unknown;
}

type Refusal = Extract<
  CallFault['kind'],
  'throttle' | 'accountLimit' | 'accessDenied' | 'projectNotFound' | 'expiredToken' | 'internal'
>;

/** The projects that a request is about, by which IAM decides. */
function resources(caller: Caller): string[] {
  const { projectName, id, ids, names } = (caller.request ?? {}) as Record<string, unknown>;
  const named = [projectName, id, ids, names].flat().filter((name) => typeof name === 'string');
  const projects = new Set(named.map((name) => name.replace(/^arn:[^/]*\//, '').split(':')[0]!));
  return projects.size > 0 ? [...projects].map((name) => projectArn(name, caller)) : ['*'];
}

const resource = (caller: Caller): string => resources(caller)[0]!;

/** Throws AWS's refusal where a caller's policies do not allow the call on every project that it is about. */
export function authorize(caller: Caller, policies: Policies | undefined): void {
  const action = `codebuild:${caller.operation}`;
  for (const one of resources(caller)) {
    const why = policies?.({ action, resource: one });
    if (why !== undefined) throw new AwsError('AccessDeniedException', why, 403);
  }
}

function accessDenied(caller: Caller): AwsError {
  const { operation, userName, account } = caller;
  const who = `arn:aws:iam::${account}:user/${userName}`;
  return new AwsError(
    'AccessDeniedException',
    `User: ${who} is not authorized to perform: codebuild:${operation} on resource: ${resource(caller)} because no identity-based policy allows the codebuild:${operation} action`,
    403,
  );
}

const REFUSALS: Record<Refusal, (caller: Caller) => AwsError> = {
  throttle: throttled,
  accountLimit: () => limitExceeded('Cannot have more than 0 builds in queue for the account'),
  accessDenied,
  projectNotFound: (caller) => notFound(`Project cannot be found: ${resource(caller)}`),
  expiredToken,
  internal: internalFailure,
};

const isOf = (operation: Operation, fault: CallFault): boolean => {
  if (fault.operation) return fault.operation === operation;
  if (fault.kind === 'accountLimit') return operation === 'StartBuild';
  if (fault.kind === 'projectNotFound')
    return operation === 'StartBuild' || operation === 'ListBuildsForProject';
  return true;
};

/** Throws the error of the first refusal that a test has asked for. */
export function refuse(faults: Faults, caller: Caller): void {
  for (const [kind, error] of Object.entries(REFUSALS)) {
    if (faults.take(kind as Refusal, (fault) => isOf(caller.operation, fault))) throw error(caller);
  }
}

/** How late the answer of BatchGetBuilds is to be, in milliseconds. */
export const staleness = (faults: Faults, operation: Operation): number =>
  operation === 'BatchGetBuilds' ? (faults.take('stale', () => true)?.ms ?? 0) : 0;

export const losesResponse = (faults: Faults, operation: Operation): boolean =>
  faults.take('loseResponse', (fault) => isOf(operation, fault)) !== undefined;
