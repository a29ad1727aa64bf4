import { expect } from 'chai';
import { join } from 'node:path';
import { withSession } from '../../session/session.ts';
import { fixedApi, type FixedApi } from '../../../../test/support/client/api.ts';
import { folderOf } from '../../../../test/support/folder.ts';
import { recordedIo } from '../../../../test/support/terminal/recorded.ts';
import type { Found } from './check.ts';
import { pod } from '../../../../test/support/client/doctor.ts';
import { autoscalerOf, judgeAutoscaling, waitingOf } from './autoscaling.ts';

type Waiting = Parameters<typeof judgeAutoscaling>[0][number];
type Autoscaler = Parameters<typeof judgeAutoscaling>[1];
type Pool = Extract<Autoscaler, { kind: 'karpenter' }>['pools'][number];
type NodePool = Pool['pool'];
type ReadyCondition = NonNullable<NonNullable<NodePool['status']>['conditions']>[number];

const NOW = new Date('2026-01-31T14:25:01Z');
const INSUFFICIENT = '0/2 nodes are available: 2 Insufficient cpu.';
const waits = (forMs = 1000, message = INSUFFICIENT): Waiting => ({
  pod: 'p',
  namespace: 'a',
  message,
  forMs,
});

const READY: ReadyCondition = { type: 'Ready', status: 'True' };
const UNREADY: ReadyCondition = {
  type: 'Ready',
  status: 'False',
  reason: 'SubnetsNotFound',
  message: 'no subnets',
};
const REFERENCE = { group: 'karpenter.k8s.aws', kind: 'EC2NodeClass', name: 'default' };

const nodePool = (more: Partial<NodePool> = {}): NodePool => ({
  apiVersion: 'karpenter.sh/v1',
  kind: 'NodePool',
  metadata: { name: 'general' },
  spec: { template: { spec: { nodeClassRef: REFERENCE } } },
  status: { conditions: [READY] },
  ...more,
});
const nodeClass = (condition = READY) => ({
  apiVersion: 'karpenter.k8s.aws/v1',
  kind: 'EC2NodeClass',
  metadata: { name: 'default' },
  status: { conditions: [condition] },
});
const karpenter = (...pools: Pool[]): Autoscaler => ({ kind: 'karpenter', pools });
const wellPool: Pool = { pool: nodePool(), nodeClass: nodeClass() };
const said = (found: readonly Found[]): string[] => found.map(({ state, what }) => `${state}: ${what}`);

describe('sb doctor about autoscaling', () => {
  it('finds the Pods that the scheduler has no node for', () => {
    const unschedulable = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message: INSUFFICIENT,
      lastTransitionTime: '2026-01-31T14:24:01Z',
    };
    const pods = [
      pod('waits', {}, { phase: 'Pending', conditions: [unschedulable] }),
      pod('pulls', {}, { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'True' }] }),
      pod('runs', {}, { phase: 'Running' }),
    ];
    expect(waitingOf(pods, NOW)).to.deep.equal([
      { pod: 'waits', namespace: 'default', message: INSUFFICIENT, forMs: 60_000 },
    ]);
  });

  it('says that nothing adds nodes where Pods wait for room without Karpenter or Auto Mode', () => {
    const [found] = judgeAutoscaling([waits(), waits(5000)], { kind: 'none' });
    expect(found).to.include({ state: 'problem', what: '2 Pods wait for a node' });
    expect(found?.why).to.include('neither Karpenter nor EKS Auto Mode');
    expect(found?.fix).to.include('kubectl -n a describe pod p');
  });

  it('takes other reasons for waiting as they are', () => {
    const selector = waits(1000, 'node(s) didn’t match Pod’s node affinity/selector');
    expect(said(judgeAutoscaling([selector], { kind: 'none' }))).to.deep.equal([
      'warning: 1 Pod waits for a node',
    ]);
  });

  it('gives a new node some minutes', () => {
    for (const autoscaler of [karpenter(wellPool), { kind: 'cluster-autoscaler' } as const]) {
      expect(said(judgeAutoscaling([waits()], autoscaler))).to.deep.equal([
        'warning: 1 Pod waits for a node',
      ]);
      expect(said(judgeAutoscaling([waits(600_000)], autoscaler))).to.deep.equal([
        'problem: 1 Pod waits for a node',
      ]);
    }
  });

  it('misses NodePools, the more where Pods wait', () => {
    expect(said(judgeAutoscaling([], karpenter()))).to.deep.equal(['warning: there is no NodePool']);
    expect(said(judgeAutoscaling([waits()], karpenter()))).to.deep.equal(['problem: there is no NodePool']);
  });

  it('names the class that is missing or not ready, rather than the pool that depends on it', () => {
    const pool = nodePool({ status: { conditions: [UNREADY] } });
    const [unready] = judgeAutoscaling([waits()], karpenter({ pool, nodeClass: nodeClass(UNREADY) }));
    expect(unready).to.deep.equal({
      state: 'problem',
      what: 'EC2NodeClass default is not ready',
      why: 'SubnetsNotFound: no subnets',
      fix: 'kubectl describe ec2nodeclass.karpenter.k8s.aws default',
    });
    const [missing] = judgeAutoscaling([], karpenter({ pool, nodeClass: 'missing' }));
    expect(missing?.why).to.equal('there is no EC2NodeClass default');
    expect(said(judgeAutoscaling([], karpenter({ pool, nodeClass: nodeClass() })))).to.deep.equal([
      'problem: NodePool general is not ready',
    ]);
  });

  it('names a pool that is at its limit', () => {
    const pool = nodePool({
      spec: { limits: { cpu: '100', memory: '400Gi' } },
      status: { conditions: [READY], resources: { cpu: '100', memory: '200Gi' } },
    });
    const [found] = judgeAutoscaling([waits()], karpenter({ pool }));
    expect(found).to.include({ what: 'NodePool general is at its limit', why: 'cpu: 100 of 100' });
  });

  it('is content where nothing waits', () => {
    expect(said(judgeAutoscaling([], { kind: 'none' }))).to.deep.equal([
      'fine: no Pod of ours waits for a node',
    ]);
    expect(said(judgeAutoscaling([], karpenter(wellPool)))).to.deep.equal([
      'fine: no Pod of ours waits for a node, and 1 NodePool is ready',
    ]);
  });
});

describe('What adds nodes', () => {
  const found = async (answers: FixedApi['answers']): Promise<Autoscaler> => {
    const api = await fixedApi(answers);
    const folder = await folderOf({ config: api.kubeconfig });
    try {
      const options = { kubeconfig: join(folder.path, 'config') };
      return await withSession(options, recordedIo(), ({ kube }) => autoscalerOf(kube));
    } finally {
      await api.close();
      await folder.remove();
    }
  };
  const group = { preferredVersion: { version: 'v1' } };
  const pools = { '/apis/karpenter.sh/v1/nodepools': { metadata: {}, items: [nodePool()] } };

  it('is nothing, or Cluster Autoscaler where it says what it does', async () => {
    expect(await found({})).to.deep.equal({ kind: 'none' });
    const status = '/api/v1/namespaces/kube-system/configmaps/cluster-autoscaler-status';
    expect(await found({ [status]: { metadata: { name: 's' } } })).to.deep.equal({
      kind: 'cluster-autoscaler',
    });
  });

  it('is Karpenter with its pools and their classes, whoever provides them', async () => {
    const ofAws = {
      '/apis/karpenter.sh': group,
      '/apis/karpenter.k8s.aws': group,
      ...pools,
      '/apis/karpenter.k8s.aws/v1/ec2nodeclasses/default': nodeClass(),
    };
    expect(await found(ofAws)).to.deep.equal(karpenter({ pool: nodePool(), nodeClass: nodeClass() }));
    const without = { '/apis/karpenter.sh': group, ...pools };
    expect(await found(without)).to.deep.equal(karpenter({ pool: nodePool(), nodeClass: 'missing' }));
  });
});
