/** The types of resources that our templates have. S3, ECR, IAM, CloudWatch Logs and EC2 are made where their services are; see docs/testing-aws.md. */
import { callAws, AwsError } from '../../aws/wire.ts';
import type { EksService } from '../../eks/index.ts';
import type { Project } from '../../codebuild/model.ts';
import { handlerFailure, type ResourceTypes } from '../resource-type.ts';
import type { Values } from '../model.ts';
import { codeBuildProject } from './codebuild.ts';
import { eksTypes } from './eks.ts';
import { motoType, query, type MotoKind } from './moto.ts';
import { bucketPolicyType, bucketType, type S3Access } from './s3.ts';

export interface AccountOptions {
  eks: EksService;
  /** moto's URL: ECR, IAM, CloudWatch Logs, EC2. */
  moto: string;
  /** Where buckets are made; default: moto. */
  s3?: S3Access;
  /** Projects of the CodeBuild service, which reads them anew for every build. */
  projects: Record<string, Project>;
}

interface NamedPolicy {
  PolicyName: string;
  PolicyDocument: unknown;
}

const asHandler = (error: unknown): never => {
  if (error instanceof AwsError) throw handlerFailure(error.message, 'GeneralServiceException');
  throw error;
};

const putPolicy = (
  url: string,
  role: string,
  { PolicyName, PolicyDocument }: NamedPolicy,
): Promise<unknown> =>
  query(url, 'iam', {
    Action: 'PutRolePolicy',
    Version: '2010-05-08',
    RoleName: role,
    PolicyName,
    PolicyDocument: JSON.stringify(PolicyDocument),
  });

async function updateRole(url: string, role: string, next: Values): Promise<void> {
  for (const policy of (next['Policies'] ?? []) as NamedPolicy[]) await putPolicy(url, role, policy);
}

async function updatePolicy(url: string, _: string, next: Values): Promise<void> {
  for (const role of next['Roles'] as string[]) await putPolicy(url, role, next as unknown as NamedPolicy);
}

async function updateGroup(url: string, logGroupName: string, next: Values): Promise<void> {
  const retentionInDays = Number(next['RetentionInDays']);
  await callAws(url, ['logs', 'PutRetentionPolicy'], { logGroupName, retentionInDays }).catch(asHandler);
}

async function updateRepository(url: string, repositoryName: string, next: Values): Promise<void> {
  const imageTagMutability = next['ImageTagMutability'];
  await callAws(url, ['ecr', 'PutImageTagMutability'], { repositoryName, imageTagMutability }).catch(
    asHandler,
  );
}

/** ECR keeps a repository that has images. Source: template reference, AWS::ECR::Repository, `EmptyOnDelete`. */
async function removeRepository(url: string, repositoryName: string): Promise<void> {
  await callAws(url, ['ecr', 'DeleteRepository'], { repositoryName }).catch((error: unknown) => {
    if ((error as AwsError).code !== 'RepositoryNotFoundException') asHandler(error);
  });
}

/** Source: template reference of each type, “Update requires: Replacement” and “Return values”. */
const KINDS: Readonly<Record<string, MotoKind>> = {
  'AWS::IAM::Role': { name: 'RoleName', replacedBy: ['Path'], attributes: ['Arn'], update: updateRole },
  'AWS::IAM::Policy': { update: updatePolicy },
  'AWS::ECR::Repository': {
    name: 'RepositoryName',
    replacedBy: ['EncryptionConfiguration'],
    attributes: ['Arn', 'RepositoryUri'],
    update: updateRepository,
    remove: removeRepository,
  },
  'AWS::Logs::LogGroup': { name: 'LogGroupName', attributes: ['Arn'], update: updateGroup },
  'AWS::EC2::VPC': { replacedBy: ['CidrBlock'] },
  'AWS::EC2::InternetGateway': {},
  'AWS::EC2::VPCGatewayAttachment': { replacedBy: ['VpcId'] },
  'AWS::EC2::Subnet': { replacedBy: ['VpcId', 'CidrBlock', 'AvailabilityZone'] },
  'AWS::EC2::RouteTable': { replacedBy: ['VpcId'] },
  'AWS::EC2::Route': { replacedBy: ['RouteTableId', 'DestinationCidrBlock'] },
  'AWS::EC2::SubnetRouteTableAssociation': { replacedBy: ['SubnetId', 'RouteTableId'] },
  'AWS::EC2::EIP': { replacedBy: ['Domain'], attributes: ['AllocationId'] },
  'AWS::EC2::NatGateway': { replacedBy: ['SubnetId', 'AllocationId'] },
  'AWS::EC2::VPCEndpoint': { replacedBy: ['VpcId', 'VpcEndpointType', 'ServiceName'] },
};

export function accountTypes({ moto, s3 = { url: moto }, projects, eks }: AccountOptions): ResourceTypes {
  const made = Object.entries(KINDS).map(([type, kind]) => [type, motoType(moto, type, kind)] as const);
  return {
    ...Object.fromEntries(made),
    ...eksTypes(eks),
    'AWS::S3::Bucket': bucketType(s3),
    'AWS::S3::BucketPolicy': bucketPolicyType(s3),
    'AWS::CodeBuild::Project': codeBuildProject(projects),
  };
}
