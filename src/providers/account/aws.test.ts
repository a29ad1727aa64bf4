import { expect } from 'chai';
import {
  CreateMultipartUploadCommand,
  CreateBucketCommand,
  HeadBucketCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  DeleteObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { ACCOUNT, CREDENTIALS, REGION } from '../../../test/support/aws/facts.ts';
import { makeRepository, needMoto, type Moto } from '../../../test/support/aws/moto.ts';
import { callAws } from '../../../test/support/aws/wire.ts';
import { withVariables } from '../../../test/support/client/account-server.ts';
import { ProviderError } from '../errors.ts';
import { awsAccount } from './aws.ts';
import type { Account, Purge } from './port.ts';
import { awsPurge } from './purge.ts';
import { listAt, query, textAt } from './query.ts';
import type { SignedPlace } from './signed.ts';

const BUCKET = 'sb-artifacts';

describe('An account of AWS, at moto', () => {
  let moto: Moto;
  let leave: () => void;
  let account: Account;
  let place: SignedPlace;
  before(async function () {
    this.timeout(120_000);
    moto = await needMoto(this, { prepared: false });
    const env = { AWS_ENDPOINT_URL: moto.url };
    leave = withVariables(env);
    account = awsAccount({ region: REGION, env, credentials: CREDENTIALS });
    place = { region: REGION, env, credentials: async () => CREDENTIALS };
  });
  after(async () => {
    leave?.();
    await moto?.close();
  });

  it('says whose credentials these are', async () => {
    const { account: number, arn } = await account.identity();
    expect(number).to.match(/^\d{12}$/);
    expect(arn).to.match(/^arn:aws:(sts|iam)::\d{12}:/);
  });

  it('names the zones of the region, but for those that EKS refuses', async () => {
    const zones = await account.zones();
    expect(zones).to.include('us-east-1a');
    const all = listAt(
      await query(place, ['ec2', 'DescribeAvailabilityZones']),
      'availabilityZoneInfo',
      'item',
    );
    const refused = all.find((zone) => textAt(zone, 'zoneId') === 'use1-az3');
    expect(zones).to.not.include(textAt(refused, 'zoneName'));
    expect(zones).to.have.lengthOf(all.length - 1);
  });

  it('finds subnets of a VPC, and none of one that is not there', async () => {
    const vpcs = listAt(await query(place, ['ec2', 'DescribeVpcs']), 'vpcSet', 'item');
    const subnets = await account.subnets(textAt(vpcs[0], 'vpcId'));
    expect(subnets).to.have.length.above(1);
    expect(subnets[0]?.id).to.match(/^subnet-/);
    expect(await account.subnets('vpc-00000000')).to.deep.equal([]);
  });

  it('finds a role with its path, and says of one that is not there that it is not', async () => {
    await query(place, ['iam', 'CreateRole'], {
      RoleName: 'AWSReservedSSO_admin',
      Path: '/aws-reserved/sso.amazonaws.com/',
      AssumeRolePolicyDocument: '{"Version":"2012-10-17","Statement":[]}',
      'Tags.member.1.Key': 'sb:stack',
      'Tags.member.1.Value': 'sb',
    });
    const found = await account.role('AWSReservedSSO_admin');
    expect(found.tags).to.deep.equal({ 'sb:stack': 'sb' });
    expect(found.arn).to.match(
      /^arn:aws:iam::\d{12}:role\/aws-reserved\/sso\.amazonaws\.com\/AWSReservedSSO_admin$/,
    );
    const error = await account.role('nobody').catch((failure: unknown) => failure as ProviderError);
    expect(error).to.be.instanceOf(ProviderError).and.to.have.property('reason', 'NotFound');
  });

  it('finds no cluster where there is none', async () => {
    expect(await account.cluster('sb')).to.equal(undefined);
  });

  it('finds what has a tag', async () => {
    await callAws(moto.url, ['logs', 'CreateLogGroup'], {
      logGroupName: '/sb/tagged',
      tags: { 'sb:stack': 'sb' },
    });
    const [arn, ...others] = await account.tagged('sb:stack', 'sb');
    expect(arn).to.match(new RegExp(`^arn:aws:logs:${REGION}:${ACCOUNT}:log-group:/sb/tagged`));
    expect(others).to.deep.equal([]);
    expect(await account.tagged('sb:stack', 'other')).to.deep.equal([]);
  });

  describe('what is deleted for good', () => {
    let s3: S3Client;
    let purge: Purge;
    before(() => {
      const settings = { region: REGION, credentials: CREDENTIALS };
      s3 = new S3Client({ ...settings, endpoint: moto.url, forcePathStyle: true });
      purge = awsPurge({ ...settings, account: ACCOUNT, byPath: true });
    });
    after(() => s3?.destroy());

    it('is a bucket with old versions, marks of deletion and unfinished uploads; twice is once', async () => {
      await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
      const VersioningConfiguration = { Status: 'Enabled' } as const;
      await s3.send(new PutBucketVersioningCommand({ Bucket: BUCKET, VersioningConfiguration }));
      for (const Body of ['one', 'two'])
        await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'a', Body }));
      await s3.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'a' }));
      await s3.send(new CreateMultipartUploadCommand({ Bucket: BUCKET, Key: 'b' }));
      expect(await purge.contents(BUCKET)).to.deep.equal({ count: 3, more: false });
      const gone: number[] = [];
      await purge.bucket(BUCKET, (count) => gone.push(count));
      expect(gone).to.deep.equal([3]);
      const head = await s3
        .send(new HeadBucketCommand({ Bucket: BUCKET }))
        .catch((error: Error) => error.name);
      expect(head).to.equal('NotFound');
      await purge.bucket(BUCKET, () => expect.fail('nothing is there'));
      expect(await purge.contents(BUCKET)).to.equal(undefined);
    });

    it('is a repository and a log group; what is not there is none', async () => {
      await makeRepository(moto.url, 'full');
      await callAws(moto.url, ['logs', 'CreateLogGroup'], { logGroupName: '/sb/logs' });
      for (let times = 0; times < 2; times++) {
        await purge.repository('full');
        await purge.logGroup('/sb/logs');
      }
      const { repositories } = await callAws<{ repositories: { repositoryName: string }[] }>(
        moto.url,
        ['ecr', 'DescribeRepositories'],
        {},
      );
      expect(repositories.map(({ repositoryName }) => repositoryName)).to.not.include('full');
    });
  });
});
