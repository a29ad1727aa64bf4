import { expect } from 'chai';
import { readFile, writeFile } from 'node:fs/promises';
import { dump } from 'js-yaml';
import { nodePool } from '../../../src/installation/aws/cluster/nodes.ts';
import { awsNames, LOG_SHIPPER } from '../../../src/installation/aws/names.ts';
import { OPERATOR } from '../../../src/installation/names.ts';
import type { KubeObject } from '../../../src/kube/types.ts';
import { ACCOUNT, REGION, STACK } from '../../support/aws/facts.ts';
import { USER_ARN } from '../../support/aws/sessions.ts';
import { kubectl, kubectlOk } from '../../support/cluster.ts';
import { eventuallyTrue } from '../../support/eventually.ts';
import { CLUSTER_ADMIN, type Cluster } from '../../support/eks/clusters.ts';
import { HELLO, NAMESPACE, useCloudStory } from '../aws/cloud-story.ts';

/** Their cluster, and namespaces in it that are theirs. */
const THEIRS = 'theirs';
const THEIR_NAMESPACES = ['web', 'logging'];
const AGENT = { name: 'eks-pod-identity-agent', namespace: 'kube-system' };

const object = (kind: string, metadata: object, more: object = {}): object => ({
  apiVersion: kind === 'DaemonSet' ? 'apps/v1' : 'v1',
  kind,
  metadata,
  ...more,
});

/** What some image of the nodes does, which is nothing. */
function daemonSet(metadata: { name: string; namespace: string }, image: string): object {
  const labels = { app: metadata.name };
  const spec = { containers: [{ name: 'main', image, imagePullPolicy: 'IfNotPresent' }] };
  return object('DaemonSet', metadata, {
    spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  });
}

/** What people have in a cluster: some of it is called as ours is elsewhere. */
const theirObjects = (pause: string): object[] => [
  ...THEIR_NAMESPACES.map((name) => object('Namespace', { name })),
  daemonSet(AGENT, pause),
  // As Fluent Bit's own chart is installed.
  daemonSet({ name: LOG_SHIPPER.name, namespace: 'logging' }, pause),
  object('ConfigMap', { name: 'settings', namespace: 'web' }, { data: { a: 'b' } }),
  object(
    'Service',
    { name: 'lb', namespace: 'web' },
    { spec: { type: 'LoadBalancer', ports: [{ port: 80 }] } },
  ),
  object(
    'PersistentVolumeClaim',
    { name: 'disk', namespace: 'web' },
    { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } } },
  ),
  // One of them as docs/aws-nodes.md has it.
  ...[THEIRS, 'sb-trials'].map((name): KubeObject => ({ ...nodePool(), metadata: { name } })),
];

const nodeImage = async (part: string): Promise<string> => {
  const names = await kubectlOk(['get', 'nodes', '-o', 'jsonpath={.items[0].status.images[*].names[*]}']);
  return names.split(/[\s"[\],]+/).find((name) => name.includes(part) && !name.includes('@')) ?? '';
};

describe('an installation in an EKS cluster of the user’s, by sb alone', function () {
  this.timeout(400_000);
  const story = useCloudStory();
  const names = awsNames({ stack: STACK, account: ACCOUNT, region: REGION });
  let cluster: Cluster;
  let objects: object[] = [];
  let untouched: string[];

  before(async () => {
    objects = theirObjects(await nodeImage('/pause:'));
    const { eks } = story.aws.cloud;
    cluster = await eks.create({
      name: THEIRS,
      version: '1.35',
      roleArn: `arn:aws:iam::${ACCOUNT}:role/${THEIRS}`,
      tags: { owner: 'them' },
      declared: {
        resourcesVpcConfig: { vpcId: 'vpc-0123456789abcdef0', subnetIds: ['subnet-1', 'subnet-2'] },
      },
    });
    cluster.status = 'ACTIVE';
    const policyArn = `arn:aws:eks::aws:cluster-access-policy/${CLUSTER_ADMIN}`;
    const policies = [{ policyArn, accessScope: { type: 'cluster' as const } }];
    eks.clusters.addEntry({ clusterName: THEIRS, principalArn: USER_ARN, policies });
    await kubectlOk(['apply', '-f', '-'], { apiVersion: 'v1', kind: 'List', items: objects });
    await eventuallyTrue('their Pods run', theyRun, 60);
    await writeFile(
      story.kubeconfig,
      dump({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [{ name: 'home', cluster: { server: 'https://home.test' } }],
        users: [{ name: 'me', user: {} }],
        contexts: [{ name: 'home', context: { cluster: 'home', user: 'me' } }],
        'current-context': 'home',
      }),
    );
    untouched = await theirs();
  });
  after(async () => {
    const items = objects.filter((one) => (one as KubeObject).kind !== 'NodePool');
    await kubectl(['delete', '--ignore-not-found', '-f', '-'], { apiVersion: 'v1', kind: 'List', items });
    await kubectl(['delete', 'namespace', NAMESPACE, '--ignore-not-found']);
  });

  const shippers = ['-n', 'logging', 'daemonset', LOG_SHIPPER.name];
  async function theyRun(): Promise<boolean> {
    const path = '{.status.desiredNumberScheduled}/{.status.numberAvailable}';
    const said = await kubectlOk(['get', ...shippers, '-o', `jsonpath=${path}`]);
    const [wanted, running] = said.split('/');
    return Number(wanted) > 0 && wanted === running;
  }

  /** Each object of theirs with its UID, and its generation: both are others once somebody has made or changed it. */
  const theirs = async (): Promise<string[]> =>
    Promise.all(
      (objects as KubeObject[]).map(async ({ kind, metadata: { name, namespace } }) => {
        const where = namespace === undefined ? [] : ['-n', namespace];
        const path =
          '{.metadata.uid} {.metadata.generation} {.metadata.labels} {.metadata.deletionTimestamp}';
        const said = await kubectl(['get', kind, name, ...where, '-o', `jsonpath=${path}`]);
        return `${kind} ${name}: ${said.stdout}${said.stderr}`;
      }),
    );
  const isThere = async (...what: string[]): Promise<boolean> =>
    (await kubectl(['get', ...what, '-o', 'name'])).code === 0;
  const identities = (): string[] =>
    cluster.identities.map(({ namespace, serviceAccount }) => `${namespace}/${serviceAccount}`).sort();

  it('is made beside what is theirs, without a network or nodes of ours', async () => {
    await story.killed(
      ['init', '--yes', '--cluster', THEIRS],
      ['stack cluster: making it', 'logs: making it'],
    );
    const { stdout } = await story.succeeds('init', '--yes', '--cluster', THEIRS);
    expect(stdout, stdout)
      .to.match(/✓ aws-identity: the EKS Pod Identity Agent is ready on \d+ nodes/)
      .and.match(/✓ aws-policies: IAM allows the operator, builds and Fluent Bit all that is needed/);
    expect(story.stacks).to.deep.equal(
      ['artifacts', 'cluster'].map((part) => `${STACK}-${part} CREATE_COMPLETE`),
    );
    expect(identities()).to.deep.equal([
      `${LOG_SHIPPER.namespace}/${LOG_SHIPPER.name}`,
      `${OPERATOR.namespace}/${OPERATOR.name}`,
    ]);
    expect(await isThere('storageclass', 'sb-gp3')).to.equal(false);
    expect(await theirs()).to.deep.equal(untouched);
  });

  it('is as it was after a second init, which finds the cluster by itself', async () => {
    const events = story.aws.cloud.cloudformation.stacks.map((stack) => stack.events.length);
    await story.succeeds('init', '--yes');
    expect(story.aws.cloud.cloudformation.stacks.map((stack) => stack.events.length)).to.deep.equal(events);
  });

  it('makes no nodes with GPUs there', async () => {
    const { code, stderr } = await story.sb(['init', '--yes', '--gpus', '2']);
    expect(code).to.not.equal(0);
    expect(stderr).to.contain('EKS makes no nodes for sb in a cluster of yours');
  });

  it('shows what there is, and no price of a cluster that is not ours', async () => {
    const { stdout } = await story.succeeds('status');
    expect(stdout).to.contain('$0.00 per hour').and.not.contain('nodes now');
  });

  it('gives a task its reward', async () => {
    const said = await story.succeeds('run', '-t', HELLO, '-n', NAMESPACE, '--run-name', 'first', '-q');
    expect((await story.trial()).status?.reward, said.stdout).to.equal(1);
  });

  it('takes away what is ours from wherever it was killed, and nothing of theirs', async () => {
    const lines = ['logs', 'operator'].map((step) => `${step}: taking it away`);
    await story.killed(['down', '--confirm', STACK], lines);
    await story.succeeds('down', '--confirm', STACK);
    expect(story.stacks).to.deep.equal([`${STACK}-artifacts CREATE_COMPLETE`]);
    expect(story.aws.cloud.eks.clusters.all).to.deep.equal([cluster]);
    expect([
      cluster.status,
      cluster.entries.map(({ principalArn }) => principalArn),
      identities(),
    ]).to.deep.equal(['ACTIVE', [USER_ARN], []]);
    for (const gone of [`namespace/${OPERATOR.namespace}`, `namespace/${LOG_SHIPPER.namespace}`])
      await eventuallyTrue(`${gone} is gone`, async () => !(await isThere(gone)), 120);
    await eventuallyTrue('CRDs are gone', async () => !(await isThere('crd', 'trials.sb.abundant.ai')), 60);
    expect(await theirs()).to.deep.equal(untouched);
    expect(await theyRun()).to.equal(true);
    // Others may have something in it.
    expect(await isThere('namespace', NAMESPACE)).to.equal(true);
    const config = await readFile(story.kubeconfig, 'utf8');
    expect(config).to.contain('https://home.test').and.not.contain(`cluster/${THEIRS}`);
  });

  it('is nothing after down --purge, and their cluster is as it was', async () => {
    await story.succeeds('down', '--purge', '--confirm', STACK, '--confirm', names.bucket);
    expect(story.stacks).to.deep.equal([]);
    expect(story.aws.cloud.eks.clusters.all).to.deep.equal([cluster]);
    expect(await theirs()).to.deep.equal(untouched);
  });
});
