/** What keeps `sb cloud` from making or taking away an installation, as people read it. Every one of them leaves a state from which the same command goes on. */
import { ProviderError } from '../../../providers/errors.ts';
import type { Stack, StackEvent } from '../../../providers/stacks/port.ts';
import { CliError, type Code } from '../../failures/error.ts';

/** The four lines for what a port of an account threw; anything else as it is. */
export function explainCloud(error: unknown): unknown {
  if (!(error instanceof ProviderError)) return error;
  const { cause } = error;
  if (error.reason === 'AccessDenied') return isLogin(cause) ? notLoggedIn(error) : refused(error);
  const [code, what, fix] = unavailable(error) ?? BY_REASON[error.reason] ?? UNANSWERED;
  return new CliError(code, { what, why: error.message, fix, cause: error });
}

/** By the codes that AWS and the SDK have for credentials, not for permissions. */
const isLogin = (cause: unknown): boolean =>
  /^(AuthFailure|CredentialsProviderError|ExpiredToken|ExpiredTokenException|InvalidClientTokenId|InvalidSignatureException|RequestExpired|SignatureDoesNotMatch|TokenProviderError|UnrecognizedClientException)$/.test(
    (cause as Error | undefined)?.name ?? '',
  );

const AGAIN = 'run the same command again: it goes on from where it stopped, and makes nothing twice';

const OTHER_REGION =
  'choose another --region; what was made in this one goes by sb cloud down --purge with this --region';

const UNANSWERED: readonly [Code, string, string] = ['SB-E123', 'AWS does not answer', AGAIN];

/** CloudFormation knows in each region the types that there are there. */
const unavailable = ({ message }: ProviderError): readonly [Code, string, string] | undefined =>
  /Unrecognized resource types/.test(message)
    ? ['SB-E125', 'the region lacks what an installation consists of', OTHER_REGION]
    : undefined;

const BY_REASON: Partial<Record<ProviderError['reason'], readonly [Code, string, string]>> = {
  Throttled: ['SB-E123', 'AWS does not keep up with this account’s requests', `wait a minute, then ${AGAIN}`],
  QuotaExceeded: [
    'SB-E125',
    'a quota of the account is reached',
    'ask for more in the console of Service Quotas, or take away what is not needed; then run the same command again',
  ],
  PreconditionFailed: [
    'SB-E127',
    'something else changes the installation',
    `wait until it is done, then ${AGAIN}`,
  ],
  Invalid: [
    'SB-E125',
    'AWS does not take a request as it is',
    'change what the cause names; where it names nothing of yours, report it with the output of --debug',
  ],
};

const notLoggedIn = (error: ProviderError): CliError =>
  new CliError('SB-E121', {
    what: 'AWS does not take the credentials',
    why: error.message,
    fix: `aws sso login    (or new keys, or another AWS_PROFILE; is the clock right, and the region enabled in the account?); then ${AGAIN}`,
    cause: error,
  });

/** What a refusal names: `not authorized to perform: eks:CreateCluster`. */
const ACTION = /not authorized to perform: ([\w-]+:\w+)/;

const refused = (error: ProviderError): CliError =>
  new CliError('SB-E122', {
    what: `you may not ${ACTION.exec(error.message)?.[1] ?? 'do this in the account'}`,
    why: error.message,
    fix: 'an administrator of the account allows it: docs/aws-cloud.md lists what the caller needs',
    cause: error,
  });

/** A stack of our name that is not ours: nothing is done to it. */
export const notOurs = (stack: Stack, why: string): CliError =>
  new CliError('SB-E124', {
    what: `stack ${stack.name} is not of this installation`,
    why,
    fix: `choose another name with --stack, or look at it: aws cloudformation describe-stacks --stack-name ${stack.name}`,
  });

/** By what a resource said why it failed: what to do. The first that fits. */
const FIXES: readonly (readonly [RegExp, string])[] = [
  [
    /not authorized to perform: sts:AssumeRole on|conflicting conditional operation|Please try again/i,
    'IAM and S3 take a while to know everywhere what was just made or deleted: run the same command again in a minute',
  ],
  [
    /not authorized to perform|AccessDenied|UnauthorizedOperation/,
    'an administrator allows what the cause names (docs/aws-cloud.md); then run the same command again',
  ],
  [
    /bucket (?:name|you tried).*(?:exist|taken|owned)|BucketAlreadyExists|already exists|AlreadyExists|EntityAlreadyExists/i,
    'the name is taken: choose another installation with --stack, or delete what has the name if it is a leftover of yours',
  ],
  [
    /quota|exceed the limit|limit.{0,20}(?:exceeded|reached)|LimitExceeded|maximum number|InsufficientCapacity|insufficient capacity/i,
    'ask for more in the console of Service Quotas, or delete what is not needed; then run the same command again',
  ],
  [
    /(?:does not support|UnsupportedAvailabilityZone).*zone|targeted availability zone/i,
    'name zones that EKS has with --subnets, or choose another --region',
  ],
  [/unsupported Kubernetes version|not (?:supported|available) in (?:this|the|your) .*region/i, OTHER_REGION],
  [/ExpiredToken|token.*expired/i, 'log in again (aws sso login), then run the same command again'],
  [/Throttl|Rate exceeded|RequestLimitExceeded/i, 'run the same command again in a minute'],
];

const OTHERWISE = 'fix what the cause names, then run the same command again: it goes on from here';
const CAUSES_SHOWN = 5;

const causesOf = (failed: readonly StackEvent[], stack: Stack | undefined): string =>
  [
    ...failed
      .slice(0, CAUSES_SHOWN)
      .map(({ resource, type, status, reason }) => `${resource} (${type}): ${reason ?? status}`),
    ...(failed.length > CAUSES_SHOWN ? [`… and ${failed.length - CAUSES_SHOWN} more`] : []),
  ].join('\n') ||
  (stack?.reason ?? 'CloudFormation gives no reason');

const fixOf = (why: string): string => FIXES.find(([said]) => said.test(why))?.[1] ?? OTHERWISE;

/** A stack that was set back, or deleted, since something of it failed. */
export function couldNotMake(
  name: string,
  { stack, failed }: { stack: Stack | undefined; failed: readonly StackEvent[] },
): CliError {
  const why = causesOf(failed, stack);
  return new CliError('SB-E125', {
    what: `stack ${name} could not be made (${stack?.status ?? 'gone'})`,
    why,
    fix: fixOf(why),
  });
}

/** A stack that nobody can change before somebody has repaired it. */
export const stuck = (stack: Stack, failed: readonly StackEvent[]): CliError => {
  const why = causesOf(failed, stack);
  return new CliError('SB-E126', {
    what: `stack ${stack.name} is stuck (${stack.status})`,
    why,
    fix:
      stack.status === 'DELETE_FAILED'
        ? `${fixOf(why)}\n(sb cloud down deletes what is left of it, and sb cloud init makes it anew)`
        : `repair what the cause names, then: aws cloudformation continue-update-rollback --stack-name ${stack.name}`,
  });
};

/** Two commands that want opposite things. */
export const otherAtWork = (stack: Stack, doing: string): CliError =>
  new CliError('SB-E127', {
    what: `cannot go on with stack ${stack.name}`,
    why: `${doing} (${stack.status})`,
    fix: 'wait until it is done (sb cloud status), then run the same command again',
  });

/** What would be lost by a change that a newer `sb`, or other options, bring. */
export const wouldReplace = (name: string, what: readonly string[]): CliError =>
  new CliError('SB-E125', {
    what: `stack ${name} is not changed`,
    why: `the change would take away or replace ${what.join(', ')}`,
    fix: 'leave the options as they were; or make a second installation with another --stack',
  });

/** An option that cannot be, said before anything is made. */
export const wrongOption = (option: string, { why, fix }: { why: string; fix: string }): CliError =>
  new CliError('SB-E036', { what: `cannot use ${option}`, why, fix });

/** Nodes with GPUs for a cluster whose nodes somebody else sees to. */
export const noNodesOfOurs = (): CliError =>
  wrongOption('--gpus', {
    why: 'EKS makes no nodes for sb in a cluster of yours: they are your own',
    fix: 'leave --gpus out, and add a NodePool yourself (docs/aws-nodes.md)',
  });

/** What this machine lacks, a line each. */
export const lacking = (lines: readonly string[]): CliError =>
  new CliError('SB-E120', {
    what: 'something is missing on this machine',
    why: lines.join('\n'),
    fix: 'set what the cause names; sb cloud init --dry-run looks again and makes nothing',
  });

/** Nobody said yes. `how`: the option that says it where there is no terminal. */
export const notAgreed = (what: string, how: string): CliError =>
  new CliError('SB-E128', {
    what: `${what}: nobody agreed`,
    why: 'nothing was changed, for there is no terminal to ask on, or the answer was no',
    fix: how,
  });

/** What would be lost with the cluster. */
export const stillRunning = (running: readonly string[]): CliError =>
  new CliError('SB-E129', {
    what: 'Trials or Sandboxes are running in the cluster',
    why: [
      ...running.slice(0, CAUSES_SHOWN),
      ...(running.length > CAUSES_SHOWN ? [`… and ${running.length - CAUSES_SHOWN} more`] : []),
    ].join('\n'),
    fix: 'wait for them, or cancel them (sb run cancel); or add --force, which ends them without results',
  });

/** Whether something runs there cannot be found out. */
export const unknownRunning = (cause: unknown): CliError =>
  new CliError('SB-E129', {
    what: 'cannot see whether Trials are running in the cluster',
    why: cause instanceof Error ? cause.message : String(cause),
    fix: 'make the cluster answer (sb doctor); or add --force, which ends whatever runs there without results',
    cause,
  });
