/** The part of the table for the build that brings an installation's images along. */
import { PULL, PUSH } from './registry.ts';
import type { Permissions } from './resources.ts';

const LOGIN = 'aws ecr get-authorization-token';
const PUBLIC_LOGIN = 'aws ecr-public get-authorization-token';
const COPY = 'docker buildx imagetools create';
const BUILDX = 'docker buildx build';

/** What is there already is read, too. */
const COPYING = [...PULL, ...PUSH] as const;

export const INSTALLER = [
  { action: 'ecr:GetAuthorizationToken', on: 'registry', by: LOGIN, why: 'login of the OCI protocol' },
  {
    action: 'ecr-public:GetAuthorizationToken',
    on: 'publicRegistry',
    by: PUBLIC_LOGIN,
    why: 'base images of the operator’s image',
  },
  {
    action: 'sts:GetServiceBearerToken',
    on: 'bearerToken',
    by: PUBLIC_LOGIN,
    why: 'ECR Public’s tokens are made by STS',
  },
  {
    action: 's3:GetObject',
    on: 'installContexts',
    by: 'aws s3api get-object',
    why: 'what the operator’s image is built of, where it is',
  },
  ...COPYING.map(
    (action) =>
      ({
        action,
        on: 'tools',
        by: COPY,
        why: 'copies of BuildKit, the Dockerfile frontend, Fluent Bit',
      }) as const,
  ),
  ...COPYING.map(
    (action) => ({ action, on: 'operatorRepository', by: BUILDX, why: 'the operator’s image' }) as const,
  ),
  { action: 'logs:CreateLogStream', on: 'buildLogs', by: 'CodeBuild', why: "the build's log" },
  { action: 'logs:PutLogEvents', on: 'buildLogs', by: 'CodeBuild', why: "the build's log" },
  {
    action: 'secretsmanager:GetSecretValue',
    on: 'secrets',
    by: 'CodeBuild (SECRETS_MANAGER)',
    why: 'login at Docker Hub, where there is one',
  },
  {
    action: 'kms:Decrypt',
    on: 'key',
    by: 'aws s3api get-object',
    why: 'S3 decrypts the build context',
    option: 'kms',
  },
] as const satisfies Permissions;
