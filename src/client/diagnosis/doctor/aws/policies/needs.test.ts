import { expect } from 'chai';
import { needsOf, simulationsOf } from './needs.ts';

const settings = {
  SB_STACK: 'mine',
  SB_S3_BUCKET: 'bucket',
  SB_ECR_REPO: 'images',
  SB_CODEBUILD_PROJECT: 'build',
  SB_LOG_GROUP: '/sb/logs',
};
const names = { region: 'us-east-1', account: '123456789012', settings };
const resources = (over: Record<string, string> = {}, region = names.region): string[] =>
  needsOf('operator', { ...names, region, settings: { ...settings, ...over } }).map((need) => need.resource);

describe('What a role needs in an installation', () => {
  it('is asked about examples, since IAM would take a wildcard for a letter', () => {
    const all = (['operator', 'builder', 'logShipper', 'node', 'client'] as const).flatMap((role) =>
      needsOf(role, names).map(({ resource }) => resource),
    );
    expect(all).to.include.members(['*', 'arn:aws:s3:::bucket/trials/sb-doctor']);
    const own = needsOf('researcher', { ...names, researcher: 'ada' }).map(({ resource }) => resource);
    expect(own).to.include('arn:aws:s3:::bucket/tasks/researchers/ada/sb-doctor');
    expect(all).to.include('arn:aws:logs:us-east-1:123456789012:log-group:/sb/logs:log-stream:sb-doctor');
    expect(all.filter((one) => one !== '*' && /[*?$]/.test(one))).to.deep.equal([]);
  });

  it('has the key of an installation that has one, by way of S3 in its partition', () => {
    expect(resources().filter((one) => one.includes(':kms:'))).to.deep.equal([]);
    const own = { ...settings, SB_KMS_KEY_ID: '1234' };
    const all = needsOf('operator', { ...names, region: 'cn-north-1', settings: own });
    const key = all.find(({ statement }) => statement.Sid === 'Key');
    expect(key?.resource).to.equal('arn:aws-cn:kms:cn-north-1:123456789012:key/1234');
    expect(key?.context).to.deep.equal({
      'aws:RequestedRegion': 'cn-north-1',
      'aws:SecureTransport': 'true',
      'kms:ViaService': 's3.cn-north-1.amazonaws.com.cn',
    });
  });

  it('has the right to ask for the bill where the operator is to ask for it', () => {
    const actions = (over: Record<string, string>) =>
      needsOf('operator', { ...names, settings: { ...settings, ...over } }).flatMap(
        ({ statement }) => statement.Action,
      );
    expect(actions({ SB_BUDGET_CORRECTION: 'Off' })).not.to.include('ce:GetCostAndUsage');
    expect(actions({ SB_BUDGET_CORRECTION: 'CostExplorer' })).to.include('ce:GetCostAndUsage');
  });

  it('takes no name with a wildcard or a quote out of the settings: an admin would allow it by copying the fix', () => {
    for (const name of ['*', 'a?', '${aws:username}', `x'; rm -rf ~ #`, 'a","Resource":"*', ''])
      expect(
        resources({ SB_S3_BUCKET: name }).filter((one) => one.includes(':s3:')),
        name,
      ).to.deep.equal([]);
  });

  it('is asked in few questions, none of which asks what nobody needs', () => {
    const needs = needsOf('operator', names);
    const asked = simulationsOf(needs);
    expect(asked.length).to.be.lessThan(needs.length);
    const pairs = (all: readonly { actions: readonly string[]; resources: readonly string[] }[]) =>
      all.flatMap(({ actions, resources: on }) =>
        actions.flatMap((action) => on.map((one) => `${action} ${one}`)),
      );
    const needed = needs.map(({ statement, resource }) => ({
      actions: statement.Action,
      resources: [resource],
    }));
    expect(pairs(asked)).to.have.members(pairs(needed));
  });
});
