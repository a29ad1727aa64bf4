import { expect } from 'chai';
import { denied, throttled } from '../../../../../../test/support/aws/calls.ts';
import {
  ACCOUNT,
  BUCKET,
  CREDENTIALS,
  PROJECT,
  REGION,
  REPOSITORY,
  STACK,
} from '../../../../../../test/support/aws/facts.ts';
import type { Statement } from '../../../../../../test/support/aws/iam/evaluate.ts';
import { roleOf } from '../../../../../../test/support/aws/iam/roles.ts';
import { useFront } from '../../../../../../test/support/aws/testing.ts';
import { resultsOf } from '../../../../../../test/support/client/doctor.ts';
import { RESEARCHER } from '../../../../../crds/namespace-rules.ts';
import { awsAccount } from '../../../../../providers/account/aws.ts';
import { awsInspection } from '../../../../../providers/account/inspection.ts';
import type { Cluster, Inspection } from '../../../../../providers/account/port.ts';
import { query, textAt } from '../../../../../providers/account/query.ts';
import { AWS_PERMISSIONS, type AwsOption, type AwsRole } from '../../../../../providers/aws/permissions.ts';
import type { Found } from '../../check.ts';
import type { AwsPlace } from '../place.ts';
import { awsPolicies } from './policies.ts';

const ROLES: readonly AwsRole[] = ['operator', 'builder', 'logShipper', 'node'];
const nameOf = (role: AwsRole): string => `${STACK}-${role}`;
const arnOf = (role: AwsRole): string => `arn:aws:iam::${ACCOUNT}:role/${nameOf(role)}`;
const ADMIN = `arn:aws:iam::${ACCOUNT}:user/admin`;
const SIMULATE = 'iam:SimulatePrincipalPolicy';
const KEY = '1234abcd-12ab-34cd-56ef-1234567890ab';
const SETTINGS = {
  SB_STACK: STACK,
  SB_S3_BUCKET: BUCKET,
  SB_ECR_REPO: REPOSITORY,
  SB_CODEBUILD_PROJECT: PROJECT,
  SB_LOG_GROUP: '/sb/eks/logs',
  SB_KMS_KEY_ID: KEY,
  SB_BUDGET_CORRECTION: 'CostExplorer',
};
const document = (statements: readonly object[]): string =>
  JSON.stringify({ Version: '2012-10-17', Statement: statements });

/** The generated policies of a role, as one. */
const statementsOf = (role: AwsRole): Statement[] =>
  roleOf(role, optionsOf(role)).policies.flatMap(({ Statement }) => Statement);

const optionsOf = (role: AwsRole): AwsOption[] => {
  if (role === 'node' || role === 'logShipper') return [];
  return role === 'operator' ? ['kms', 'costExplorer'] : ['kms'];
};

describe('sb doctor about what roles may do', function () {
  this.timeout(120_000);
  const aws = useFront();

  const where = () => ({
    region: REGION,
    env: { AWS_ENDPOINT_URL: aws.front.url },
    credentials: CREDENTIALS,
  });
  const iam = (action: string, asked: Record<string, string>) =>
    query({ ...where(), credentials: async () => CREDENTIALS }, ['iam', action], asked);
  const allow = (role: AwsRole, statements: readonly object[], PolicyName = 'own') =>
    iam('PutRolePolicy', { RoleName: nameOf(role), PolicyName, PolicyDocument: document(statements) });
  /** Without what is about a resource. */
  const withhold = (role: AwsRole, sid: string) =>
    allow(
      role,
      statementsOf(role).filter((one) => one.Sid !== sid),
    );
  const managed = async (statement: object): Promise<string> => {
    const made = await iam('CreatePolicy', { PolicyName: 'managed', PolicyDocument: document([statement]) });
    return textAt(made, 'CreatePolicyResult', 'Policy', 'Arn');
  };

  /** Roles as `sb cloud init` makes them, and the generated policies. */
  beforeEach(async () => {
    for (const role of ROLES) {
      await iam('CreateRole', {
        RoleName: nameOf(role),
        AssumeRolePolicyDocument: document([]),
        'Tags.member.1.Key': 'sb:stack',
        'Tags.member.1.Value': STACK,
        'Tags.member.2.Key': 'sb:part',
        'Tags.member.2.Value': role === 'builder' ? 'artifacts' : 'cluster',
      });
      await allow(role, statementsOf(role));
    }
    await iam('CreateUser', { UserName: 'admin' });
    const PolicyDocument = document(statementsOf('client'));
    await iam('PutUserPolicy', { UserName: 'admin', PolicyName: 'own', PolicyDocument });
  });

  /** IAM's answers over the wire, and the rest of the account as it is said here. */
  async function examined(
    over: Partial<Pick<AwsPlace, 'settings'>> & { arn?: string; now?: () => Date; researcher?: string } = {},
  ): Promise<Found[]> {
    const { arn = ADMIN, settings, now = () => new Date(), researcher } = { settings: SETTINGS, ...over };
    const own = {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'ada', labels: { [RESEARCHER]: 'ada' } },
    };
    const namespace = researcher ?? 'a';
    const inspection = awsInspection(where());
    const pods: Record<string, string> = {
      'sb-operator': arnOf('operator'),
      'fluent-bit': arnOf('logShipper'),
    };
    const place = {
      region: REGION,
      namespace: 'sb-system',
      identity: { account: ACCOUNT, arn },
      account: awsAccount(where()),
      settings,
      cluster: { name: STACK, nodeRole: arnOf('node') } as Cluster,
      inspection: {
        simulate: (principal, asked) => inspection.simulate(principal, asked),
        project: async () => ({ computeType: '', type: '', role: arnOf('builder') }),
        podRole: async ({ name }) => pods[name],
      } satisfies Partial<Inspection> as Partial<Inspection> as Inspection,
    } satisfies AwsPlace;
    const objects = researcher === undefined ? {} : { Namespace: [own] };
    return resultsOf(awsPolicies, {
      objects,
      session: { now, namespace },
      patient: { aws: async () => place },
    });
  }
  const troubles = async (over?: Parameters<typeof examined>[0]): Promise<Found[]> =>
    (await examined(over)).filter(({ state }) => state !== 'fine');

  it('asks about all that the table has for this installation, and about nothing else', async () => {
    expect(await examined()).to.deep.equal([
      {
        state: 'fine',
        what: 'IAM allows the operator, builds, Fluent Bit, nodes and you all that is needed, as far as it can be simulated',
      },
    ]);
    const asked = aws.front.calls.all.filter(({ action }) => action === SIMULATE);
    const pairs = asked.map(({ request }) => {
      const { ActionNames, ResourceArns } = request as { ActionNames: string[]; ResourceArns: string[] };
      return ActionNames.length * ResourceArns.length;
    });
    const rows = AWS_PERMISSIONS.filter(
      ({ role, option, on }) =>
        role !== 'installer' &&
        role !== 'researcher' &&
        option !== 'pullThrough' &&
        on !== 'operatorRepository',
    );
    expect(pairs.reduce((sum, count) => sum + count, 0)).to.equal(rows.length);
  });

  it('says what a role may not, and the statement that it prints is enough', async () => {
    await withhold('operator', 'Trials');
    const [found, ...others] = await troubles();
    expect(others).to.deep.equal([]);
    expect(found).to.include({
      state: 'warning',
      what: `role ${nameOf('operator')} (the operator) may not s3:GetObject, s3:PutObject on arn:aws:s3:::${BUCKET}/trials/*`,
      why: 'no policy of the role allows it; whether the policy of the bucket does, IAM does not simulate',
    });
    const [update, command = ''] = found?.fix?.split('\n') ?? [];
    expect(update).to.equal(
      `sb cloud init --stack ${STACK} --region ${REGION}    (where stack ${STACK}-cluster is of an older version)`,
    );
    expect(command).to.match(
      /^aws iam put-role-policy --role-name abundant-sb-operator --policy-name sb-Trials --policy-document '\{[^']+\}'$/,
    );
    const { Statement: statements } = JSON.parse(command.split(`'`)[1]!) as { Statement: object[] };
    await allow('operator', statements, 'sb-Trials');
    expect(await troubles()).to.deep.equal([]);
  });

  it('is sure where nobody else could allow it', async () => {
    await withhold('operator', 'Project');
    const [found] = await troubles();
    expect(found).to.include({ state: 'problem', why: 'no policy of the role allows it' });
    expect(found?.what).to.include(
      `codebuild:BatchGetBuilds, codebuild:ListBuildsForProject, codebuild:StartBuild, codebuild:StopBuild on arn:aws:codebuild:${REGION}:${ACCOUNT}:project/${PROJECT}`,
    );
  });

  it('asks about keys and logins with what they are asked for with', async () => {
    await withhold('builder', 'BearerToken');
    const [login, ...others] = await troubles();
    expect(others).to.deep.equal([]);
    expect(login).to.include({
      state: 'problem',
      what: `role ${nameOf('builder')} (builds) may not sts:GetServiceBearerToken`,
    });
    await withhold('builder', 'Key');
    expect((await troubles()).map(({ what }) => what)).to.deep.equal([
      `role ${nameOf('builder')} (builds) may not kms:Decrypt on arn:aws:kms:${REGION}:${ACCOUNT}:key/${KEY}`,
    ]);
  });

  it('names the policy that denies, which no other can allow', async () => {
    const deny = { Effect: 'Deny', Action: 's3:Put*', Resource: `arn:aws:s3:::${BUCKET}/jobs/*` };
    await allow('operator', [deny], 'freeze');
    const [found, ...others] = await troubles();
    expect(others).to.deep.equal([]);
    expect(found).to.include({
      state: 'problem',
      what: `role ${nameOf('operator')} (the operator) may not s3:PutObject on arn:aws:s3:::${BUCKET}/jobs/*`,
      why: 'policy freeze denies it, whatever others allow',
    });
  });

  it('does not take a policy for one region, or for TLS, for a refusal', async () => {
    const all = { Effect: 'Deny', Action: '*', Resource: '*' };
    await allow(
      'operator',
      [
        { ...all, Condition: { StringNotEquals: { 'aws:RequestedRegion': REGION } } },
        { ...all, Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
      ],
      'usual',
    );
    expect(await troubles()).to.deep.equal([]);
  });

  it('is not sure where a policy asks for what sb does not know', async () => {
    const Condition = { StringEquals: { 'aws:SourceVpc': 'vpc-1' } };
    const statements = statementsOf('operator').map((one) =>
      one.Sid === 'Project' ? { ...one, Condition } : one,
    );
    await allow('operator', statements);
    const [found] = await troubles();
    expect(found).to.include({
      state: 'warning',
      why: 'no policy of the role allows it; its policies ask for aws:SourceVpc, which sb does not know',
    });
  });

  it('tells a permissions boundary and an organization from policies', async () => {
    const most = { Effect: 'Allow', Action: ['s3:*', 'logs:*', 'ecr:*', 'kms:*'], Resource: '*' };
    const PermissionsBoundary = await managed(most);
    await iam('PutRolePermissionsBoundary', { RoleName: nameOf('operator'), PermissionsBoundary });
    const [bounded] = await troubles();
    expect(bounded).to.include({
      state: 'problem',
      why: 'the permissions boundary of the role does not allow it',
    });
    expect(bounded?.fix).to.match(/^add this to the permissions boundary of abundant-sb-operator:\n\{/);
    await iam('DeleteRolePermissionsBoundary', { RoleName: nameOf('operator') });
    aws.front.simulator.organization = [{ Version: '', Statement: [most as never] }];
    const outside = await troubles();
    expect(new Set(outside.map(({ state }) => state))).to.deep.equal(new Set(['warning']));
    expect(outside[0]?.why).to.match(/^a service control policy of the organization does not allow it/);
  });

  it('says nothing of what it may not ask, and goes on with the rest', async () => {
    const refusal = { ...denied(SIMULATE), status: 403 };
    aws.front.calls.refuse(SIMULATE, refusal, 1);
    const [once, rest] = await examined();
    expect(once).to.include({ state: 'skipped' });
    expect(once?.what).to.match(/^not checked: what [\w ]+ may do$/);
    expect(rest?.state).to.equal('fine');
    const again = aws.front.calls.refuse(SIMULATE, refusal);
    const all = await examined();
    again();
    expect(all).to.deep.equal([
      {
        state: 'skipped',
        what: 'not checked: what the operator, builds, Fluent Bit, nodes and you may do',
        why: `it needs ${SIMULATE} on ${[...ROLES.map(arnOf), ADMIN].join(', ')}`,
      },
    ]);
  });

  it('is no failure where IAM does not keep up', async () => {
    const again = aws.front.calls.refuse(SIMULATE, { ...throttled, status: 400 });
    const found = await examined();
    again();
    expect(new Set(found.map(({ state }) => state))).to.deep.equal(new Set(['skipped']));
    expect(found[0]?.why).to.include('Rate exceeded');
  });

  it('stops asking before the check runs out of time, and says so', async () => {
    let seconds = 0;
    const found = await examined({ now: () => new Date(1000 * seconds++) });
    const late = found.filter(({ state }) => state === 'skipped');
    expect(late).to.have.length.above(0);
    expect(late[0]?.why).to.equal('IAM has not decided all of it within 7 s');
    expect(found.filter(({ state }) => state === 'problem')).to.deep.equal([]);
  });

  it('leaves a role that is not there to the checks that miss it', async () => {
    await iam('DeleteRolePolicy', { RoleName: nameOf('operator'), PolicyName: 'own' });
    await iam('DeleteRole', { RoleName: nameOf('operator') });
    expect(await troubles()).to.deep.equal([]);
  });

  it('finds the role of a session, whose policies change with its permission set', async () => {
    const RoleName = 'AWSReservedSSO_people';
    const Path = '/aws-reserved/sso.amazonaws.com/';
    await iam('CreateRole', { RoleName, Path, AssumeRolePolicyDocument: document([]) });
    const statements = statementsOf('client').filter((one) => one.Sid !== 'Jobs');
    await iam('PutRolePolicy', { RoleName, PolicyName: 'own', PolicyDocument: document(statements) });
    const [found] = await troubles({ arn: `arn:aws:sts::${ACCOUNT}:assumed-role/${RoleName}/jane` });
    expect(found).to.include({
      state: 'warning',
      what: `role ${RoleName} (you) may not s3:GetObject, s3:PutObject on arn:aws:s3:::${BUCKET}/jobs/*`,
    });
    expect(found?.fix).to.match(/^add this to the permission set that you log in with:\n\{/);
  });

  it('asks of a researcher what a researcher may, and of what is missing says how it is given', async () => {
    const RoleName = 'ada';
    const arn = `arn:aws:sts::${ACCOUNT}:assumed-role/${RoleName}/ada`;
    const give = (statements: readonly object[]) =>
      iam('PutRolePolicy', { RoleName, PolicyName: 'own', PolicyDocument: document(statements) });
    await iam('CreateRole', { RoleName, AssumeRolePolicyDocument: document([]) });
    await give(statementsOf('researcher'));
    expect(await troubles({ arn, researcher: 'ada' })).to.deep.equal([]);
    await give(statementsOf('researcher').filter((one) => one.Sid !== 'OwnTasks'));
    const [found, ...others] = await troubles({ arn, researcher: 'ada' });
    expect(others).to.deep.equal([]);
    expect(found?.what).to.equal(
      `role ada (you) may not s3:PutObject on arn:aws:s3:::${BUCKET}/tasks/researchers/ada/*`,
    );
    expect(found?.fix).to.match(/^aws iam put-role-policy --role-name ada --policy-name sb-OwnTasks /);
  });

  it('asks nothing about the account itself, for which no policies hold', async () => {
    const [found] = await examined({ arn: `arn:aws:iam::${ACCOUNT}:root` });
    expect(found?.what).to.include('Fluent Bit and nodes all');
  });

  it('is not checked where the operator’s settings cannot be read', async () => {
    expect((await examined({ settings: undefined })).map(({ state }) => state)).to.deep.equal(['skipped']);
    expect(aws.front.calls.count(SIMULATE)).to.equal(0);
  });
});
