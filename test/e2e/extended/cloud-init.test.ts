import { GetObjectCommand, HeadBucketCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { nodePool } from '../../../src/installation/aws/cluster/nodes.ts';
import { awsNames, LOG_SHIPPER } from '../../../src/installation/aws/names.ts';
import { OPERATOR } from '../../../src/installation/names.ts';
import type { Trial } from '../../../src/crds/trial.ts';
import { ACCOUNT, CREDENTIALS, ECR_HOST, REGION, STACK } from '../../support/aws/facts.ts';
import { callAws } from '../../support/aws/wire.ts';
import { kubectl, kubectlOk, needCluster, root, type Said } from '../../support/cluster.ts';
import { eventuallyTrue } from '../../support/eventually.ts';
import { folderOf, type Folder } from '../../support/folder.ts';
import { openEmptyAccount, type EmptyAccount } from '../aws/empty-account.ts';
import { emptyCluster, restoreCluster } from '../aws/empty-cluster.ts';
import { ensureSources } from '../aws/public-images.ts';
import { s3 as store } from '../cluster/index.ts';

const HELLO = join(root, 'examples/tasks/hello');
const NAMESPACE = 'agents';

describe('an account of AWS, from nothing to a reward and back, by sb alone', function () {
  this.timeout(400_000);
  const names = awsNames({ stack: STACK, account: ACCOUNT, region: REGION });
  let aws: EmptyAccount;
  let operatorImage: string;
  let home: Folder;
  let s3: S3Client;

  before(async function () {
    await needCluster(this);
    aws = await openEmptyAccount();
    operatorImage = await ensureSources(aws.logsUrl);
    home = await folderOf({});
    // By this name kubectl's context calls it.
    await mkdir(join(home.path, 'bin'));
    await symlink(join(root, 'bin/sb.mjs'), join(home.path, 'bin/sb'));
    const access = { region: REGION, credentials: CREDENTIALS, forcePathStyle: true };
    s3 = new S3Client({ ...access, endpoint: store.endpoint });
    await emptyCluster(aws.operatorEnv);
  });
  after(async () => {
    await restoreCluster();
    s3?.destroy();
    await aws?.close();
    await home?.remove();
  });

  /** `sb cloud …`, as somebody with nothing but credentials has it; killed as soon as it says `until`. */
  async function sb(words: readonly string[], until?: string): Promise<Said> {
    const env = {
      PATH: [join(home.path, 'bin'), process.env['PATH']].join(delimiter),
      HOME: home.path,
      KUBECONFIG: join(home.path, 'kubeconfig'),
      SB_OPERATOR_IMAGE: operatorImage,
      ...aws.env,
    };
    const child = spawn(process.execPath, [join(root, 'bin/sb.mjs'), 'cloud', ...words], {
      cwd: home.path,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said: Said = { code: -1, stdout: '', stderr: '' };
    child.stdout.on('data', (part: Buffer) => (said.stdout += part.toString()));
    child.stderr.on('data', (part: Buffer) => {
      said.stderr += part.toString();
      if (until !== undefined && said.stderr.includes(until)) child.kill('SIGKILL');
    });
    const [code] = (await once(child, 'close')) as [number | null];
    return { ...said, code: code ?? -1 };
  }
  /** Killed each time a little later. */
  async function killed(words: readonly string[], lines: readonly string[]): Promise<void> {
    for (const line of lines) {
      const said = await sb(words, line);
      expect(said.stderr).to.contain(line);
      expect(said.code, said.stderr).to.equal(-1);
    }
  }
  async function succeeds(...words: string[]): Promise<Said> {
    const said = await sb(words);
    expect(said.code, `${said.stdout}${said.stderr}`).to.equal(0);
    return said;
  }
  const stacks = (): string[] =>
    aws.cloud.cloudformation.stacks
      .filter(({ deleted }) => !deleted)
      .map(({ name, status }) => `${name} ${status}`);
  const made = ['artifacts', 'network', 'cluster'].map((stack) => `${STACK}-${stack} CREATE_COMPLETE`);
  const builds = (): string[] =>
    aws.codebuild.builds.map(({ projectName, buildStatus }) => `${projectName} ${buildStatus}`);
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
  const trialHere = async (): Promise<Trial> =>
    (JSON.parse(await kubectlOk(['get', 'trials', '-n', NAMESPACE, '-o', 'json'])) as { items: Trial[] })
      .items[0]!;

  it('goes on from wherever it was killed', async () => {
    const lines = ['stack network', 'kubeconfig', 'images', 'operator', 'nodes'].map(
      (step) => `${step}: making it`,
    );
    await killed(['init', '--yes'], lines);
  });

  it('is an installation after init: a cluster with its admin, a bucket, a project', async () => {
    const { stdout: said } = await succeeds('init', '--yes');
    // What was printed, whole: chai cuts it short.
    expect(said, said).to.match(/aws-policies: IAM allows the operator, builds\b.* all that is needed/);
    expect(stacks()).to.deep.equal(made);
    const { status, entries } = aws.cloud.eks.clusters.get({ clusterName: STACK });
    expect([status, entries.map(({ type }) => type)]).to.deep.equal(['ACTIVE', ['EC2', 'STANDARD']]);
    expect(Object.keys(aws.cloud.projects)).to.deep.equal([names.project]);
    await s3.send(new HeadBucketCommand({ Bucket: names.bucket }));
  });

  it('has brought its images along by one build, and runs them by digest', async () => {
    expect(builds()).to.deep.equal([`${names.project} SUCCEEDED`]);
    expect(aws.codebuild.builds[0]?.serviceRole).to.match(/-InstallerRole-/);
    expect(await imageOf('deployment', OPERATOR.name, OPERATOR.namespace)).to.match(
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
    const before = aws.cloud.cloudformation.stacks.flatMap(({ events }) => events.length);
    await succeeds('init', '--yes');
    expect(aws.cloud.cloudformation.stacks.flatMap(({ events }) => events.length)).to.deep.equal(before);
    expect(builds()).to.have.lengthOf(1);
  });

  it('says what there is, and what it costs', async () => {
    const { stdout } = await succeeds('status');
    expect(stdout).to.contain(`${STACK}-cluster`).and.contain('per hour');
    // Those of the local cluster are of no type that AWS has.
    expect(stdout).to.match(/nodes now:\n( {2}\d+ × .* –\n)+nodes: –, sb knows the price of none/);
  });

  it('gives a task its reward, by an image that its own project has built', async () => {
    const said = await succeeds('run', '-t', HELLO, '-n', NAMESPACE, '--run-name', 'first', '-q');
    const trial = await trialHere();
    expect(trial.status?.reward, said.stdout).to.equal(1);
    expect(builds()).to.deep.equal(Array(2).fill(`${names.project} SUCCEEDED`));
    expect(JSON.stringify(trial.status)).to.contain(`${ECR_HOST}/${names.images}`);
    const { Body } = await s3.send(
      new GetObjectCommand({ Bucket: names.bucket, Key: 'jobs/first/result.json' }),
    );
    const texts = [
      await Body?.transformToString(),
      await readFile(join(home.path, 'jobs/first/result.json'), 'utf8'),
    ];
    for (const text of texts) expect(JSON.parse(text ?? '')).to.include({ n_total_trials: 1 });
  });

  it('has what the task printed where the Trial’s link leads', async () => {
    const { group = '', stream = '' } = (await trialHere()).status?.logs ?? {};
    await eventuallyTrue(
      `stream ${stream} has lines`,
      async () => {
        const asked = { logGroupName: group, logStreamName: stream };
        const found = await callAws<{ events: { message: string }[] }>(
          aws.moto,
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
    await killed(['down', '--confirm', STACK], lines);
  });

  it('keeps what holds results, and nothing that costs by the hour, after down', async () => {
    await succeeds('down', '--confirm', STACK);
    expect(stacks()).to.deep.equal([`${STACK}-artifacts CREATE_COMPLETE`]);
    expect(aws.cloud.eks.clusters.all).to.deep.equal([]);
    expect((await kubectl(['get', 'nodepool', 'sb-trials'])).stderr).to.contain('not found');
    expect(await readFile(join(home.path, 'kubeconfig'), 'utf8')).to.not.contain(STACK);
    const { Contents = [] } = await s3.send(
      new ListObjectsV2Command({ Bucket: names.bucket, Prefix: 'trials/first/' }),
    );
    expect(Contents.map(({ Key }) => Key?.split('/').at(-1))).to.include('result.json');
    await succeeds('down', '--confirm', STACK);
  });

  it('comes back with what was kept, and builds nothing again', async () => {
    await succeeds('init', '--yes');
    expect(stacks()).to.have.members(made);
    expect(builds()).to.have.lengthOf(2);
  });

  it('is nothing after down --purge', async () => {
    const said = await succeeds('down', '--purge', '--confirm', STACK, '--confirm', names.bucket);
    expect(said.stdout).to.not.contain('more with its tag');
    expect(stacks()).to.deep.equal([]);
    const gone = await s3
      .send(new HeadBucketCommand({ Bucket: names.bucket }))
      .catch(({ name }: Error) => name);
    expect(gone).to.equal('NotFound');
    const { repositories } = await callAws<{ repositories: object[] }>(
      aws.moto,
      ['ecr', 'DescribeRepositories'],
      {},
    );
    expect(repositories).to.deep.equal([]);
    const { logGroups } = await callAws<{ logGroups: object[] }>(aws.moto, ['logs', 'DescribeLogGroups'], {});
    expect(logGroups).to.deep.equal([]);
    expect(Object.keys(aws.cloud.projects)).to.deep.equal([]);
  });
});
