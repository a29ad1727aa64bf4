/** The builds' part of the table. */
import { PULL, PULL_THROUGH, PUSH } from './registry.ts';
import type { Permissions } from './resources.ts';

const SOURCE = 'CodeBuild (DOWNLOAD_SOURCE)';
const LOGIN = 'aws ecr get-authorization-token';
const PUBLIC_LOGIN = 'aws ecr-public get-authorization-token';
const BUILDX = 'docker buildx build';
const TOOLS = 'copies of BuildKit and of the Dockerfile frontend, where there are any';

export const BUILDER = [
  { action: 's3:GetObject', on: 'tasks', by: `${SOURCE}, aws s3api get-object`, why: 'the build context' },
  {
    action: 's3:GetObjectVersion',
    on: 'tasks',
    by: `${SOURCE}, aws s3api get-object`,
    why: 'the version that the operator saw, whatever was uploaded since',
  },
  { action: 's3:GetBucketLocation', on: 'bucket', by: SOURCE, why: "CodeBuild finds the source's bucket" },
  { action: 's3:GetBucketAcl', on: 'bucket', by: SOURCE, why: "CodeBuild finds the source's bucket" },
  { action: 'ecr:GetAuthorizationToken', on: 'registry', by: LOGIN, why: 'login of the OCI protocol' },
  {
    action: 'ecr-public:GetAuthorizationToken',
    on: 'publicRegistry',
    by: PUBLIC_LOGIN,
    why: 'login at ECR Public, which serves others once a second and counts what they pull',
  },
  {
    action: 'sts:GetServiceBearerToken',
    on: 'bearerToken',
    by: PUBLIC_LOGIN,
    why: 'ECR Public’s tokens are made by STS',
  },
  ...PULL.map(
    (action) =>
      ({ action, on: 'tools', by: 'docker buildx create, docker buildx build', why: TOOLS }) as const,
  ),
  ...PULL.map(
    (action) => ({ action, on: 'repository', by: BUILDX, why: 'layers that are there already' }) as const,
  ),
  ...PUSH.map((action) => ({ action, on: 'repository', by: BUILDX, why: 'push' }) as const),
  ...[...PULL, ...PUSH].map(
    (action) => ({ action, on: 'cacheRepository', by: BUILDX, why: 'layer cache' }) as const,
  ),
  { action: 'logs:CreateLogStream', on: 'buildLogs', by: 'CodeBuild', why: "the build's log" },
  { action: 'logs:PutLogEvents', on: 'buildLogs', by: 'CodeBuild', why: "the build's log" },
  {
    action: 'secretsmanager:GetSecretValue',
    on: 'secrets',
    by: 'CodeBuild (SECRETS_MANAGER)',
    why: 'login at Docker Hub, where a TaskBuild names a secret',
  },
  {
    action: 'kms:Decrypt',
    on: 'key',
    by: `${SOURCE}, aws s3api get-object`,
    why: 'S3 decrypts the build context',
    option: 'kms',
  },
  ...PULL_THROUGH.map(
    (action) =>
      ({
        action,
        on: 'pullThrough',
        by: BUILDX,
        why: 'base images, the first pull of each among it',
        option: 'pullThrough',
      }) as const,
  ),
] as const satisfies Permissions;
