import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
  UpdateStackCommand,
  type Parameter,
} from '@aws-sdk/client-cloudformation';
import { ECRClient, PutImageCommand } from '@aws-sdk/client-ecr';
import { GetBucketTaggingCommand, HeadBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { expect } from 'chai';
import { awsNames } from '../../../src/installation/aws/names.ts';
import { STACKS } from '../../../src/installation/aws/stacks/stacks.ts';
import { ACCOUNT, CREDENTIALS, REGION, STACK } from '../aws/facts.ts';
import { needMotoWithStacks, type Moto } from '../aws/moto.ts';
import type { Project } from '../codebuild/model.ts';
import { startEks, type EksService } from '../eks/index.ts';
import { accountTypes, startCloudFormation, type CloudFormationService } from './index.ts';
import { query } from './types/moto.ts';

const ADMIN = `arn:aws:iam::${ACCOUNT}:role/admin`;
const UPSTREAM = { url: 'https://127.0.0.1:1', ca: '', cert: '', key: '' };
type Name = keyof typeof STACKS;

describe('the stacks on AWS, in an account of the stand-ins', () => {
  const names = awsNames({ stack: STACK, account: ACCOUNT, region: REGION });
  const projects: Record<string, Project> = {};
  let moto: Moto;
  let eks: EksService;
  let service: CloudFormationService;
  let client: CloudFormationClient;
  let s3: S3Client;

  before(async function () {
    moto = await needMotoWithStacks(this);
    const place = { region: REGION, account: ACCOUNT, credentials: [CREDENTIALS] };
    eks = await startEks({ ...place, upstream: UPSTREAM });
    const types = accountTypes({ moto: moto.url, projects, eks });
    service = await startCloudFormation({ ...place, types });
    const access = { region: REGION, credentials: CREDENTIALS, maxAttempts: 1 };
    client = new CloudFormationClient({ ...access, endpoint: service.url });
    s3 = new S3Client({ ...access, endpoint: moto.url, forcePathStyle: true });
  });
  after(async () => {
    client?.destroy();
    s3?.destroy();
    await service?.close();
    await eks?.close();
    await moto?.close();
  });

  const stackName = (stack: Name): string => `${STACK}-${stack}`;
  const input = (stack: Name, parameters: Record<string, string>) => ({
    StackName: stackName(stack),
    TemplateBody: JSON.stringify(STACKS[stack]),
    Capabilities: ['CAPABILITY_IAM' as const],
    Tags: [{ Key: 'owner', Value: 'team' }],
    Parameters: Object.entries({ Stack: STACK, ...parameters }).map(
      ([ParameterKey, ParameterValue]): Parameter => ({ ParameterKey, ParameterValue }),
    ),
  });
  const outputs = async (stack: Name): Promise<Record<string, string>> => {
    const { Stacks } = await client.send(new DescribeStacksCommand({ StackName: stackName(stack) }));
    const { Outputs = [], StackStatus } = Stacks![0]!;
    if (!StackStatus!.endsWith('_COMPLETE') || StackStatus!.includes('ROLLBACK')) await explain(stack);
    return Object.fromEntries(Outputs.map(({ OutputKey, OutputValue }) => [OutputKey!, OutputValue!]));
  };
  const explain = async (stack: Name): Promise<never> => {
    const { StackEvents } = await client.send(
      new DescribeStackEventsCommand({ StackName: stackName(stack) }),
    );
    return expect.fail(
      StackEvents!
        .map((one) => `${one.LogicalResourceId} ${one.ResourceStatus} ${one.ResourceStatusReason}`)
        .join('\n'),
    );
  };
  const make = async (
    stack: Name,
    parameters: Record<string, string> = {},
  ): Promise<Record<string, string>> => {
    await client.send(new CreateStackCommand(input(stack, parameters)));
    await service.idle();
    return outputs(stack);
  };
  const statusAfterDeletion = async (stack: Name): Promise<string> => {
    const { Stacks } = await client.send(new DescribeStacksCommand({ StackName: stackName(stack) }));
    await client.send(new DeleteStackCommand({ StackName: stackName(stack) }));
    await service.idle();
    const after = await client.send(new DescribeStacksCommand({ StackName: Stacks![0]!.StackId }));
    return after.Stacks![0]!.StackStatus!;
  };
  const zones = { ZoneA: `${REGION}a`, ZoneB: `${REGION}b`, ZoneC: `${REGION}c` };

  it('are made: buckets, repositories, roles and logs in moto, the project in CodeBuild', async () => {
    const made = await make('artifacts');
    expect(made).to.include({ Bucket: names.bucket, Images: names.images, Project: names.project });
    await s3.send(new HeadBucketCommand({ Bucket: names.bucket }));
    const { TagSet } = await s3.send(new GetBucketTaggingCommand({ Bucket: names.bucket }));
    expect(TagSet).to.deep.include.members([
      { Key: 'sb:stack', Value: STACK },
      { Key: 'owner', Value: 'team' },
    ]);
    const project = projects[names.project]!;
    expect(project.environment).to.include({ privilegedMode: true, computeType: 'BUILD_GENERAL1_MEDIUM' });
    expect(project.serviceRole).to.match(
      /^arn:aws:iam::123456789012:role\/abundant-sb-artifacts-BuilderRole-/,
    );
    const roles = await query(moto.url, 'iam', { Action: 'ListRoles', Version: '2010-05-08' });
    expect(roles).to.contain(project.serviceRole!);
  });

  it('have a cluster in the network, with its admin and the roles of its Pods', async () => {
    const network = await make('network', zones);
    expect(network['SubnetIds']!.split(',')).to.have.length(3);
    const cluster = await make('cluster', { SubnetIds: network['SubnetIds']!, AdminArn: ADMIN });
    const made = eks.clusters.get({ clusterName: STACK });
    expect([made.status, made.version]).to.deep.equal(['ACTIVE', '1.35']);
    expect(cluster).to.include({ Cluster: STACK, Endpoint: made.endpoint });
    expect(Buffer.from(cluster['Authority']!, 'base64').toString()).to.equal(made.authority);
    expect(made.entries.map(({ principalArn, type }) => [principalArn, type])).to.deep.equal([
      [`arn:aws:iam::${ACCOUNT}:role/${cluster['NodeRole']}`, 'EC2'],
      [ADMIN, 'STANDARD'],
    ]);
    expect(made.identities.map((one) => `${one.namespace}/${one.serviceAccount}`)).to.include(
      'sb-system/sb-operator',
    );
  });

  it('change where a parameter does', async () => {
    const parameters = { LogDays: '60', BuildCompute: 'BUILD_GENERAL1_LARGE' };
    await client.send(new UpdateStackCommand(input('artifacts', parameters)));
    await service.idle();
    await outputs('artifacts');
    expect(projects[names.project]!.environment!.computeType).to.equal('BUILD_GENERAL1_LARGE');
    const error = await client
      .send(new UpdateStackCommand(input('artifacts', parameters)))
      .catch((one: Error) => one);
    expect((error as Error).message).to.equal('No updates are to be performed.');
  });

  it('go without leaving anything', async () => {
    expect(await statusAfterDeletion('cluster')).to.equal('DELETE_COMPLETE');
    expect(eks.clusters.all).to.deep.equal([]);
    expect(await statusAfterDeletion('network')).to.equal('DELETE_COMPLETE');
    const left = async (Action: string) => query(moto.url, 'ec2', { Action, Version: '2016-11-15' });
    expect(await left('DescribeVpcs')).to.not.contain('10.100.0.0/16');
    expect(await left('DescribeInternetGateways')).to.not.contain('igw-');
    expect(await left('DescribeAddresses')).to.not.contain('eipalloc-');
    expect(await left('DescribeNatGateways')).to.not.match(/<state>(?!deleted)/);
    expect(await left('DescribeVpcEndpoints')).to.not.match(/<state>(?!deleted)/);
  });

  it('keep what holds results when they are deleted, and cannot then be made again under that name', async () => {
    await s3.send(new PutObjectCommand({ Bucket: names.bucket, Key: 'trials/a', Body: 'x' }));
    expect(await statusAfterDeletion('artifacts')).to.equal('DELETE_COMPLETE');
    await s3.send(new HeadBucketCommand({ Bucket: names.bucket }));
    expect(projects).to.deep.equal({});
    await client.send(new CreateStackCommand(input('artifacts', {})));
    await service.idle();
    const { StackEvents } = await client.send(
      new DescribeStackEventsCommand({ StackName: stackName('artifacts') }),
    );
    const reasons = StackEvents!.map((one) => one.ResourceStatusReason ?? '');
    expect(reasons.filter((one) => one.includes('HandlerErrorCode: AlreadyExists'))).to.not.be.empty;
    expect(await statusAfterDeletion('artifacts')).to.equal('DELETE_COMPLETE');
    await s3.send(new HeadBucketCommand({ Bucket: names.bucket }));
  });

  it('fail to delete a bucket that is not empty, and a repository that has images', async () => {
    const Resources = {
      Bucket: { Type: 'AWS::S3::Bucket', Properties: { BucketName: 'full' } },
      Images: { Type: 'AWS::ECR::Repository', Properties: { RepositoryName: 'full' } },
    };
    const StackName = stackName('network');
    await client.send(new CreateStackCommand({ StackName, TemplateBody: JSON.stringify({ Resources }) }));
    await service.idle();
    await s3.send(new PutObjectCommand({ Bucket: 'full', Key: 'a', Body: 'x' }));
    const ecr = new ECRClient({ region: REGION, credentials: CREDENTIALS, endpoint: moto.url });
    const imageManifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: {},
      layers: [],
    });
    await ecr.send(new PutImageCommand({ repositoryName: 'full', imageTag: 'a', imageManifest }));
    ecr.destroy();
    expect(await statusAfterDeletion('network')).to.equal('DELETE_FAILED');
    const { StackEvents } = await client.send(new DescribeStackEventsCommand({ StackName }));
    const failed = StackEvents!
      .filter((one) => one.ResourceStatus === 'DELETE_FAILED')
      .map((one) => `${one.LogicalResourceId}: ${one.ResourceStatusReason}`);
    expect(failed.join('\n'))
      .to.match(/Bucket: .*The bucket you tried to delete is not empty/)
      .and.match(/Images: .*cannot be deleted because it still contains images/);
  });
});
