/** What a permission is: whose, on which resource, under which condition. */

/** Whose policy it is. */
export type AwsRole =
  /** The operator's Pods, broker included: what couriers do with presigned URLs is done in its name. */
  | 'operator'
  /** The service role of the CodeBuild project; untrusted Dockerfiles run beside its credentials. */
  | 'builder'
  /** The build that brings an installation’s images along: it alone may push the operator’s. */
  | 'installer'
  /** The nodes that run Trials. */
  | 'node'
  /** Fluent Bit, which ships the Pods' logs. */
  | 'logShipper'
  /** People who use `sb` with credentials of their own, and trust each other. */
  | 'client'
  /** One of those whom `sb cloud researcher add` lets in. */
  | 'researcher';

/** Extra policies for what not every installation has. */
export type AwsOption = 'kms' | 'pullThrough' | 'costExplorer';

const account = (service: string, rest: string): string =>
  `arn:\${AWS_PARTITION}:${service}:\${SB_AWS_REGION}:\${AWS_ACCOUNT_ID}:${rest}`;
const bucket = (rest = ''): string => `arn:\${AWS_PARTITION}:s3:::\${SB_S3_BUCKET}${rest}`;

/** Resources as narrow as the Service Authorization Reference lets each action be; `*` is there for actions that take nothing else. */
export const RESOURCES = {
  registry: '*',
  /** ECR Public. */
  publicRegistry: '*',
  bearerToken: '*',
  /** Cost Explorer knows accounts alone. */
  bill: '*',
  bucket: bucket(),
  tasks: bucket('/tasks/*'),
  agentContexts: bucket('/tasks/_agents/*'),
  doctorProbes: bucket('/tasks/.doctor/*'),
  ownTasks: bucket('/tasks/researchers/${SB_RESEARCHER}/*'),
  ownProbes: bucket('/tasks/researchers/${SB_RESEARCHER}/.doctor/*'),
  trials: bucket('/trials/*'),
  installContexts: bucket('/install/*'),
  builds: bucket('/builds/*'),
  jobs: bucket('/jobs/*'),
  indexes: bucket('/indexes/*'),
  repository: account('ecr', 'repository/${SB_ECR_REPO}'),
  cacheRepository: account('ecr', 'repository/${SB_ECR_REPO}-cache'),
  operatorRepository: account('ecr', 'repository/${SB_OPERATOR_REPO}'),
  tools: account('ecr', 'repository/${SB_STACK}-tools/*'),
  pullThrough: account('ecr', 'repository/${SB_PULL_THROUGH_PREFIX}/*'),
  project: account('codebuild', 'project/${SB_CODEBUILD_PROJECT}'),
  buildLogs: account('logs', 'log-group:/aws/codebuild/${SB_CODEBUILD_PROJECT}:*'),
  podLogs: account('logs', 'log-group:${SB_LOG_GROUP}:*'),
  secrets: account('secretsmanager', 'secret:${SB_STACK}/*'),
  key: account('kms', 'key/${SB_KMS_KEY_ID}'),
} as const;

/** Conditions of every statement about a resource. Values may have `*`; no key of a request means no match. */
export const CONDITIONS: Partial<
  Record<keyof typeof RESOURCES, Readonly<Record<string, Readonly<Record<string, string>>>>>
> = {
  bearerToken: { StringEquals: { 'sts:AWSServiceName': 'ecr-public.amazonaws.com' } },
  // The key is used through the bucket alone. The host of S3 ends in another way in each partition.
  key: { StringLike: { 'kms:ViaService': 's3.${SB_AWS_REGION}.amazonaws.*' } },
};

export interface AwsPermission {
  role: AwsRole;
  action: `${string}:${string}`;
  on: keyof typeof RESOURCES;
  /** Operations of the SDK, requests of the OCI protocol, commands of the buildspec, or the service that calls; with commas between. */
  by: string;
  why: string;
  option?: AwsOption;
}

export type Permissions = readonly Omit<AwsPermission, 'role'>[];
