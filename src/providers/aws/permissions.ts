/** Who calls what of AWS on which resource, and why. `npm run generate` makes the policies in config/aws/iam of it; `permissions.test.ts` holds it against the code. */

/** Whose policy it is. */
export type AwsRole =
  /** The operator's Pods, broker included: what couriers do with presigned URLs is done in its name. */
  | 'operator'
  /** The service role of the CodeBuild project; untrusted Dockerfiles run beside its credentials. */
  | 'builder'
  /** The nodes that run Trials. */
  | 'node'
  /** Fluent Bit, which ships the Pods' logs. */
  | 'logShipper';

/** Extra policies for what not every installation has. */
export type AwsOption = 'kms' | 'pullThrough';

const account = (service: string, rest: string): string =>
  `arn:aws:${service}:\${SB_AWS_REGION}:\${AWS_ACCOUNT_ID}:${rest}`;
const bucket = (rest = ''): string => `arn:aws:s3:::\${SB_S3_BUCKET}${rest}`;

/** Resources as narrow as the Service Authorization Reference lets each action be; `*` is there for actions that take nothing else. */
export const RESOURCES = {
  registry: '*',
  bucket: bucket(),
  tasks: bucket('/tasks/*'),
  agentContexts: bucket('/tasks/_agents/*'),
  trials: bucket('/trials/*'),
  builds: bucket('/builds/*'),
  jobs: bucket('/jobs/*'),
  indexes: bucket('/indexes/*'),
  repository: account('ecr', 'repository/${SB_ECR_REPO}'),
  cacheRepository: account('ecr', 'repository/${SB_ECR_REPO}-cache'),
  operatorRepository: account('ecr', 'repository/${SB_OPERATOR_REPO}'),
  pullThrough: account('ecr', 'repository/${SB_PULL_THROUGH_PREFIX}/*'),
  project: account('codebuild', 'project/${SB_CODEBUILD_PROJECT}'),
  buildLogs: account('logs', 'log-group:/aws/codebuild/${SB_CODEBUILD_PROJECT}:*'),
  podLogs: account('logs', 'log-group:${SB_LOG_GROUP}:*'),
  secrets: account('secretsmanager', 'secret:${SB_STACK}/*'),
  key: account('kms', 'key/${SB_KMS_KEY_ID}'),
} as const;

export interface AwsPermission {
  role: AwsRole;
  action: `${string}:${string}`;
  on: keyof typeof RESOURCES;
  /** Operations of the SDK, requests of the OCI protocol, commands of the buildspec, or the service that calls; with commas between. */
  by: string;
  why: string;
  option?: AwsOption;
}

type Permissions = readonly Omit<AwsPermission, 'role'>[];

const MANIFESTS = 'GET /v2/…/manifests';
const BLOBS = 'GET /v2/…/blobs';
const SOURCE = 'CodeBuild (DOWNLOAD_SOURCE)';
const LOGIN = 'aws ecr get-authorization-token';
const BUILDX = 'docker buildx build';

const OPERATOR = [
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
] as const satisfies Permissions;

const PUSH = [
  'ecr:BatchCheckLayerAvailability',
  'ecr:InitiateLayerUpload',
  'ecr:UploadLayerPart',
  'ecr:CompleteLayerUpload',
  'ecr:PutImage',
] as const;

const BUILDER = [
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
  { action: 'ecr:BatchGetImage', on: 'repository', by: BUILDX, why: 'layers that are there already' },
  {
    action: 'ecr:GetDownloadUrlForLayer',
    on: 'repository',
    by: BUILDX,
    why: 'layers that are there already',
  },
  ...PUSH.map((action) => ({ action, on: 'repository', by: BUILDX, why: 'push' }) as const),
  { action: 'ecr:BatchGetImage', on: 'cacheRepository', by: BUILDX, why: 'layer cache' },
  { action: 'ecr:GetDownloadUrlForLayer', on: 'cacheRepository', by: BUILDX, why: 'layer cache' },
  ...PUSH.map((action) => ({ action, on: 'cacheRepository', by: BUILDX, why: 'layer cache' }) as const),
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
  { action: 'ecr:BatchGetImage', on: 'pullThrough', by: BUILDX, why: 'base images', option: 'pullThrough' },
  {
    action: 'ecr:GetDownloadUrlForLayer',
    on: 'pullThrough',
    by: BUILDX,
    why: 'base images',
    option: 'pullThrough',
  },
  {
    action: 'ecr:BatchImportUpstreamImage',
    on: 'pullThrough',
    by: BUILDX,
    why: 'first pull of a base image',
    option: 'pullThrough',
  },
  {
    action: 'ecr:CreateRepository',
    on: 'pullThrough',
    by: BUILDX,
    why: 'first pull of a base image',
    option: 'pullThrough',
  },
] as const satisfies Permissions;

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
] as const satisfies Permissions;

const LOG_SHIPPER = [
  { action: 'logs:CreateLogStream', on: 'podLogs', by: 'Fluent Bit', why: 'a stream for each Trial' },
  { action: 'logs:PutLogEvents', on: 'podLogs', by: 'Fluent Bit', why: 'what the containers print' },
] as const satisfies Permissions;

/** An action that the operator calls; errors that name a missing permission can name no other. */
export type AwsAction = (typeof OPERATOR)[number]['action'];

const of = (role: AwsRole, permissions: Permissions): AwsPermission[] =>
  permissions.map((permission) => ({ role, ...permission }));

/** The table. */
export const AWS_PERMISSIONS: readonly AwsPermission[] = [
  ...of('operator', OPERATOR),
  ...of('builder', BUILDER),
  ...of('node', NODE),
  ...of('logShipper', LOG_SHIPPER),
];

/** What an adapter can do and the operator never does, so that nobody has to allow it. */
export const WITHHELD: Readonly<Record<string, string>> = {
  's3:DeleteObject': 'results are never deleted by the operator',
};

/** Operations that need another permission than the one of their own name. */
const OTHER_ACTIONS: Readonly<Record<string, readonly string[]>> = {
  's3:HeadObject': ['s3:GetObject', 's3:ListBucket'],
  's3:ListObjectsV2': ['s3:ListBucket'],
};

/** Permissions that an operation of a service needs (prefix of its IAM actions, name in the API). Source: Service Authorization Reference. */
export const actionsOf = (service: string, operation: string): readonly string[] =>
  OTHER_ACTIONS[`${service}:${operation}`] ?? [`${service}:${operation}`];
