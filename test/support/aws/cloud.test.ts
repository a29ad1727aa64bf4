import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findProgram } from '../programs.ts';
import { ask, startUpstream } from '../eks/testing.ts';
import { denied } from './calls.ts';
import { startCloud, type Cloud } from './cloud.ts';
import { ACCOUNT, CREDENTIALS, REGION } from './facts.ts';
import { needMotoWithStacks, type Moto } from './moto.ts';

const run = promisify(execFile);

describe('an account from nothing, to the AWS command', function () {
  // The command takes seconds to start on a busy machine.
  this.timeout(180_000);
  let moto: Moto;
  let upstream: Awaited<ReturnType<typeof startUpstream>>;
  let cloud: Cloud;
  const keys: Record<string, string> = {};

  before(async function () {
    moto = await needMotoWithStacks(this);
    upstream = await startUpstream();
    cloud = await startCloud({ moto: moto.url, registry: 'http://127.0.0.1:1', upstream: upstream.upstream });
    Object.assign(keys, {
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      // The command knows no AWS_REGION.
      AWS_DEFAULT_REGION: REGION,
    });
  });
  after(async () => {
    await cloud?.close();
    upstream?.close();
    await moto?.close();
  });

  const aws = async <T>(words: string, more: Record<string, string> = {}): Promise<T> => {
    const env = { PATH: process.env['PATH'], ...cloud.env, ...keys, ...more, AWS_MAX_ATTEMPTS: '1' };
    const { stdout } = await run(findProgram('aws')!, [...words.split(' '), '--output', 'json'], { env });
    return JSON.parse(stdout) as T;
  };
  const refused = (words: string, more?: Record<string, string>): Promise<string> =>
    aws(words, more).then(
      () => expect.fail('it was not refused'),
      (error: { stderr: string }) => error.stderr.trim(),
    );

  it('says who somebody is, also in a role', async () => {
    expect(await aws<{ Arn: string }>('sts get-caller-identity')).to.include({
      Account: ACCOUNT,
      Arn: `arn:aws:iam::${ACCOUNT}:user/admin`,
    });
    const { Credentials } = await aws<{ Credentials: Record<string, string> }>(
      `sts assume-role --role-arn arn:aws:iam::${ACCOUNT}:role/team/admin --role-session-name laptop`,
    );
    const session = {
      AWS_ACCESS_KEY_ID: Credentials['AccessKeyId']!,
      AWS_SECRET_ACCESS_KEY: Credentials['SecretAccessKey']!,
      AWS_SESSION_TOKEN: Credentials['SessionToken']!,
    };
    const { Arn } = await aws<{ Arn: string }>('sts get-caller-identity', session);
    expect(Arn).to.equal(`arn:aws:sts::${ACCOUNT}:assumed-role/admin/laptop`);
    expect(await refused('sts get-caller-identity', { ...session, AWS_SESSION_TOKEN: 'x' })).to.contain(
      'InvalidClientTokenId',
    );
  });

  it('has zones, for whoever may see them', async () => {
    const { AvailabilityZones } = await aws<{ AvailabilityZones: { ZoneName: string }[] }>(
      'ec2 describe-availability-zones',
    );
    expect(AvailabilityZones.map(({ ZoneName }) => ZoneName)).to.include(`${REGION}a`);
    cloud.front.calls.refuse('ec2:*', { ...denied('ec2:DescribeAvailabilityZones'), status: 403 }, 1);
    expect(await refused('ec2 describe-availability-zones')).to.contain('UnauthorizedOperation');
    expect(await refused('ec2 describe-availability-zones', { AWS_SECRET_ACCESS_KEY: 'x' })).to.contain(
      'SignatureDoesNotMatch',
    );
    expect(await refused('iam get-role --role-name none')).to.contain('NoSuchEntity');
  });

  it('finds by tag what stacks have made, clusters too', async () => {
    const role = {
      Type: 'AWS::IAM::Role',
      Properties: { AssumeRolePolicyDocument: { Version: '2012-10-17', Statement: [] } },
    };
    const Tags = [{ Key: 'sb:stack', Value: 'mine' }];
    const Properties = {
      Name: 'mine',
      Version: '1.35',
      RoleArn: { 'Fn::GetAtt': ['Role', 'Arn'] },
      ResourcesVpcConfig: { SubnetIds: ['a', 'b'] },
      Tags,
    };
    const bucket = { Type: 'AWS::S3::Bucket', Properties: { BucketName: 'mine', Tags } };
    const template = JSON.stringify({
      Resources: { Role: role, Cluster: { Type: 'AWS::EKS::Cluster', Properties }, Bucket: bucket },
    });
    const stack = [
      'cloudformation',
      'create-stack',
      '--stack-name',
      'mine',
      '--capabilities',
      'CAPABILITY_IAM',
      '--template-body',
      template,
    ];
    await run(findProgram('aws')!, stack, { env: { PATH: process.env['PATH'], ...cloud.env, ...keys } });
    await cloud.cloudformation.idle();
    const { ResourceTagMappingList } = await aws<{ ResourceTagMappingList: { ResourceARN: string }[] }>(
      'resourcegroupstaggingapi get-resources --tag-filters Key=sb:stack,Values=mine',
    );
    expect(ResourceTagMappingList.map((one) => one.ResourceARN)).to.have.members([
      'arn:aws:s3:::mine',
      `arn:aws:eks:${REGION}:${ACCOUNT}:cluster/mine`,
    ]);
  });

  it('takes the token that the AWS command makes for a cluster', async () => {
    const { status } = await aws<{ status: { token: string } }>('eks get-token --cluster-name mine', {
      AWS_ENDPOINT_URL_STS: `https://sts.${REGION}.amazonaws.com`,
    });
    const { cluster } = await aws<{ cluster: { endpoint: string } }>('eks describe-cluster --name mine');
    const { authority } = cloud.eks.clusters.get({ clusterName: 'mine' });
    cloud.eks.clusters.addEntry({ clusterName: 'mine', principalArn: `arn:aws:iam::${ACCOUNT}:user/admin` });
    const headers = { authorization: `Bearer ${status.token}` };
    const response = await ask(cluster.endpoint, authority, { headers });
    expect([response.statusCode, cloud.eks.refusals('mine')]).to.deep.equal([200, []]);
  });
});
