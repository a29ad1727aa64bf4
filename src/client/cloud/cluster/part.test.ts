import { expect } from 'chai';
import { ApiServer } from '../../../../test/support/api-server.ts';
import { addressOf, ARTIFACTS, cloudOf, CLUSTER } from '../../../../test/support/cloud.ts';
import { selfSigned } from '../../../../test/support/client/certificate.ts';
import {
  CLAIM,
  DAEMON_SET,
  STATEFUL_SET,
  DIGEST,
  IMAGES,
  live as happens,
  POOL,
  put as created,
  SERVICE,
  type Lives,
} from '../../../../test/support/client/living-cluster.ts';
import { folderOf, type Folder } from '../../../../test/support/folder.ts';
import { Sandbox, TaskBuild, Trial } from '../../../crds/kinds.ts';
import { PREFIX } from '../../../crds/names.ts';
import { FormerOperator } from '../../../installation/former.ts';
import { OPERATOR, SETTINGS } from '../../../installation/names.ts';
import { ConfigMap, Node, PersistentVolumeClaim } from '../../../kube/kinds.ts';
import type { Kind, KubeObject } from '../../../kube/types.ts';
import type { CloudStep, ClusterAddress } from '../steps.ts';
import { clusterPart } from './part.ts';

interface Templated {
  spec: { template: { metadata: { labels: object; annotations: object } } };
}

const never = () => Promise.reject(new Error('the images are there'));
const OPTIONS = { version: '1.2.3', operator: never, open: never };
const tls = selfSigned();
const authority = Buffer.from(tls.cert).toString('base64');

describe('What is in a cluster on AWS', () => {
  let server: ApiServer;
  let home: Folder;
  const part = clusterPart(OPTIONS, IMAGES);
  const inCluster = part.steps.filter(({ name }) => name !== 'images');
  const step = (name: string): CloudStep => part.steps.find((one) => one.name === name)!;
  const cloud = (
    change: Partial<ClusterAddress> = {},
    cluster: Record<string, string> | undefined = CLUSTER,
  ) =>
    cloudOf({
      address: addressOf(server.url, { authority, ...change }),
      outputs: { artifacts: ARTIFACTS, ...(cluster && { cluster }) },
      env: { HOME: home.path },
    });
  const at = (namespace: string, name: string) => ({ namespace, name });
  const put = (kind: Kind<KubeObject>, object: object): KubeObject => created(server, kind, object);
  const has = (kind: Kind<KubeObject>, namespace: string, name: string): boolean =>
    server.collection(kind).objects.has(`${namespace}/${name}`);

  const live = (lives?: Lives): void => happens(server, lives);

  const failure = async (work: Promise<unknown>): Promise<{ code: string; message: string }> =>
    work.then(
      () => expect.fail('it did not fail'),
      (error: unknown) => error as { code: string; message: string },
    );

  beforeEach(async () => {
    server = await ApiServer.start({ tls });
    home = await folderOf({});
  });
  afterEach(async () => {
    await server.close();
    await home.remove();
  });

  it('comes in an order in which the kubeconfig is first, and so goes last', () => {
    expect(part.steps.map(({ name }) => name)).to.deep.equal([
      'kubeconfig',
      'images',
      'operator',
      'nodes',
      'logs',
    ]);
  });

  it('is nothing where there is no cluster yet', async () => {
    const none = cloudOf({});
    for (const one of inCluster) {
      expect(await one.isDone(none), one.name).to.equal(false);
      await one.remove(none);
    }
    expect(await part.running(none)).to.deep.equal([]);
    expect(await part.nodes(none)).to.deep.equal([]);
  });

  it('has nodes, unless it is somebody else’s', async () => {
    const labels = { 'node.kubernetes.io/instance-type': 'c6a.large' };
    put(Node, { metadata: { name: 'one', labels } });
    put(Node, { metadata: { name: 'two' } });
    expect(await part.nodes(cloud())).to.deep.equal([labels, {}]);
    expect(await part.nodes(cloud({ ours: false }))).to.deep.equal([]);
  });

  it('is made in every step, is then there, and is made again by nobody', async () => {
    const context = cloud();
    context.onSleep = () => live();
    for (const one of inCluster) {
      expect(await one.isDone(context), `${one.name}, before`).to.equal(false);
      await one.make(context);
      expect(await one.isDone(context), `${one.name}, after`).to.equal(true);
    }
    for (const one of part.steps) expect(await one.isDone(context), `${one.name}, at the end`).to.equal(true);
  });

  it('runs the operator by digest, with the names of the stacks, on the nodes of EKS itself', async () => {
    const context = cloud();
    context.onSleep = () => live();
    await step('operator').make(context);
    const found = server.collection(STATEFUL_SET).objects.get(`${OPERATOR.namespace}/${OPERATOR.name}`);
    expect(found).to.have.nested.property(
      'spec.template.spec.containers[0].image',
      `${ARTIFACTS.Operator}@${DIGEST}`,
    );
    expect(found).to.have.deep.nested.property('spec.template.spec.nodeSelector', {
      'karpenter.sh/nodepool': 'system',
      'kubernetes.io/arch': 'amd64',
    });
    const settings = server.collection(ConfigMap).objects.get(`${OPERATOR.namespace}/${SETTINGS}`);
    expect(settings).to.have.nested.property('data.SB_S3_BUCKET', ARTIFACTS.Bucket);
  });

  it('takes away the operator of a version that was a Deployment', async () => {
    put(FormerOperator, { metadata: { ...OPERATOR } });
    const context = cloud();
    context.onSleep = () => live();
    await step('operator').make(context);
    expect(server.collection(FormerOperator).objects.size).to.equal(0);
  });

  it('marks no Pod as only those of the operator’s Jobs are, which admission would refuse', async () => {
    const context = cloud();
    context.onSleep = () => live();
    for (const one of inCluster) await one.make(context);
    for (const kind of [STATEFUL_SET, DAEMON_SET])
      for (const object of server.collection(kind).objects.values()) {
        const { labels, annotations } = (object as unknown as Templated).spec.template.metadata;
        const keys = Object.keys({ ...labels, ...annotations });
        expect(
          keys.filter((key) => key.startsWith(PREFIX)),
          object.metadata.name,
        ).to.deep.equal([]);
        expect(keys, object.metadata.name).to.include('checksum/config');
      }
  });

  it('applies each object after what it needs: namespaces, CRDs that are served, roles, policies, the operator', async () => {
    const context = cloud();
    const servedAt: number[] = [];
    context.onSleep = () => {
      servedAt.push(server.requests.length);
      live();
    };
    await step('operator').make(context);
    const applied = server.requests.flatMap(({ method, path }, index) =>
      method === 'PATCH' ? [[path.split('/').at(-2) ?? '', index] as const] : [],
    );
    const first = (plural: string) => applied.find(([name]) => name === plural)?.[1] ?? -1;
    const order = [
      'namespaces',
      'customresourcedefinitions',
      'clusterroles',
      'configmaps',
      'statefulsets',
    ].map(first);
    expect(order.every((index) => index >= 0)).to.equal(true);
    expect(order).to.deep.equal(order.toSorted((a, b) => a - b));
    expect(servedAt[0]).to.be.below(first('clusterroles'));
  });

  it('goes on after it was stopped anywhere', async () => {
    const context = cloud();
    context.onSleep = () => live();
    for (let skip = 0; skip < 60; skip += 7) {
      server.faults.add({
        on: ({ method }) => method === 'PATCH',
        fault: { kind: 'status', status: 500 },
        skip,
      });
      await step('operator')
        .make(context)
        .catch(() => {});
      server.faults.clear();
    }
    await step('operator').make(context);
    expect(await step('operator').isDone(context)).to.equal(true);
  });

  it('puts back what somebody deleted or changed', async () => {
    const context = cloud();
    context.onSleep = () => live();
    await step('nodes').make(context);
    const pools = server.collection(POOL);
    const pool = pools.get('', 'sb-trials');
    pools.update({ ...pool, spec: { ...(pool as { spec?: object }).spec, limits: { cpu: '9' } } }, 'main');
    expect(await step('nodes').isDone(context)).to.equal(false);
    await step('nodes').make(context);
    pools.delete('', 'sb-trials');
    expect(await step('nodes').isDone(context)).to.equal(false);
  });

  it('says what a replica waits for, and the cause where it never starts', async () => {
    const context = cloud();
    const waiting = { reason: 'CreateContainerConfigError', message: 'secret "x" not found' };
    const status = {
      phase: 'Pending',
      conditions: [{ type: 'PodScheduled', status: 'True' }],
      containerStatuses: [{ name: 'operator', restartCount: 0, state: { waiting } }],
    };
    context.onSleep = () => live({ ready: 0, pod: { spec: { containers: [{ name: 'operator' }] }, status } });
    const { code, message } = await failure(step('operator').make(context));
    expect(code).to.equal('SB-E133');
    expect(message).to.contain('secret "x" not found');
  });

  it('says that no node comes, in the scheduler’s words, and gives up in the end', async () => {
    const context = cloud();
    const scheduled = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message: '0/0 nodes are available',
    };
    const pod = { spec: { containers: [] }, status: { phase: 'Pending', conditions: [scheduled] } };
    context.onSleep = () => live({ ready: 0, pod });
    const { code, message } = await failure(step('operator').make(context));
    expect(code).to.equal('SB-E133');
    expect(message).to.contain('0/0 nodes are available');
    expect(context.said, 'each line once').to.have.lengthOf(new Set(context.said).size);
  });

  it('has nodes with GPUs where they are asked for, and leaves them as they are where nothing is said', async () => {
    const nodesWith = (gpus: number) =>
      clusterPart({ ...OPTIONS, gpus }, IMAGES).steps.find(({ name }) => name === 'nodes')!;
    const limit = () =>
      (server.collection(POOL).objects.get('/sb-gpus') as { spec?: { limits: Record<string, string> } })?.spec
        ?.limits['nvidia.com/gpu'];
    const context = cloud();
    await step('nodes').make(context);
    expect(limit()).to.equal(undefined);
    for (const gpus of [4, 2]) {
      expect(await nodesWith(gpus).isDone(context)).to.equal(false);
      await nodesWith(gpus).make(context);
      expect(limit()).to.equal(String(gpus));
    }
    expect(await step('nodes').isDone(context)).to.equal(true);
    await step('nodes').make(context);
    expect(limit()).to.equal('2');
  });

  it('refuses nodes with GPUs where EKS does not make the nodes', async () => {
    const [, , , nodes] = clusterPart({ ...OPTIONS, gpus: 4 }, IMAGES).steps;
    for (const change of [{ autoMode: false }, { ours: false }]) {
      const { code, message } = await failure(nodes!.isDone(cloud(change)));
      expect(code).to.equal('SB-E036');
      expect(message).to.contain('--gpus');
    }
  });

  it('has no NodePool where EKS does not make the nodes', async () => {
    for (const change of [{ autoMode: false }, { ours: false }])
      expect(await step('nodes').isDone(cloud(change))).to.equal(true);
  });

  const trial = (name: string, status?: object) =>
    put(Trial, { metadata: at('agents', name), spec: {}, ...(status && { status }) });
  const ended = { conditions: [{ type: 'Succeeded', status: 'True' }] };
  const pool = () => put(POOL, { metadata: { name: 'sb-trials' } });

  it('counts Trials and Sandboxes that are not at their end', async () => {
    trial('runs');
    trial('ended', ended);
    put(Sandbox, { metadata: at('agents', 'mine'), spec: { operatingMode: 'Running' } });
    put(Sandbox, { metadata: at('agents', 'asleep'), spec: { operatingMode: 'Suspended' } });
    put(TaskBuild, { metadata: at('agents', 'build'), spec: {} });
    expect(await part.running(cloud())).to.have.members(['agents/runs', 'agents/mine']);
  });

  it('goes in an order in which nothing keeps what comes next: Trials, Sandboxes, load balancers, volumes, nodes', async () => {
    trial('runs');
    put(Sandbox, { metadata: at('agents', 'mine'), spec: { operatingMode: 'Running' } });
    put(SERVICE, { metadata: at('web', 'lb'), spec: { type: 'LoadBalancer' } });
    put(SERVICE, { metadata: at('web', 'inside'), spec: { type: 'ClusterIP' } });
    put(PersistentVolumeClaim, { metadata: at('agents', 'disk') });
    pool();
    await step('nodes').remove(cloud());
    const gone = server.requests
      .filter(({ method }) => method === 'DELETE')
      .map(({ path }) => path.split('/').at(-1));
    expect(gone).to.deep.equal(['runs', 'mine', 'lb', 'disk', 'sb-trials']);
    expect(has(SERVICE, 'web', 'inside')).to.equal(true);
  });

  it('is gone only when the nodes are, and says meanwhile how many there are', async () => {
    pool();
    const labels = { 'karpenter.sh/nodepool': 'sb-trials' };
    for (const name of ['a', 'b']) put(CLAIM, { metadata: { name, labels } });
    put(CLAIM, { metadata: { name: 'other', labels: { 'karpenter.sh/nodepool': 'system' } } });
    const context = cloud();
    let naps = 0;
    context.onSleep = () => {
      const name = ['', 'a', 'b'][++naps];
      if (name) server.collection(CLAIM).delete('', name);
    };
    await step('nodes').remove(context);
    expect(context.said).to.deep.equal(['2 nodes of Trials to go: a, b', '1 node of Trials to go: b']);
    expect(has(CLAIM, '', 'other')).to.equal(true);
  });

  it('takes nodes with GPUs away as well, and no pool of anybody else', async () => {
    for (const name of ['sb-gpus', 'sb-trials', 'mine']) {
      put(POOL, { metadata: { name } });
      put(CLAIM, { metadata: { name: `of-${name}`, labels: { 'karpenter.sh/nodepool': name } } });
    }
    const context = cloud();
    context.onSleep = () => {
      for (const name of ['of-sb-gpus', 'of-sb-trials']) server.collection(CLAIM).delete('', name);
    };
    await step('nodes').remove(context);
    expect(context.said).to.deep.equal(['2 nodes of Trials to go: of-sb-gpus, of-sb-trials']);
    expect([...server.collection(POOL).objects.keys()]).to.deep.equal(['/mine']);
  });

  it('says what stays where something never goes', async () => {
    pool();
    put(CLAIM, { metadata: { name: 'stuck', labels: { 'karpenter.sh/nodepool': 'sb-trials' } } });
    const { code, message } = await failure(step('nodes').remove(cloud()));
    expect(code).to.equal('SB-E131');
    expect(message).to.contain('1 node of Trials to go: stuck');
  });
});
