import { expect } from 'chai';
import { ApiServer } from '../../../../test/support/api-server.ts';
import { connectTo } from '../../../../test/support/kube.ts';
import { node } from '../../../../test/support/client/doctor.ts';
import { Job, Node, Pod } from '../../../kube/kinds.ts';
import type { Kube } from '../../../kube/connect.ts';
import { ApiError } from '../../../kube/errors.ts';
import type { Session } from '../../session/types.ts';
import { scaleTest, type ScaleOptions } from './scale.ts';

const STATEFUL_SETS = {
  group: 'apps',
  version: 'v1',
  kind: 'StatefulSet',
  plural: 'statefulsets',
  namespaced: true,
};
const POOLS = {
  group: 'karpenter.sh',
  version: 'v1',
  kind: 'NodePool',
  plural: 'nodepools',
  namespaced: false,
};
const NAMESPACE = 'agents';
const BEGUN = Date.parse('2026-01-31T14:25:01Z');

/** What the cluster does with the Pods, once a second. */
interface Behaviour {
  /** How many Pods of the Job are there; default: all. */
  admitted?: number;
  /** How many of them fit on the node that is there. */
  fit: number;
  /** Karpenter: seconds until a node comes for the others; never where it is undefined. */
  nodeAfter?: number;
  /** Seconds that a node stays after the Job; default 60. */
  stays?: number;
  karpenter?: boolean;
}

const bound = (client: Session['kube'], name: string | symbol): unknown =>
  (Reflect.get(client, name) as (...args: never[]) => unknown).bind(client);

describe('sb doctor --scale-test', () => {
  let server: ApiServer;
  let kube: Kube;
  let said: string[];
  let interrupted: AbortController;
  let seconds: number;
  /** Seconds at which the Job was gone. */
  let ended: number | undefined;
  /** Called at each second. */
  let atSecond: (second: number) => void;

  beforeEach(async () => {
    server = await ApiServer.start();
    kube = connectTo(server);
    said = [];
    interrupted = new AbortController();
    seconds = 0;
    ended = undefined;
    atSecond = () => {};
    server.collection(Node).create(node('old'));
    server.collection(STATEFUL_SETS).create({
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'sb-operator', namespace: 'sb-system' },
      spec: { template: { spec: { containers: [{ image: 'registry.test/operator@sha256:1' }] } } },
    });
  });
  afterEach(async () => {
    await kube.close();
    await server.close();
  });

  const jobs = (): string[] => [...server.collection(Job).objects.keys()];

  /** The Job controller, the scheduler, and Karpenter. */
  function pass(behaviour: Behaviour): void {
    seconds += 1;
    const [job] = [...server.collection(Job).objects.values()] as Job[];
    if (job) placePods(job, behaviour);
    else clear(behaviour);
  }

  function clear({ stays = 60 }: Behaviour): void {
    ended ??= seconds;
    const [nodes, pods] = [server.collection(Node), server.collection(Pod)];
    for (const { metadata } of Array.from(pods.objects.values()))
      pods.delete(metadata.namespace ?? '', metadata.name);
    if (seconds - ended >= stays && nodes.objects.has('/new')) nodes.delete('', 'new');
  }

  function placePods(job: Job, { admitted = Infinity, fit, nodeAfter = Infinity }: Behaviour): void {
    const came = seconds >= nodeAfter;
    if (came) bringNode(nodeAfter);
    const pods = server.collection(Pod);
    const wanted = Math.min(job.spec?.parallelism ?? 0, admitted);
    for (let at = 0; at < wanted; at++) {
      if (pods.objects.has(`${NAMESPACE}/p${at}`)) pods.delete(NAMESPACE, `p${at}`);
      pods.create(podOf(job, `p${at}`, at < fit ? 'old' : came ? 'new' : undefined));
    }
  }

  function bringNode(after: number): void {
    const nodes = server.collection(Node);
    if (nodes.objects.has('/new')) return;
    const lastTransitionTime = new Date(Date.now() + after * 1000).toISOString();
    nodes.create(node('new', { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime }] }));
  }

  const UNSCHEDULABLE = {
    type: 'PodScheduled',
    status: 'False',
    reason: 'Unschedulable',
    message: '0/1 nodes are available: 1 Insufficient cpu.',
  };
  const podOf = (job: Job, name: string, nodeName: string | undefined) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: NAMESPACE,
      labels: { 'batch.kubernetes.io/job-name': job.metadata.name },
    },
    spec: { ...job.spec?.template.spec, ...(nodeName !== undefined && { nodeName }) },
    status: {
      phase: 'Pending',
      conditions: [nodeName === undefined ? UNSCHEDULABLE : { type: 'PodScheduled', status: 'True' }],
    },
  });

  function tested(behaviour: Behaviour, pods = 5) {
    const raw = async (path: string): Promise<unknown> => {
      if (behaviour.karpenter && path === '/apis/karpenter.sh')
        return { preferredVersion: { version: 'v1' } };
      throw new ApiError({ status: 404, reason: 'NotFound', message: path });
    };
    if (behaviour.karpenter)
      server.collection(POOLS).create({
        apiVersion: 'karpenter.sh/v1',
        kind: 'NodePool',
        metadata: { name: 'sb-trials' },
      });
    const session: Partial<Session> = {
      kube: new Proxy(kube.client, { get: (client, name) => (name === 'raw' ? raw : bound(client, name)) }),
      namespace: NAMESPACE,
      now: () => new Date(BEGUN),
      client: async () => ({ operatorNamespace: 'sb-system' }) as never,
    };
    const options: ScaleOptions = {
      pods,
      say: (line) => void said.push(line),
      signal: interrupted.signal,
      sleep: async () => {
        pass(behaviour);
        atSecond(seconds);
      },
      monotonic: () => seconds * 1000,
    };
    return scaleTest(session as Session, options);
  }
  const words = async (behaviour: Behaviour, pods?: number): Promise<string[]> =>
    (await tested(behaviour, pods)).map(
      ({ state, what, why }) => `${state}: ${what}${why ? `: ${why}` : ''}`,
    );

  it('says how long Pods took that fit on the nodes that are there, and leaves nothing', async () => {
    expect(await words({ fit: 5 })).to.deep.equal([
      'fine: 5 Pods of a default Trial’s size got a node in 1s',
    ]);
    expect(jobs()).to.deep.equal([]);
    expect(said.at(-1)).to.match(/^scale test: Job sb-scale-test-\w{8} is deleted$/);
  });

  it('says in one sentence where nothing adds nodes, without waiting for what cannot come', async () => {
    expect(await words({ fit: 2 })).to.deep.equal([
      'warning: 2 of 5 Pods of a default Trial’s size fit on the nodes that are there, and nothing adds nodes: 0/1 nodes are available: 1 Insufficient cpu.; the cluster has neither Karpenter nor EKS Auto Mode',
    ]);
    expect(seconds).to.equal(1);
    expect(jobs()).to.deep.equal([]);
  });

  it('says how long nodes took to come, and to go', async () => {
    const [pods, came, went] = await words({ fit: 2, karpenter: true, nodeAfter: 90, stays: 60 });
    expect(pods).to.equal('fine: 5 Pods of a default Trial’s size got a node in 1m30s');
    expect(came).to.match(
      /^fine: 1 node came: the first was ready after 1m(29|3\d)s, the last after 1m(29|3\d)s$/,
    );
    expect(went).to.equal('fine: they were gone 1m01s after the Pods');
    expect([...server.collection(Node).objects.keys()]).to.deep.equal(['/old']);
  });

  it('waits ten minutes for nodes that do not come, and says what the scheduler says', async () => {
    const [found] = await tested({ fit: 2, karpenter: true });
    expect(found).to.include({
      check: 'scale-test',
      state: 'problem',
      what: '2 of 5 Pods of a default Trial’s size got a node within 10m01s',
      why: '0/1 nodes are available: 1 Insufficient cpu.',
    });
    expect(jobs()).to.deep.equal([]);
  });

  it('warns of nodes that stay', async () => {
    const [, , went] = await tested({ fit: 2, karpenter: true, nodeAfter: 5, stays: Infinity });
    expect(went).to.include({ state: 'warning', what: '1 of them are still there 15m01s after the Pods' });
    expect(went?.fix).to.include('spec.nodeName=new');
  });

  it('says that a quota keeps Pods back', async () => {
    const [found] = await tested({ fit: 5, admitted: 3, karpenter: true });
    expect(found).to.include({ state: 'problem', what: 'the cluster made 3 of 5 Pods within 10m01s' });
  });

  it('takes its Pods away at Ctrl-C', async () => {
    atSecond = (second) => second === 3 && interrupted.abort(new Error('interrupted'));
    const failure = await tested({ fit: 2, karpenter: true }).then(
      () => undefined,
      (error: Error) => error.message,
    );
    expect(failure).to.equal('interrupted');
    expect(seconds).to.equal(3);
    expect(jobs()).to.deep.equal([]);
  });

  it('makes nothing after a Ctrl-C that came before', async () => {
    interrupted.abort(new Error('interrupted'));
    await tested({ fit: 5 }).catch(() => {});
    expect(server.requests.filter(({ method }) => method === 'POST')).to.deep.equal([]);
  });

  it('takes a Job away whose answer was lost', async () => {
    server.faults.add({ on: ({ method }) => method === 'POST', fault: { kind: 'lose-reply' } });
    expect((await tested({ fit: 5 })).map(({ state }) => state)).to.deep.equal(['problem']);
    expect(server.requests.map(({ method }) => method)).to.include.members(['POST', 'DELETE']);
    expect(jobs()).to.deep.equal([]);
  });

  it('says that a Job which cannot be deleted ends by itself, and so it does', async () => {
    server.faults.add({
      on: ({ method }) => method === 'DELETE',
      fault: { kind: 'status', status: 403, reason: 'Forbidden' },
    });
    expect((await tested({ fit: 5 })).map(({ state }) => state)).to.deep.equal(['fine']);
    expect(said.at(-1)).to.match(/is not deleted \(.*\); it ends by itself within 30 minutes$/);
    const [left] = [...server.collection(Job).objects.values()] as Job[];
    expect(left?.spec).to.include({ activeDeadlineSeconds: 1800, ttlSecondsAfterFinished: 0 });
  });

  it('needs the right to make Jobs, and names it', async () => {
    server.faults.add({
      on: ({ method }) => method === 'POST',
      fault: { kind: 'status', status: 403, reason: 'Forbidden' },
    });
    const [found] = await tested({ fit: 5 });
    expect(found).to.include({ state: 'warning', what: 'how nodes come and go could not be checked' });
  });
});
