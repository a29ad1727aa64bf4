import { expect } from 'chai';
import { denied } from '../../../test/support/aws/calls.ts';
import { ACCOUNT, CREDENTIALS, REGION } from '../../../test/support/aws/facts.ts';
import type { Statement } from '../../../test/support/aws/iam/evaluate.ts';
import { useFront } from '../../../test/support/aws/testing.ts';
import { ProviderError } from '../errors.ts';
import type { Simulation } from './port.ts';
import { query, textAt } from './query.ts';
import { simulate } from './simulate.ts';

const ROLE = `arn:aws:iam::${ACCOUNT}:role/some/path/worker`;
const inBucket = (key: string): string => `arn:aws:s3:::bucket/${key}`;
const policy = (...statements: Omit<Statement, 'Effect'>[]): string =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: statements.map((one) => ({ Effect: 'Allow', ...one })),
  });
const ALL = { Action: '*', Resource: '*' };

describe('The simulation of policies', function () {
  this.timeout(120_000);
  const aws = useFront();

  const place = () => ({
    region: REGION,
    env: { AWS_ENDPOINT_URL: aws.front.url },
    credentials: async () => CREDENTIALS,
  });
  const iam = (action: string, asked: Record<string, string>) => query(place(), ['iam', action], asked);
  const allow = (PolicyName: string, PolicyDocument: string) =>
    iam('PutRolePolicy', { RoleName: 'worker', PolicyName, PolicyDocument });

  beforeEach(async () => {
    const trust = '{"Version":"2012-10-17","Statement":[]}';
    await iam('CreateRole', { RoleName: 'worker', Path: '/some/path/', AssumeRolePolicyDocument: trust });
    await allow('reads', policy({ Action: 's3:GetObject', Resource: inBucket('*') }));
  });

  const asked = (over: Partial<Simulation> = {}): Simulation => ({
    actions: ['s3:GetObject'],
    resources: [inBucket('a')],
    context: {},
    ...over,
  });
  const verdicts = (over?: Partial<Simulation>, principal = ROLE) =>
    simulate(place(), principal, asked(over));
  const reasonOf = (work: Promise<unknown>): Promise<unknown> =>
    work.catch((error: unknown) => (error instanceof ProviderError ? error.reason : error));

  it('tells each action on each resource apart', async () => {
    const actions = ['s3:GetObject', 's3:PutObject'];
    const found = await verdicts({ actions, resources: [inBucket('a'), 'arn:aws:s3:::other/a'] });
    expect(
      found.map(({ action, resource, denial = '-' }) => `${action} ${resource} ${denial}`),
    ).to.deep.equal([
      's3:GetObject arn:aws:s3:::bucket/a -',
      's3:GetObject arn:aws:s3:::other/a not allowed',
      's3:PutObject arn:aws:s3:::bucket/a not allowed',
      's3:PutObject arn:aws:s3:::other/a not allowed',
    ]);
  });

  it('is about everything where the action takes no resource', async () => {
    await allow('logs in', policy({ Action: 'ecr:GetAuthorizationToken', Resource: '*' }));
    expect(await verdicts({ actions: ['ecr:GetAuthorizationToken'], resources: ['*'] })).to.deep.equal([
      { action: 'ecr:GetAuthorizationToken', resource: '*', missing: [] },
    ]);
  });

  it('says which policy denies', async () => {
    await allow('freeze', policy({ ...ALL, Effect: 'Deny' } as Statement));
    expect((await verdicts())[0]).to.include({ denial: 'denied', by: 'freeze' });
  });

  it('takes attached policies, and those of a user’s groups, for theirs', async () => {
    const made = await iam('CreatePolicy', { PolicyName: 'all', PolicyDocument: policy(ALL) });
    const PolicyArn = textAt(made, 'CreatePolicyResult', 'Policy', 'Arn');
    await iam('AttachRolePolicy', { RoleName: 'worker', PolicyArn });
    expect((await verdicts({ actions: ['s3:PutObject'] }))[0]).to.not.have.property('denial');
    await iam('CreateUser', { UserName: 'jane' });
    await iam('CreateGroup', { GroupName: 'team' });
    await iam('AddUserToGroup', { UserName: 'jane', GroupName: 'team' });
    const jane = `arn:aws:iam::${ACCOUNT}:user/jane`;
    expect((await verdicts({}, jane))[0]).to.include({ denial: 'not allowed' });
    await iam('AttachGroupPolicy', { GroupName: 'team', PolicyArn });
    expect((await verdicts({}, jane))[0]).to.not.have.property('denial');
  });

  it('tells what limits a role from what does not allow it', async () => {
    const logs = policy({ Action: 'logs:*', Resource: '*' });
    const made = await iam('CreatePolicy', { PolicyName: 'limit', PolicyDocument: logs });
    const arn = textAt(made, 'CreatePolicyResult', 'Policy', 'Arn');
    await iam('PutRolePermissionsBoundary', { RoleName: 'worker', PermissionsBoundary: arn });
    expect((await verdicts())[0]).to.include({ denial: 'boundary' });
    aws.front.simulator.organization = [JSON.parse(logs) as never];
    expect((await verdicts())[0]).to.include({ denial: 'organization' });
  });

  it('has the condition keys that it is given, and names those that it lacks', async () => {
    const Condition = {
      StringEquals: { 'aws:RequestedRegion': REGION },
      StringLike: { 'aws:SourceVpc': '*' },
    };
    await allow('there', policy({ Action: 's3:PutObject', Resource: '*', Condition }));
    const actions = ['s3:PutObject'];
    const context = { 'aws:RequestedRegion': REGION };
    expect((await verdicts({ actions, context }))[0]).to.deep.include({
      denial: 'not allowed',
      missing: ['aws:SourceVpc'],
    });
    const whole = { ...context, 'aws:SourceVpc': 'vpc-1' };
    expect((await verdicts({ actions, context: whole }))[0]).to.not.have.property('denial');
  });

  it('reads all pages, and gives up where there is no end of them', async () => {
    aws.front.simulator.pageSize = 2;
    const actions = ['a', 'b', 'c', 'd', 'e'].map((name) => `s3:${name}`);
    expect(await verdicts({ actions })).to.have.lengthOf(5);
    const many = Array.from({ length: 21 }, (_, index) => `s3:action${index}`);
    expect(await reasonOf(verdicts({ actions: many }))).to.equal('TooLarge');
  });

  it('is not for who is not there, or is only a session', async () => {
    expect(await reasonOf(verdicts({}, ROLE.replace('worker', 'nobody')))).to.equal('NotFound');
    const session = `arn:aws:sts::${ACCOUNT}:assumed-role/worker/i-1`;
    expect(await reasonOf(verdicts({}, session))).to.equal('Invalid');
  });

  it('needs a permission, and says which', async () => {
    const action = 'iam:SimulatePrincipalPolicy';
    const again = aws.front.calls.refuse(action, { ...denied(action), status: 403 });
    const error = await verdicts().catch((failure: unknown) => failure as ProviderError);
    again();
    expect(error).to.have.property('reason', 'AccessDenied');
    expect((error as ProviderError).message).to.match(/it needs iam:SimulatePrincipalPolicy$/);
  });
});
