/** What moto makes and how it goes: moto's stacks delete next to nothing, so it is deleted by the services' own calls. */
import { AwsError, callAws } from '../../aws/wire.ts';
import type { Values } from '../model.ts';
import { handlerFailure, ResourceFailure, type Thing } from '../resource-type.ts';
import { query, type MotoKind } from './moto.ts';

interface NamedPolicy {
  PolicyName: string;
  PolicyDocument: unknown;
}

const asHandler = (error: unknown): void => {
  if (!(error instanceof AwsError)) throw error;
  // What is gone already needs no deletion.
  if (!error.code.includes('NotFound')) throw handlerFailure(error.message, 'GeneralServiceException');
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

async function updateRole(url: string, { physicalId }: Thing, next: Values): Promise<void> {
  for (const policy of (next['Policies'] ?? []) as NamedPolicy[]) await putPolicy(url, physicalId, policy);
}

async function updatePolicy(url: string, _: Thing, next: Values): Promise<void> {
  for (const role of next['Roles'] as string[]) await putPolicy(url, role, next as unknown as NamedPolicy);
}

async function updateGroup(url: string, { physicalId }: Thing, next: Values): Promise<void> {
  const wanted = { logGroupName: physicalId, retentionInDays: Number(next['RetentionInDays']) };
  await callAws(url, ['logs', 'PutRetentionPolicy'], wanted).catch(asHandler);
}

async function updateRepository(url: string, { physicalId }: Thing, next: Values): Promise<void> {
  const wanted = { repositoryName: physicalId, imageTagMutability: next['ImageTagMutability'] };
  await callAws(url, ['ecr', 'PutImageTagMutability'], wanted).catch(asHandler);
}

const removeGroup = (url: string, { physicalId: logGroupName }: Thing): Promise<unknown> =>
  callAws(url, ['logs', 'DeleteLogGroup'], { logGroupName }).catch(asHandler);

/** ECR keeps a repository that has images. Source: template reference, AWS::ECR::Repository, `EmptyOnDelete`. */
const removeRepository = (url: string, { physicalId: repositoryName }: Thing): Promise<unknown> =>
  callAws(url, ['ecr', 'DeleteRepository'], { repositoryName }).catch(asHandler);

const ec2 = (url: string, members: Readonly<Record<string, string>>): Promise<string> =>
  query(url, 'ec2', { Version: '2016-11-15', ...members }).catch((error: unknown) => {
    if (error instanceof ResourceFailure && /does not exist|not found/i.test(error.message)) return '';
    throw error;
  });

/** By a call of EC2 that names it as it is. */
const removedBy =
  (membersOf: (thing: Thing) => Readonly<Record<string, string>>) =>
  (url: string, thing: Thing): Promise<unknown> =>
    ec2(url, membersOf(thing));

const property = ({ properties }: Thing, name: string): string => String(properties[name]);

async function removeAssociation(url: string, thing: Thing): Promise<void> {
  const tables = await ec2(url, {
    Action: 'DescribeRouteTables',
    'Filter.1.Name': 'association.subnet-id',
    'Filter.1.Value.1': property(thing, 'SubnetId'),
  });
  const AssociationId = /<routeTableAssociationId>(rtbassoc-[^<]+)</.exec(tables)?.[1];
  if (AssociationId !== undefined) await ec2(url, { Action: 'DisassociateRouteTable', AssociationId });
}

/** Source: template reference of each type, “Update requires: Replacement” and “Return values”. */
export const KINDS: Readonly<Record<string, MotoKind>> = {
  'AWS::IAM::Role': { name: 'RoleName', replacedBy: ['Path'], attributes: ['Arn'], update: updateRole },
  'AWS::IAM::Policy': { update: updatePolicy },
  'AWS::ECR::Repository': {
    name: 'RepositoryName',
    replacedBy: ['EncryptionConfiguration'],
    attributes: ['Arn', 'RepositoryUri'],
    update: updateRepository,
    remove: removeRepository,
  },
  'AWS::Logs::LogGroup': {
    name: 'LogGroupName',
    attributes: ['Arn'],
    update: updateGroup,
    remove: removeGroup,
  },
  'AWS::EC2::VPC': { replacedBy: ['CidrBlock'] },
  'AWS::EC2::InternetGateway': {
    remove: removedBy(({ physicalId }) => ({
      Action: 'DeleteInternetGateway',
      InternetGatewayId: physicalId,
    })),
  },
  'AWS::EC2::VPCGatewayAttachment': {
    replacedBy: ['VpcId'],
    remove: removedBy((thing) => ({
      Action: 'DetachInternetGateway',
      VpcId: property(thing, 'VpcId'),
      InternetGatewayId: property(thing, 'InternetGatewayId'),
    })),
  },
  'AWS::EC2::Subnet': { replacedBy: ['VpcId', 'CidrBlock', 'AvailabilityZone'] },
  'AWS::EC2::RouteTable': {
    replacedBy: ['VpcId'],
    remove: removedBy(({ physicalId }) => ({ Action: 'DeleteRouteTable', RouteTableId: physicalId })),
  },
  'AWS::EC2::Route': {
    replacedBy: ['RouteTableId', 'DestinationCidrBlock'],
    remove: removedBy((thing) => ({
      Action: 'DeleteRoute',
      RouteTableId: property(thing, 'RouteTableId'),
      DestinationCidrBlock: property(thing, 'DestinationCidrBlock'),
    })),
  },
  'AWS::EC2::SubnetRouteTableAssociation': {
    replacedBy: ['SubnetId', 'RouteTableId'],
    remove: removeAssociation,
  },
  'AWS::EC2::EIP': {
    replacedBy: ['Domain'],
    attributes: ['AllocationId'],
    remove: removedBy(({ attributes }) => ({
      Action: 'ReleaseAddress',
      AllocationId: attributes?.['AllocationId'] ?? '',
    })),
  },
  'AWS::EC2::NatGateway': {
    replacedBy: ['SubnetId', 'AllocationId'],
    remove: removedBy(({ physicalId }) => ({ Action: 'DeleteNatGateway', NatGatewayId: physicalId })),
  },
  'AWS::EC2::VPCEndpoint': {
    replacedBy: ['VpcId', 'VpcEndpointType', 'ServiceName'],
    remove: removedBy(({ physicalId }) => ({
      Action: 'DeleteVpcEndpoints',
      'VpcEndpointId.1': physicalId,
    })),
  },
};
