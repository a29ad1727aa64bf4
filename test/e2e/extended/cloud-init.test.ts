import { GetObjectCommand, HeadBucketCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { expect } from 'chai';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodePool } from '../../../src/installation/aws/cluster/nodes.ts';
import { awsNames, LOG_SHIPPER } from '../../../src/installation/aws/names.ts';
import { OPERATOR } from '../../../src/installation/names.ts';
import { ACCOUNT, ECR_HOST, REGION, STACK } from '../../support/aws/facts.ts';
import { callAws } from '../../support/aws/wire.ts';
import { kubectl, kubectlOk } from '../../support/cluster.ts';
import { eventuallyTrue } from '../../support/eventually.ts';
import { HELLO, NAMESPACE, useCloudStory } from '../aws/cloud-story.ts';

describe('an account of AWS, from nothing to a reward and back, by sb alone', function () {
  this.timeout(400_000);
  const names = awsNames({ stack: STACK, account: ACCOUNT, region: REGION });
  const story = useCloudStory();
  const made = ['artifacts', 'network', 'cluster'].map((stack) => `${STACK}-${stack} CREATE_COMPLETE`);
  const imageOf = async (kind: string, name: string, namespace: string): Promise<string> =>
    kubectlOk([
      'get',
      kind,
      name,
      '-n',
      namespace,
      '-o',
      'jsonpath={.spec.template.spec.containers[0].image}',
    ]);
  it('goes on from wherever it was killed', async () => {
    const lines = ['stack network', 'kubeconfig', 'images', 'operator', 'nodes'].map(
      (step) => `${step}: making it`,
    );
    await story.killed(['init', '--yes'], lines);
  });

  it('is an installation after init: a cluster with its admin, a bucket, a project', async () => {
    const { stdout: said } = await story.succeeds('init', '--yes');
    // What was printed, whole: chai cuts it short.
    expect(said, said).to.match(/aws-policies: IAM allows the operator, builds\b.* all that is needed/);
    expect(story.stacks).to.deep.equal(made);
    const { status, entries } = story.aws.cloud.eks.clusters.get({ clusterName: STACK });
    expect([status, entries.map(({ type }) => type)]).to.deep.equal(['ACTIVE', ['EC2', 'STANDARD']]);
    expect(Object.keys(story.aws.cloud.projects)).to.deep.equal([names.project]);
    await story.s3.send(new HeadBucketCommand({ Bucket: names.bucket }));
  });

  it('has brought its images along by one build, and runs them by digest', async () => {
    expect(story.builds).to.deep.equal([`${names.project} SUCCEEDED`]);
    expect(story.aws.codebuild.builds[0]?.serviceRole).to.match(/-InstallerRole-/);
    expect(await imageOf('statefulset', OPERATOR.name, OPERATOR.namespace)).to.match(
      new RegExp(`^${ECR_HOST}/${names.operator}@sha256:[0-9a-f]{64}$`),
    );
    expect(await imageOf('daemonset', LOG_SHIPPER.name, LOG_SHIPPER.namespace)).to.match(
      new RegExp(`^${ECR_HOST}/${names.fluentBit}@sha256:[0-9a-f]{64}$`),
    );
  });

  it('has in its cluster what makes nodes and volumes come', async () => {
    const pool = JSON.parse(await kubectlOk(['get', 'nodepool', 'sb-trials', '-o', 'json'])) as object;
    const { consolidationPolicy } = nodePool().spec.disruption;
    expect(pool).to.have.nested.property('spec.disruption.consolidationPolicy', consolidationPolicy);
    for (const thing of ['nodeclass/sb-trials', 'storageclass/sb-gp3', `limitrange/sb-defaults`])
      expect(await kubectlOk(['get', thing, '-n', NAMESPACE, '-o', 'name'])).to.match(/\S/);
  });

  it('is as it was after a second init', async () => {
    const before = story.aws.cloud.cloudformation.stacks.flatMap(({ events }) => events.length);
    await story.succeeds('init', '--yes');
    expect(story.aws.cloud.cloudformation.stacks.flatMap(({ events }) => events.length)).to.deep.equal(
      before,
    );
    expect(story.builds).to.have.lengthOf(1);
  });

  it('says what there is, and what it costs', async () => {
    const { stdout } = await story.succeeds('status');
    expect(stdout).to.contain(`${STACK}-cluster`).and.contain('per hour');
    // Those of the local cluster are of no type that AWS has.
    expect(stdout).to.match(/nodes now:\n( {2}\d+ × .* –\n)+nodes: –, sb knows the price of none/);
  });

  it('gives a task its reward, by an image that its own project has built', async () => {
    const said = await story.succeeds('run', '-t', HELLO, '-n', NAMESPACE, '--run-name', 'first', '-q');
    const trial = await story.trial();
    expect(trial.status?.reward, said.stdout).to.equal(1);
    expect(story.builds).to.deep.equal(Array(2).fill(`${names.project} SUCCEEDED`));
    expect(JSON.stringify(trial.status)).to.contain(`${ECR_HOST}/${names.images}`);
    const { Body } = await story.s3.send(
      new GetObjectCommand({ Bucket: names.bucket, Key: 'jobs/first/result.json' }),
    );
    const texts = [
      await Body?.transformToString(),
      await readFile(join(story.home.path, 'jobs/first/result.json'), 'utf8'),
    ];
    for (const text of texts) expect(JSON.parse(text ?? '')).to.include({ n_total_trials: 1 });
  });

  it('has what the task printed where the Trial’s link leads', async () => {
    const { group = '', stream = '' } = (await story.trial()).status?.logs ?? {};
    await eventuallyTrue(
      `stream ${stream} has lines`,
      async () => {
        const asked = { logGroupName: group, logStreamName: stream };
        const found = await callAws<{ events: { message: string }[] }>(
          story.aws.moto,
          ['logs', 'GetLogEvents'],
          asked,
        ).catch(() => ({ events: [] }));
        return found.events.some(({ message }) => message.includes(`"namespace_name":"${NAMESPACE}"`));
      },
      60,
    );
  });

  it('goes on to take away from wherever it was killed', async () => {
    const lines = ['nodes', 'stack cluster', 'stack network'].map((step) => `${step}: taking it away`);
    await story.killed(['down', '--confirm', STACK], lines);
  });

  it('keeps what holds results, and nothing that costs by the hour, after down', async () => {
    await story.succeeds('down', '--confirm', STACK);
    expect(story.stacks).to.deep.equal([`${STACK}-artifacts CREATE_COMPLETE`]);
    expect(story.aws.cloud.eks.clusters.all).to.deep.equal([]);
    expect((await kubectl(['get', 'nodepool', 'sb-trials'])).stderr).to.contain('not found');
    expect(await readFile(story.kubeconfig, 'utf8')).to.not.contain(STACK);
    const { Contents = [] } = await story.s3.send(
      new ListObjectsV2Command({ Bucket: names.bucket, Prefix: 'trials/first/' }),
    );
    expect(Contents.map(({ Key }) => Key?.split('/').at(-1))).to.include('result.json');
    await story.succeeds('down', '--confirm', STACK);
  });

  it('comes back with what was kept, and builds nothing again', async () => {
    await story.succeeds('init', '--yes');
    expect(story.stacks).to.have.members(made);
    expect(story.builds).to.have.lengthOf(2);
  });

  it('is nothing after down --purge', async () => {
    const said = await story.succeeds('down', '--purge', '--confirm', STACK, '--confirm', names.bucket);
    expect(said.stdout).to.not.contain('more with its tag');
    expect(story.stacks).to.deep.equal([]);
    const gone = await story.s3
      .send(new HeadBucketCommand({ Bucket: names.bucket }))
      .catch(({ name }: Error) => name);
    expect(gone).to.equal('NotFound');
    const { repositories } = await callAws<{ repositories: object[] }>(
      story.aws.moto,
      ['ecr', 'DescribeRepositories'],
      {},
    );
    expect(repositories).to.deep.equal([]);
    const { logGroups } = await callAws<{ logGroups: object[] }>(
      story.aws.moto,
      ['logs', 'DescribeLogGroups'],
      {},
    );
    expect(logGroups).to.deep.equal([]);
    expect(Object.keys(story.aws.cloud.projects)).to.deep.equal([]);
  });
});
