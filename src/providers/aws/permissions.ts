/** Who calls what of AWS on which resource, and why. `npm run generate` makes the policies in config/aws/iam of it; `permissions.test.ts` holds it against the code. */

import { BUILDER } from './permissions/builder.ts';
import { INSTALLER } from './permissions/installer.ts';
import { OPERATOR } from './permissions/operator.ts';
import { PULL_THROUGH } from './permissions/registry.ts';
import type { AwsPermission, AwsRole, Permissions } from './permissions/resources.ts';

export { CONDITIONS, RESOURCES } from './permissions/resources.ts';
export type { AwsOption, AwsPermission, AwsRole } from './permissions/resources.ts';

const NODE = [
  { action: 'ecr:GetAuthorizationToken', on: 'registry', by: 'kubelet', why: 'login of the OCI protocol' },
  { action: 'ecr:BatchGetImage', on: 'repository', by: 'kubelet', why: 'pulls images of tasks' },
  { action: 'ecr:GetDownloadUrlForLayer', on: 'repository', by: 'kubelet', why: 'pulls images of tasks' },
  {
    action: 'ecr:BatchGetImage',
    on: 'operatorRepository',
    by: 'kubelet',
    why: "pulls the operator's image, the courier in it",
  },
  {
    action: 'ecr:GetDownloadUrlForLayer',
    on: 'operatorRepository',
    by: 'kubelet',
    why: "pulls the operator's image, the courier in it",
  },
  ...PULL_THROUGH.slice(0, 3).map(
    (action) =>
      ({
        action,
        on: 'pullThrough',
        by: 'kubelet',
        why: 'images of Trials out of the pull-through cache',
        option: 'pullThrough',
      }) as const,
  ),
] as const satisfies Permissions;

const LOG_SHIPPER = [
  { action: 'logs:CreateLogStream', on: 'podLogs', by: 'Fluent Bit', why: 'a stream for each Trial' },
  { action: 'logs:PutLogEvents', on: 'podLogs', by: 'Fluent Bit', why: 'what the containers print' },
] as const satisfies Permissions;

/** Of everybody who uses `sb`: looking, and the key of the bucket. */
const READER = [
  {
    action: 's3:ListBucket',
    on: 'bucket',
    by: 'HeadObject, ListObjectsV2',
    why: 'files of a Trial, runs in the bucket; without it S3 says 403 and not 404 for an object that is missing',
  },
  { action: 's3:GetObject', on: 'tasks', by: 'GetObject', why: 'is the task there, with the same bytes' },
  { action: 's3:GetObject', on: 'trials', by: 'GetObject, HeadObject', why: 'results, logs and files' },
  { action: 's3:GetObject', on: 'jobs', by: 'GetObject, HeadObject', why: 'aggregate and index of a run' },
  {
    action: 'kms:GenerateDataKey',
    on: 'key',
    by: 'PutObject',
    why: 'S3 encrypts with the key',
    option: 'kms',
  },
  { action: 'kms:Decrypt', on: 'key', by: 'GetObject', why: 'S3 decrypts with the key', option: 'kms' },
] as const satisfies Permissions;

const PROBED = 'sb doctor removes the object that it wrote to see whether it can';

/** Writing a task is as good as choosing what runs wherever it is run: those who share this policy trust each other. */
const CLIENT = [
  ...READER,
  { action: 's3:PutObject', on: 'tasks', by: 'PutObject', why: 'stores tasks; with If-None-Match' },
  { action: 's3:DeleteObject', on: 'doctorProbes', by: 'DeleteObject', why: PROBED },
  { action: 's3:PutObject', on: 'jobs', by: 'PutObject', why: 'sb run reindex; with If-Match' },
] as const satisfies Permissions;

/** What a researcher writes, nobody runs but in the namespace of the same name, unless they ask for it by its URI. */
const RESEARCHER = [
  ...READER,
  { action: 's3:PutObject', on: 'ownTasks', by: 'PutObject', why: 'stores tasks; with If-None-Match' },
  { action: 's3:DeleteObject', on: 'ownProbes', by: 'DeleteObject', why: PROBED },
] as const satisfies Permissions;

/** An action that the operator calls; errors that name a missing permission can name no other. */
export type AwsAction = (typeof OPERATOR)[number]['action'];

const of = (role: AwsRole, permissions: Permissions): AwsPermission[] =>
  permissions.map((permission) => ({ role, ...permission }));

/** The table. */
export const AWS_PERMISSIONS: readonly AwsPermission[] = [
  ...of('operator', OPERATOR),
  ...of('builder', BUILDER),
  ...of('installer', INSTALLER),
  ...of('node', NODE),
  ...of('logShipper', LOG_SHIPPER),
  ...of('client', CLIENT),
  ...of('researcher', RESEARCHER),
];

/** What an adapter can do and the operator never does, so that nobody has to allow it. */
export const WITHHELD: Readonly<Record<string, string>> = {
  's3:DeleteObject': 'results are never deleted by the operator',
};

/** Operations that need another permission than the one of their own name. */
const OTHER_ACTIONS: Readonly<Record<string, readonly string[]>> = {
  's3:HeadObject': ['s3:GetObject', 's3:ListBucket'],
  's3:ListObjectsV2': ['s3:ListBucket'],
  'ecr-public:GetAuthorizationToken': ['ecr-public:GetAuthorizationToken', 'sts:GetServiceBearerToken'],
};

/** Permissions that an operation of a service needs (prefix of its IAM actions, name in the API). Source: Service Authorization Reference. */
export const actionsOf = (service: string, operation: string): readonly string[] =>
  OTHER_ACTIONS[`${service}:${operation}`] ?? [`${service}:${operation}`];
