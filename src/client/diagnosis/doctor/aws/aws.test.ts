import { KubeConfig } from '@kubernetes/client-node';
import { expect } from 'chai';
import { denied } from '../../../../../test/support/aws/calls.ts';
import { startCloud, type Cloud } from '../../../../../test/support/aws/cloud.ts';
import {
  ACCOUNT,
  BUCKET,
  CREDENTIALS,
  PROJECT,
  REGION,
  REPOSITORY,
} from '../../../../../test/support/aws/facts.ts';
import { roleOf } from '../../../../../test/support/aws/iam/roles.ts';
import { needMoto, type Moto } from '../../../../../test/support/aws/moto.ts';
import { callAws } from '../../../../../test/support/aws/wire.ts';
import { memoryLogs, scriptedExecutor, startCodeBuild } from '../../../../../test/support/codebuild/index.ts';
import type { CodeBuildService } from '../../../../../test/support/codebuild/service.ts';
import { startUpstream } from '../../../../../test/support/eks/testing.ts';
import { withVariables } from '../../../../../test/support/client/account-server.ts';
import { resultsOf } from '../../../../../test/support/client/doctor.ts';
import { query } from '../../../../providers/account/query.ts';
import { textAt } from '../../../../providers/account/query.ts';
import type { AwsRole } from '../../../../providers/aws/permissions.ts';
import type { KubeObject } from '../../../../kube/types.ts';
import type { Session } from '../../../session/types.ts';
import type { Found, Patient } from '../check.ts';
import { awsChecks } from './checks.ts';
import { awsPlace, type AwsPlace } from './place.ts';

const BUILDER = `arn:aws:iam::${ACCOUNT}:role/abundant-sb-builder`;
const ROLE = `arn:aws:iam::${ACCOUNT}:role/abundant-sb-operator`;
const LOG_GROUP = '/sb/eks/logs';
const ANY = { Version: '2012-10-17', Statement: [] };

const object = (kind: string, name: string, more: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name },
  ...more,
});

/** What the API server has of an installation on AWS. */
const installed = (settings: Record<string, string> = {}) => ({
  StatefulSet: [
    object('StatefulSet', 'sb-operator', {
      spec: {
        template: {
          spec: { containers: [{ envFrom: [{ configMapRef: { name: 'sb-operator-settings-1a2b' } }] }] },
        },
      },
    }),
  ],
  ConfigMap: [
    object('ConfigMap', 'sb-operator-settings-1a2b', {
      data: {
        SB_CODEBUILD_PROJECT: PROJECT,
        SB_LOG_GROUP: LOG_GROUP,
        SB_STACK: 'mine',
        SB_S3_BUCKET: BUCKET,
        SB_ECR_REPO: REPOSITORY,
        ...settings,
      },
    }),
  ],
  ServiceAccount: [object('ServiceAccount', 'sb-operator')],
});

describe('sb doctor about AWS', function () {
  this.timeout(120_000);
  let moto: Moto;
  let upstream: Awaited<ReturnType<typeof startUpstream>>;
  let cloud: Cloud;
  let codebuild: CodeBuildService;
  let env: Record<string, string>;
  let leave: () => void;
  let endpoint: string;
  let vpc: { id: string; subnet: string; table: string };
  const projects: Parameters<typeof startCodeBuild>[0]['projects'] = {};

  before(async function () {
    moto = await needMoto(this, { prepared: false });
    upstream = await startUpstream();
    cloud = await startCloud({ moto: moto.url, registry: 'http://127.0.0.1:1', upstream: upstream.upstream });
    codebuild = await startCodeBuild({
      region: REGION,
      account: ACCOUNT,
      credentials: CREDENTIALS,
      projects,
      executor: scriptedExecutor(),
      logs: memoryLogs(),
    });
    const keys = {
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    };
    env = { ...cloud.env, ...keys, AWS_ENDPOINT_URL_CODEBUILD: codebuild.url };
    leave = withVariables(env);
  });
  after(async () => {
    leave?.();
    await codebuild?.close();
    await cloud?.close();
    upstream?.close();
    await moto?.close();
  });

  const iam = (action: string, asked: Record<string, string>) => query(place(), ['iam', action], asked);
  const ec2 = (action: string, asked: Record<string, string> = {}) => query(place(), ['ec2', action], asked);
  const place = () => ({ region: REGION, env, credentials: async () => CREDENTIALS });
  const makeRole = (RoleName: string) =>
    iam('CreateRole', { RoleName, AssumeRolePolicyDocument: JSON.stringify(ANY) });
  async function deleteRole(role: AwsRole): Promise<void> {
    const RoleName = `abundant-sb-${role}`;
    await iam('DeleteRolePolicy', { RoleName, PolicyName: role });
    await iam('DeleteRole', { RoleName });
  }
  const documentOf = (role: AwsRole): string =>
    JSON.stringify(roleOf(role, [], { SB_STACK: 'mine' }).policies[0]);

  /** An account in which nothing is wrong. */
  beforeEach(async () => {
    await moto.reset();
    cloud.front.calls.all.length = 0;
    for (const quota of Object.values(cloud.front.quotas.all)) quota.applied = 1000;
    projects[PROJECT] = {
      environment: { computeType: 'BUILD_GENERAL1_MEDIUM', type: 'LINUX_CONTAINER' },
      serviceRole: BUILDER,
    };
    await makeRole('abundant-sb-builder');
    await makeRole('abundant-sb-operator');
    for (const role of ['builder', 'operator'] as const)
      await iam('PutRolePolicy', {
        RoleName: `abundant-sb-${role}`,
        PolicyName: role,
        PolicyDocument: documentOf(role),
      });
    await iam('CreateUser', { UserName: 'admin' });
    await iam('PutUserPolicy', {
      UserName: 'admin',
      PolicyName: 'client',
      PolicyDocument: documentOf('client'),
    });
    await callAws(moto.url, ['logs', 'CreateLogGroup'], { logGroupName: LOG_GROUP });
    vpc = await network();
    await s3Endpoint();
    await cluster({ autoMode: true });
  });

  async function network() {
    const id = textAt(await ec2('CreateVpc', { CidrBlock: '10.0.0.0/16' }), 'vpc', 'vpcId');
    const made = await ec2('CreateSubnet', { VpcId: id, CidrBlock: '10.0.0.0/24' });
    const subnet = textAt(made, 'subnet', 'subnetId');
    const table = textAt(await ec2('CreateRouteTable', { VpcId: id }), 'routeTable', 'routeTableId');
    await ec2('AssociateRouteTable', { RouteTableId: table, SubnetId: subnet });
    return { id, subnet, table };
  }

  const s3Endpoint = (table = vpc.table) =>
    ec2('CreateVpcEndpoint', {
      VpcId: vpc.id,
      ServiceName: `com.amazonaws.${REGION}.s3`,
      VpcEndpointType: 'Gateway',
      'RouteTableId.1': table,
    });

  async function removeEndpoints(): Promise<void> {
    const all = await ec2('DescribeVpcEndpoints');
    const id = /vpce-[0-9a-f]+/.exec(JSON.stringify(all))?.[0] ?? '';
    await ec2('DeleteVpcEndpoints', { 'VpcEndpointId.1': id });
  }

  async function cluster({
    autoMode,
    role = ROLE,
  }: {
    autoMode: boolean;
    role?: string | undefined;
  }): Promise<void> {
    for (const name of cloud.eks.clusters.all.map((one) => one.name)) await cloud.eks.remove(name);
    const made = await cloud.eks.create({
      name: 'mine',
      version: '1.35',
      roleArn: ROLE,
      tags: {},
      declared: {
        resourcesVpcConfig: { vpcId: vpc.id, subnetIds: [vpc.subnet] },
        computeConfig: { enabled: autoMode },
      },
    });
    made.status = 'ACTIVE';
    endpoint = made.endpoint;
    if (role !== '')
      cloud.eks.clusters.addIdentity({
        clusterName: 'mine',
        namespace: 'sb-system',
        serviceAccount: 'sb-operator',
        roleArn: role,
      });
  }

  interface Situation {
    objects?: Record<string, readonly KubeObject[]>;
    profile?: string;
    region?: string;
    /** Of the kubeconfig's cluster. */
    name?: string;
    server?: string;
    raw?: (path: string) => unknown;
  }

  /** Everything that all checks find, as `check state: what`. */
  async function examined(situation: Situation = {}): Promise<Found[]> {
    const { objects = installed(), profile = 'aws', region = REGION, raw } = situation;
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromOptions({
      clusters: [{ name: situation.name ?? 'any', server: situation.server ?? endpoint }],
      users: [{ name: 'me' }],
      contexts: [{ name: 'any', cluster: situation.name ?? 'any', user: 'me' }],
      currentContext: 'any',
    });
    const session = {
      kubeParts: { kubeConfig } as Session['kubeParts'],
      context: 'any',
      env,
      client: async () => ({ profile, region, operatorNamespace: 'sb-system' }) as never,
    };
    let opened: Promise<AwsPlace | undefined> | undefined;
    const found: Found[] = [];
    for (const check of awsChecks) {
      const asPatient = {
        ...check,
        run: (patient: Patient) => {
          const aws = () => (opened ??= awsPlace(patient.session));
          return check.run({ ...patient, aws });
        },
      };
      found.push(...(await resultsOf(asPatient, { objects, session, ...(raw && { raw }) })));
    }
    return found;
  }
  const troubles = async (situation?: Situation) =>
    (await examined(situation)).filter(({ state }) => state !== 'fine');

  it('says who one is and what the account may have, and finds nothing wrong where all is there', async () => {
    const found = await examined();
    expect(found.map(({ state, what }) => `${state}: ${what}`)).to.deep.equal([
      `fine: you are arn:aws:iam::${ACCOUNT}:user/admin of account ${ACCOUNT}`,
      `fine: cluster, bucket and builds are in ${REGION}`,
      'fine: the account may run 1000 builds at once, and have 1000 vCPUs on demand and 1000 of spot instances',
      `fine: CodeBuild project ${PROJECT} is there, and its role`,
      `fine: the operator has role ${ROLE} by EKS Pod Identity`,
      'fine: IAM allows the operator, builds and you all that is needed, as far as it can be simulated',
      `fine: log group ${LOG_GROUP} is there`,
      `fine: the cluster’s subnets reach S3 by gateway endpoint ${found.at(-1)?.what.split(' ').at(-1)}`,
    ]);
  });

  it('asks AWS for each thing once, however many checks want to know it', async () => {
    codebuild.calls.length = 0;
    cloud.eks.calls.all.length = 0;
    await examined();
    const asked = [...cloud.front.calls.all, ...cloud.eks.calls.all]
      .filter(({ action }) => /:(GetRole|ListPodIdentityAssociations)$/.test(action))
      .map(({ action, request }) => JSON.stringify([action, request]));
    expect(asked)
      .to.have.lengthOf(4)
      .and.deep.equal([...new Set(asked)]);
    expect(codebuild.calls.map(({ operation }) => operation)).to.deep.equal(['BatchGetProjects']);
  });

  it('asks AWS nothing for an installation elsewhere', async () => {
    expect(await examined({ profile: 'local' })).to.deep.equal([]);
    expect(cloud.front.calls.all.filter(({ action }) => action.startsWith('sts:'))).to.deep.equal([]);
  });

  it('holds builds at once against SB_MAX_CONCURRENT_BUILDS, as a new account has one', async () => {
    const quota = cloud.front.quotas.all['L-2DC20C30']!;
    // Nobody has asked for another value: AWS's default holds.
    delete quota.applied;
    const [found, ...others] = await troubles({ objects: installed({ SB_MAX_CONCURRENT_BUILDS: '7' }) });
    expect(others).to.deep.equal([]);
    expect(found).to.include({
      state: 'warning',
      what: 'CodeBuild runs 1 build at once here, and the operator starts up to 7',
    });
    expect(found?.fix).to.equal(
      'aws service-quotas request-service-quota-increase --region us-east-1 --service-code codebuild --quota-code L-2DC20C30 --desired-value 7    (or set SB_MAX_CONCURRENT_BUILDS to 1)',
    );
    quota.applied = 0;
    expect((await troubles())[0]).to.include({
      state: 'problem',
      what: 'CodeBuild runs no build in this account',
    });
  });

  it('holds vCPUs against what the NodePools may have', async () => {
    for (const code of ['L-1216C47A', 'L-34B43A08']) cloud.front.quotas.all[code]!.applied = 5;
    const pool = object('NodePool', 'sb-trials', { spec: { limits: { cpu: '1000' } } });
    const raw = (path: string) =>
      path === '/apis/karpenter.sh' ? { preferredVersion: { version: 'v1' } } : undefined;
    const [found] = await troubles({ objects: { ...installed(), NodePool: [pool] }, raw });
    expect(found).to.include({
      state: 'warning',
      what: 'EC2 gives this account fewer vCPUs than the NodePools may have: 10 of 1000',
    });
    expect(found?.fix?.split('\n')).to.have.lengthOf(2);
    // Without a pool nothing is compared; a node of the operator's own has to start.
    expect(await troubles()).to.deep.equal([]);
    cloud.front.quotas.all['L-1216C47A']!.applied = 0;
    expect((await troubles())[0]).to.include({
      state: 'problem',
      what: 'EC2 starts no node on demand in this account',
    });
  });

  it('holds vCPUs of nodes with GPUs against their own quota, which is 0 in a new account', async () => {
    delete cloud.front.quotas.all['L-DB2E81BA']!.applied;
    const raw = (path: string) =>
      path === '/apis/karpenter.sh' ? { preferredVersion: { version: 'v1' } } : undefined;
    const pool = (name: string, cpu: string) => object('NodePool', name, { spec: { limits: { cpu } } });
    const pools = [pool('sb-trials', '1000'), pool('sb-gpus', '64')];
    const [found, ...others] = await troubles({ objects: { ...installed(), NodePool: pools }, raw });
    expect(others).to.deep.equal([]);
    expect(found).to.include({
      state: 'warning',
      what: 'EC2 gives this account fewer vCPUs of nodes with GPUs than their NodePool may have: 0 of 64',
    });
    expect(found?.fix).to.equal(
      'aws service-quotas request-service-quota-increase --region us-east-1 --service-code ec2 --quota-code L-DB2E81BA --desired-value 64',
    );
    expect(await troubles({ objects: { ...installed(), NodePool: pools.slice(0, 1) }, raw })).to.deep.equal(
      [],
    );
  });

  it('misses the CodeBuild project, and its role', async () => {
    await deleteRole('builder');
    const [without] = await troubles();
    expect(without).to.include({ state: 'problem', why: `there is no ${BUILDER}` });
    delete projects[PROJECT];
    const found = await troubles();
    expect(found.map(({ what }) => what)).to.deep.equal([
      `there is no CodeBuild project ${PROJECT} in us-east-1`,
    ]);
  });

  it('misses the role of the operator, and the association with it', async () => {
    await deleteRole('operator');
    expect((await troubles())[0]).to.include({
      state: 'problem',
      why: `there is no ${ROLE}, which it has by EKS Pod Identity`,
    });
    await cluster({ autoMode: true, role: '' });
    const [found] = await troubles();
    expect(found).to.include({ state: 'problem', what: 'the operator has no role at AWS' });
    expect(found?.fix).to.include('--cluster-name mine --namespace sb-system --service-account sb-operator');
  });

  it('wants the Pod Identity Agent where nodes are not those of Auto Mode', async () => {
    await cluster({ autoMode: false });
    const [found] = await troubles();
    expect(found).to.include({ state: 'problem', what: 'the EKS Pod Identity Agent is not installed' });
    expect(found?.fix).to.equal(
      'aws eks create-addon --region us-east-1 --cluster-name mine --addon-name eks-pod-identity-agent',
    );
    const agent = (numberReady: number) => ({
      ...installed(),
      DaemonSet: [
        object('DaemonSet', 'eks-pod-identity-agent', { status: { desiredNumberScheduled: 2, numberReady } }),
      ],
    });
    expect((await troubles({ objects: agent(1) }))[0]?.what).to.include('ready on 1 of 2 nodes');
    expect(await troubles({ objects: agent(2) })).to.deep.equal([]);
  });

  it('takes a role that the ServiceAccount names (IRSA) for the operator’s, without agent or association', async () => {
    await cluster({ autoMode: false, role: '' });
    const named = object('ServiceAccount', 'sb-operator');
    named.metadata.annotations = { 'eks.amazonaws.com/role-arn': ROLE };
    expect(await troubles({ objects: { ...installed(), ServiceAccount: [named] } })).to.deep.equal([]);
  });

  it('misses the log group, and one that only begins with its name is another', async () => {
    await callAws(moto.url, ['logs', 'DeleteLogGroup'], { logGroupName: LOG_GROUP });
    await callAws(moto.url, ['logs', 'CreateLogGroup'], { logGroupName: `${LOG_GROUP}-old` });
    const [found] = await troubles();
    expect(found).to.include({
      state: 'warning',
      fix: `aws logs create-log-group --region us-east-1 --log-group-name ${LOG_GROUP}`,
    });
  });

  it('misses the gateway endpoint for S3, and route tables that it leaves out', async () => {
    await removeEndpoints();
    expect((await troubles())[0]?.fix).to.equal(
      `aws ec2 create-vpc-endpoint --region us-east-1 --vpc-id ${vpc.id} --service-name com.amazonaws.us-east-1.s3 --route-table-ids ${vpc.table}`,
    );
    const other = textAt(await ec2('CreateRouteTable', { VpcId: vpc.id }), 'routeTable', 'routeTableId');
    await s3Endpoint(other);
    const [found] = await troubles();
    expect(found?.what).to.match(/^gateway endpoint vpce-\w+ for S3 leaves out rtb-\w+$/);
    expect(found?.fix).to.include(`--add-route-table-ids ${vpc.table}`);
  });

  describe('about the bill', () => {
    const ada = object('Namespace', 'ada');
    const withResearcher = () => ({ ...installed(), Namespace: [ada] });
    const linesOf = async (objects: Situation['objects'] = installed()): Promise<Found[]> =>
      (await examined({ objects })).filter(({ what }) => /bill/.test(what));
    beforeEach(() => {
      cloud.front.bill.activated.clear();
    });

    it('says nothing where nobody is to be told apart, and asks nothing', async () => {
      expect(await linesOf()).to.deep.equal([]);
      expect(cloud.front.calls.count('ce:ListCostAllocationTags')).to.equal(0);
    });

    it('misses tags that nobody has activated, where there is a researcher', async () => {
      cloud.front.bill.activated.add('sb:stack');
      expect(await linesOf(withResearcher())).to.deep.equal([
        {
          state: 'warning',
          what: 'a bill cannot be split by user_id',
          why: 'it is no cost allocation tag that is active',
          fix: 'aws ce update-cost-allocation-tags-status --cost-allocation-tags-status TagKey=user_id,Status=Active    (by the account that pays; AWS knows a tag a day after it was first used)',
        },
      ]);
      cloud.front.bill.activated.add('user_id');
      expect(await linesOf(withResearcher())).to.deep.equal([
        { state: 'fine', what: 'a bill can be split by user_id and sb:stack' },
      ]);
    });

    it('misses them where the operator is to hold budgets against the bill', async () => {
      const [found] = await linesOf(installed({ SB_BUDGET_CORRECTION: 'CostExplorer' }));
      expect(found).to.include({ state: 'warning', what: 'a bill cannot be split by user_id and sb:stack' });
      expect(found?.why).to.contain('until then the operator corrects no budget by the bill');
    });

    it('takes nothing for wrong where another account pays, which alone may ask', async () => {
      const action = 'ce:ListCostAllocationTags';
      const allow = cloud.front.calls.refuse(action, { ...denied(action), status: 400 });
      const [found, ...others] = await linesOf(withResearcher());
      allow();
      expect(others).to.deep.equal([]);
      expect(found?.state).to.equal('skipped');
      expect(found?.why).to.match(
        /needs ce:ListCostAllocationTags; in an organization the account that pays/,
      );
    });
  });

  it('says that cluster and bucket are in two regions', async () => {
    const { arn } = cloud.eks.clusters.get({ clusterName: 'mine' });
    cloud.eks.clusters.get({ clusterName: 'mine' }).arn = arn.replace(REGION, 'eu-central-1');
    expect((await troubles())[0]).to.include({
      state: 'warning',
      what: 'the cluster is in eu-central-1, and bucket and builds are in us-east-1',
    });
  });

  it('takes no cluster of the name for this one that has another address', async () => {
    const found = await troubles({
      server: 'https://other.test',
      name: `arn:aws:eks:${REGION}:${ACCOUNT}:cluster/mine`,
    });
    expect(found.map(({ state }) => state)).to.deep.equal(['skipped', 'skipped', 'skipped']);
  });

  it('finds the cluster by the ARN that the kubeconfig calls it by, whatever the installation’s name', async () => {
    const name = `arn:aws:eks:${REGION}:${ACCOUNT}:cluster/mine`;
    const found = await examined({ name, objects: installed({ SB_STACK: 'another' }) });
    expect(found.filter(({ state }) => state === 'skipped')).to.deep.equal([]);
  });

  it('names the permission that the user lacks, and takes nothing for wrong', async () => {
    const action = 'servicequotas:GetServiceQuota';
    const allow = cloud.front.calls.refuse(action, { ...denied(action), status: 400 });
    const [found] = await troubles();
    allow();
    expect(found).to.include({
      state: 'warning',
      what: 'the account’s quotas could not be checked',
      code: 'SB-E122',
    });
    expect(found?.why).to.include(action);
  });

  it('says which permission it lacks to see which cluster this is', async () => {
    const allow = cloud.eks.calls.refuse('eks:*', { ...denied('eks:DescribeCluster'), status: 403 });
    const found = await troubles();
    allow();
    expect(found.map(({ state }) => state)).to.deep.equal(['skipped', 'skipped', 'skipped']);
    for (const { why } of found) expect(why).to.include('it needs eks:DescribeCluster');
  });

  it('says once that AWS takes no credentials, and leaves the rest alone', async () => {
    const back = withVariables({ AWS_SECRET_ACCESS_KEY: 'x' });
    const found = await troubles();
    back();
    expect(found.map(({ state }) => state)).to.deep.equal([
      'warning',
      ...awsChecks.slice(1).map(() => 'skipped'),
    ]);
    expect(found[0]).to.include({ what: 'AWS does not take the credentials', code: 'SB-E121' });
  });

  it('lets whoever may not read the operator’s settings know that', async () => {
    const found = await troubles({ objects: { ServiceAccount: installed().ServiceAccount } });
    expect(found.map(({ state }) => state))
      .to.include('skipped')
      .and.not.include('problem');
  });
});
