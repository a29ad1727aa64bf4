/** Failures of Kubernetes, the store and the disk, as `sb` explains them wherever they come up. */
import { ApiError } from '../../kube/errors.ts';
import { ProviderError, type ProviderReason } from '../../providers/errors.ts';
import { quoted } from '../../text/safe.ts';
import { CliError, type Code, type FailureText } from './error.ts';

/** Any thrown value as a CliError. One that nobody expected is a fault of `sb`. */
export function explain(error: unknown): CliError {
  if (error instanceof CliError) return error;
  if (error instanceof ApiError) return explainApi(error);
  if (error instanceof ProviderError) return explainStore(error);
  if (isSystemError(error)) return explainSystem(error);
  const message = error instanceof Error ? error.message : String(error);
  return new CliError('SB-E099', {
    what: 'unexpected error',
    why: message,
    fix: 'run the command again with --debug and report what it prints',
    cause: error,
  });
}

const failure = (code: Code, cause: unknown, text: Omit<FailureText, 'cause'>): CliError =>
  new CliError(code, { ...text, cause });

/** What a request that failed with this was to do, without the API's path in front of the server's own words. */
const wordsOf = ({ message }: ApiError): string => message.replace(/^[A-Z]+ \/\S+: /, '');

function explainApi(error: ApiError): CliError {
  const why = wordsOf(error);
  if (error.status === 0)
    return failure('SB-E004', error, {
      what: 'cannot talk to the cluster',
      why,
      fix: 'kubectl cluster-info    (is the cluster up, and the VPN or proxy?)',
    });
  if (error.status === 401)
    return failure('SB-E005', error, {
      what: 'cannot log in to the cluster',
      why,
      fix: 'log in to your cluster again, then: kubectl auth whoami',
    });
  if (error.status === 403) return explainForbidden(error);
  return failure('SB-E016', error, {
    what: 'the cluster did not carry out the request',
    why: error.message,
    fix: 'fix what the cause names, or retry: sb does not retry a request that may have succeeded',
  });
}

/** `User "jane" cannot create resource "trials" in API group "sb.abundant.ai" in the namespace "a"` and its parts. */
const DENIED =
  /cannot (?<verb>\S+) resource "(?<resource>[^"]+)" in API group "(?<group>[^"]*)"(?: in the namespace "(?<namespace>[^"]+)")?/;

/** The command of an administrator that gives what the API server says is missing. */
function explainForbidden(error: ApiError): CliError {
  const why = wordsOf(error);
  const { verb, resource, group, namespace } = DENIED.exec(why)?.groups ?? {};
  // Quotas and admission policies say 403 as well.
  if (verb === undefined || resource === undefined)
    return failure('SB-E017', error, {
      what: 'the cluster refuses the request',
      why,
      fix: refusalFix(error),
    });
  return missingPermission({ verb, resource, group: group ?? '', namespace }, { why, cause: error });
}

function refusalFix({ message }: ApiError): string {
  const quota = /exceeded quota: ([^,\s]+)/.exec(message)?.[1];
  if (quota === undefined) return 'change what the cause names; a policy of the cluster forbids it';
  const namespace = /\/namespaces\/([^/\s]+)\//.exec(message)?.[1];
  const place = namespace === undefined ? '' : ` -n ${namespace}`;
  return `kubectl describe resourcequota ${quota}${place}    (wait for room, or ask for more)`;
}

export interface MissingPermission {
  verb: string;
  resource: string;
  group: string;
  /** Undefined: in the whole cluster. */
  namespace?: string | undefined;
}

/** SB-E006, with the commands that an administrator gives the permissions by. */
export function missingPermission(
  first: MissingPermission,
  { why, cause, others = [] }: { why: string; cause?: unknown; others?: readonly MissingPermission[] },
): CliError {
  const { verb, namespace } = first;
  const place = namespace === undefined ? '' : ` in namespace ${namespace}`;
  const byResource = Map.groupBy([first, ...others], (missing) => fullName(missing));
  return failure('SB-E006', cause, {
    what: `you may not ${verb} ${fullName(first)}${place}`,
    why,
    fix: [
      'an administrator runs, with your name as printed by kubectl auth whoami:',
      ...[...byResource.values()].flatMap(grant),
    ].join('\n'),
  });
}

const fullName = ({ resource, group }: MissingPermission): string =>
  group === '' ? resource : `${resource}.${group}`;

/** Commands that give verbs on one resource. */
function grant(missing: readonly MissingPermission[]): string[] {
  const [first] = missing;
  if (!first) return [];
  const { resource, namespace } = first;
  const role = namespace === undefined ? 'clusterrole' : 'role';
  const where = namespace === undefined ? '' : ` -n ${namespace}`;
  const verbs = missing.map(({ verb }) => verb);
  const name = `sb-${verbs.length === 1 ? `${verbs[0]}-` : ''}${resource}`;
  return [
    `kubectl create ${role} ${name} --verb=${verbs.join(',')} --resource=${fullName(first)}${where}`,
    `kubectl create ${role}binding ${name} --${role}=${name} --user=<you>${where}`,
  ];
}

const STORE_FIX: Record<ProviderReason, [Code, string]> = {
  AccessDenied: ['SB-E011', 'aws sts get-caller-identity    (may this identity use the bucket?)'],
  NotFound: [
    'SB-E010',
    'kubectl get configmap sb-client -n sb-system -o yaml    (is the bucket’s name right?)',
  ],
  Unavailable: [
    'SB-E010',
    'check the connection to the store, then run the command again; it does nothing twice',
  ],
  Throttled: ['SB-E010', 'run the command again in a minute; it does nothing twice'],
  QuotaExceeded: ['SB-E010', 'make room in the store or ask for more, then run the command again'],
  PreconditionFailed: ['SB-E010', 'run the command again: something else wrote at the same time'],
  TooLarge: ['SB-E010', 'look at the object with: aws s3 ls'],
  Invalid: ['SB-E010', 'report this with the output of --debug'],
};

/** What may be written by few: what to do for who is refused it. */
const REFUSED_WRITES: [RegExp, string][] = [
  [
    /^put s3:\/\/[^/]+\/tasks\/researchers\//,
    'use the namespace of your own (-n <name>); if it is this one, have an administrator give your role the policy researcher (docs/researchers.md)',
  ],
  [
    /^put s3:\/\/[^/]+\/tasks\//,
    'as a researcher, store tasks in the namespace of your own (-n <name>); otherwise have an administrator give you the policy client (docs/aws.md)',
  ],
  [
    /^put s3:\/\/[^/]+\/(jobs|indexes)\//,
    'have an administrator run this: indexes are not for researchers to write',
  ],
];

const refusedWrite = ({ reason, message }: ProviderError): string | undefined =>
  reason === 'AccessDenied' ? REFUSED_WRITES.find(([what]) => what.test(message))?.[1] : undefined;

function explainStore(error: ProviderError): CliError {
  if (isNotLoggedIn(error))
    return failure('SB-E012', error, {
      what: 'cannot log in to the store',
      why: error.message,
      fix: 'aws sso login    (or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)',
    });
  const [code, fix] = STORE_FIX[error.reason];
  return failure(code, error, {
    what: 'the store did not carry out the request',
    why: error.message,
    fix: refusedWrite(error) ?? fix,
  });
}

/** The SDK found no credentials, or the store does not know them (any more). */
const NOT_LOGGED_IN = new Set([
  'CredentialsProviderError',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'ExpiredToken',
  'InvalidToken',
  // versitygw's
  'XAdminUserNotFound',
]);

/** True where the store has no credentials to go by, or refuses them. */
export function isNotLoggedIn(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return NOT_LOGGED_IN.has(error.name) || isNotLoggedIn(error.cause);
}

type SystemError = NodeJS.ErrnoException & { code: string };

const isSystemError = (error: unknown): error is SystemError =>
  error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';

/** Codes of a disk or folder that takes no more, and what to do. */
const WRITING: Record<string, string> = {
  ENOSPC: 'free space on the disk (df -h), then run the same command again: it continues where it stopped',
  EDQUOT: 'free space in your quota, then run the same command again: it continues where it stopped',
  EROFS: 'name a folder that can be written with --jobs-dir',
};

/** Codes of a path that is not as it was named. */
const READING: Record<string, string> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOTDIR: 'a part of the path is a file',
  EISDIR: 'it is a folder',
  EMFILE: 'too many files are open',
  ELOOP: 'its links form a loop',
  EEXIST: 'something else already has this name',
};

function explainSystem(error: SystemError): CliError {
  const { code, syscall, path } = error;
  const what = `${syscall}${path === undefined ? '' : ` ${path}`} failed`;
  const fix = WRITING[code];
  if (fix !== undefined) return failure('SB-E015', error, { what, why: error.message, fix });
  const why = READING[code];
  if (why !== undefined)
    return failure('SB-E013', error, {
      what: `cannot use ${path ?? 'a file'}`,
      why,
      fix: `ls -ld ${quoted(path ?? '.')}`,
    });
  return failure('SB-E099', error, {
    what,
    why: error.message,
    fix: 'run the command again with --debug and report what it prints',
  });
}
