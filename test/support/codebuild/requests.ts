/** The requests of each operation: AWS's members and constraints, from the service model (API version 2016-10-06). */
import { invalidInput } from './errors.ts';
import type { EnvironmentVariable } from './model.ts';
import type { Operation } from './operation.ts';
import { flag, integer, list, oneOf, structure, text, type Rule } from './validate.ts';

export interface StartBuildRequest {
  projectName: string;
  idempotencyToken?: string;
  sourceVersion?: string;
  sourceTypeOverride?: 'S3' | 'NO_SOURCE';
  sourceLocationOverride?: string;
  buildspecOverride?: string;
  environmentVariablesOverride?: (Omit<EnvironmentVariable, 'type'> & Partial<EnvironmentVariable>)[];
  environmentTypeOverride?: string;
  imageOverride?: string;
  computeTypeOverride?: string;
  privilegedModeOverride?: boolean;
  imagePullCredentialsTypeOverride?: string;
  serviceRoleOverride?: string;
  timeoutInMinutesOverride?: number;
  queuedTimeoutInMinutesOverride?: number;
  logsConfigOverride?: { cloudWatchLogs?: { status: string; groupName?: string; streamName?: string } };
}

const LINUX = ['LINUX_CONTAINER', 'ARM_CONTAINER', 'LINUX_GPU_CONTAINER', 'LINUX_EC2', 'ARM_EC2'];
const COMPUTE = ['SMALL', 'MEDIUM', 'LARGE', 'XLARGE', '2XLARGE'].map((size) => `BUILD_GENERAL1_${size}`);

const environmentVariable = structure(
  { name: text(1), value: text(), type: oneOf('PLAINTEXT', 'SECRETS_MANAGER') },
  ['name', 'value'],
);
const cloudWatchLogs = structure(
  { status: oneOf('ENABLED', 'DISABLED'), groupName: text(), streamName: text() },
  ['status'],
);

const START_BUILD: Record<string, Rule> = {
  projectName: text(1),
  idempotencyToken: text(),
  sourceVersion: text(),
  sourceTypeOverride: oneOf('S3', 'NO_SOURCE'),
  sourceLocationOverride: text(),
  buildspecOverride: text(),
  environmentVariablesOverride: list(environmentVariable),
  environmentTypeOverride: oneOf(...LINUX),
  imageOverride: text(1),
  computeTypeOverride: oneOf(...COMPUTE),
  privilegedModeOverride: flag,
  imagePullCredentialsTypeOverride: oneOf('CODEBUILD', 'SERVICE_ROLE'),
  serviceRoleOverride: text(1),
  timeoutInMinutesOverride: integer(5, 2160),
  queuedTimeoutInMinutesOverride: integer(5, 480),
  logsConfigOverride: structure({ cloudWatchLogs }),
  artifactsOverride: structure({ type: oneOf('NO_ARTIFACTS') }, ['type']),
  cacheOverride: structure({ type: oneOf('NO_CACHE') }, ['type']),
  autoRetryLimitOverride: integer(0, 0),
};

/** AWS knows more members; this service says so rather than leave one out of account. */
const known: Rule = (request) => {
  const others = Object.keys(request as object).filter((name) => !(name in START_BUILD));
  if (others.length > 0) throw invalidInput(`the test service does not support ${others.join(', ')}`);
};

const startBuild: Rule = (request, path) => {
  structure(START_BUILD, ['projectName'])(request, path);
  known(request, path);
};

const ids = list(text(1), { min: 1, max: 100 });

const buildIds: Rule = (request, path) => {
  const given = (request as { ids?: unknown } | null)?.ids;
  if (Array.isArray(given) && given.length === 0)
    throw invalidInput('The input build ID list cannot be empty.');
  structure({ ids }, ['ids'])(request, path);
};

const RULES: Record<Operation, Rule> = {
  StartBuild: startBuild,
  StopBuild: structure({ id: text(1) }, ['id']),
  BatchGetBuilds: buildIds,
  ListBuildsForProject: structure(
    { projectName: text(1), sortOrder: oneOf('ASCENDING', 'DESCENDING'), nextToken: text() },
    ['projectName'],
  ),
  BatchGetProjects: structure({ names: ids }, ['names']),
};

/** Throws the `AwsError` of the first member that AWS would not accept. */
export const checkRequest = (operation: Operation, request: unknown): void => RULES[operation](request, '');
