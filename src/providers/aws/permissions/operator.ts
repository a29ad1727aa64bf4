/** The operator's part of the table. */
import { PULL_THROUGH } from './registry.ts';
import type { Permissions } from './resources.ts';

const MANIFESTS = 'GET /v2/…/manifests';
const BLOBS = 'GET /v2/…/blobs';

export const OPERATOR = [
  {
    action: 's3:GetObject',
    on: 'tasks',
    by: 'GetObject, HeadObject',
    why: 'couriers fetch tasks by presigned URLs; build contexts are looked up',
  },
  {
    action: 's3:PutObject',
    on: 'agentContexts',
    by: 'PutObject',
    why: 'the contexts that programs of agents are built of',
  },
  {
    action: 's3:GetObject',
    on: 'trials',
    by: 'GetObject, HeadObject',
    why: 'the result of a Pod that is gone is in its outcome.json; couriers of regrades read files by presigned URLs',
  },
  {
    action: 's3:PutObject',
    on: 'trials',
    by: 'PutObject',
    why: 'config.json and result.json; couriers store files by presigned URLs',
  },
  {
    action: 's3:GetObject',
    on: 'builds',
    by: 'GetObject',
    why: 'which image was built of what; only what is on record is taken for an image that is there',
  },
  {
    action: 's3:PutObject',
    on: 'builds',
    by: 'PutObject',
    why: 'the record of a build that passed; nobody else writes there',
  },
  {
    action: 's3:GetObject',
    on: 'jobs',
    by: 'GetObject, HeadObject',
    why: 'what the index of a run has already, read by each new leader',
  },
  {
    action: 's3:PutObject',
    on: 'jobs',
    by: 'PutObject',
    why: 'index and result.json of a run; with If-Match, which needs s3:GetObject as well',
  },
  {
    action: 's3:GetObject',
    on: 'indexes',
    by: 'GetObject, HeadObject',
    why: 'the newest Trials of a task, to which others are added; how a Trial ended that comes again',
  },
  {
    action: 's3:PutObject',
    on: 'indexes',
    by: 'PutObject',
    why: 'the record of each Trial that ended, by its task; its outcome, by what it asked for',
  },
  {
    action: 's3:ListBucket',
    on: 'bucket',
    by: 'HeadObject, ListObjectsV2',
    why: 'without it S3 says 403 and not 404 for an object that is missing',
  },
  {
    action: 'ecr:DescribeRepositories',
    on: 'repository',
    by: 'DescribeRepositories',
    why: 'address of the repository, asked at start',
  },
  {
    action: 'ecr:DescribeImages',
    on: 'repository',
    by: 'DescribeImages',
    why: 'is the image there, and what is its digest',
  },
  {
    action: 'ecr:GetAuthorizationToken',
    on: 'registry',
    by: 'GetAuthorizationToken',
    why: 'login of the OCI protocol',
  },
  { action: 'ecr:BatchGetImage', on: 'repository', by: MANIFESTS, why: 'start command and user of an image' },
  {
    action: 'ecr:GetDownloadUrlForLayer',
    on: 'repository',
    by: BLOBS,
    why: 'start command and user of an image',
  },
  { action: 'codebuild:StartBuild', on: 'project', by: 'StartBuild', why: 'starts a build' },
  {
    action: 'codebuild:BatchGetBuilds',
    on: 'project',
    by: 'BatchGetBuilds',
    why: 'state of all builds under way',
  },
  {
    action: 'codebuild:StopBuild',
    on: 'project',
    by: 'StopBuild',
    why: 'a TaskBuild was cancelled or deleted',
  },
  {
    action: 'codebuild:ListBuildsForProject',
    on: 'project',
    by: 'ListBuildsForProject',
    why: 'a crash hid whether a build had been started',
  },
  { action: 'logs:GetLogEvents', on: 'buildLogs', by: 'GetLogEvents', why: 'last lines of a failed build' },
  {
    action: 'kms:GenerateDataKey',
    on: 'key',
    by: 'PutObject',
    why: 'S3 encrypts with the key',
    option: 'kms',
  },
  { action: 'kms:Decrypt', on: 'key', by: 'GetObject', why: 'S3 decrypts with the key', option: 'kms' },
  {
    action: 'ce:GetCostAndUsage',
    on: 'bill',
    by: 'GetCostAndUsage',
    why: 'what AWS charges for what carries the cost tag, once a day, to correct budgets of namespaces',
    option: 'costExplorer',
  },
  ...PULL_THROUGH.map(
    (action) =>
      ({
        action,
        on: 'pullThrough',
        by: action === 'ecr:GetDownloadUrlForLayer' ? BLOBS : MANIFESTS,
        why: 'images of Trials out of the pull-through cache, the first pull of each among it',
        option: 'pullThrough',
      }) as const,
  ),
] as const satisfies Permissions;
