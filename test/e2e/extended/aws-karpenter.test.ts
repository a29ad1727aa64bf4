/** Trials on nodes that Karpenter makes for them and takes away again. Nodes have no machines; everything else is what it is. */
import { expect } from 'chai';
import { setTimeout as wait } from 'node:timers/promises';
import { inParallel } from '../../../src/async/in-parallel.ts';
import { conditionOf } from '../../../src/crds/conditions.ts';
import { Trial as TrialKind } from '../../../src/crds/kinds.ts';
import { API_VERSION, LABEL } from '../../../src/crds/names.ts';
import type { Trial } from '../../../src/crds/trial.ts';
import {
  GPU_NODES,
  gpuPool,
  nodePool,
  POOL_LABEL,
  TRIAL_NODES,
} from '../../../src/installation/aws/cluster/nodes.ts';
import { ConfigMap, type Node, type Pod } from '../../../src/kube/kinds.ts';
import { kubectl, kubectlOk, makeNamespace } from '../../support/cluster.ts';
import { eventually, eventuallyTrue } from '../../support/eventually.ts';
import type { Running } from '../../support/programs.ts';
import { onPlayedNodes, startKarpenter } from '../support/karpenter.ts';
import { startKwok } from '../support/kwok.ts';
import { SMALL } from '../support/story.ts';
import { taskConfigMap } from '../support/task.ts';
import { world } from '../support/world.ts';

const TRIALS = 200;
const GPUS = 2;
/** Nodes of either pool have it; the cluster’s own have not. */
const ANYWHERE = { 'karpenter.sh/capacity-type': 'on-demand' };
/** Run until somebody deletes them. */
const HELD = ['gpu-held', 'large', 'small'];
/** As Karpenter has it where nobody says otherwise, which moves Pods for a cheaper node. */
const MOVING = 'e2e-moving';
/** Three looks of Karpenter, and the time that it takes to believe what it saw. */
const LOOKS_MS = 45_000;
/** Long enough for all of them to run at once. */
const RUN_MS = 20_000;

function movingPool() {
  const pool = onPlayedNodes(nodePool());
  pool.metadata.name = MOVING;
  const { requirements } = pool.spec.template.spec;
  // It does not replace a spot instance by another.
  for (const one of requirements) if (one.key === 'karpenter.sh/capacity-type') one.values = ['on-demand'];
  const disruption = { consolidationPolicy: 'WhenEmptyOrUnderutilized', consolidateAfter: '0s' };
  return { ...pool, spec: { ...pool.spec, disruption } };
}

const asking = (cpu: string) => ({ ...SMALL, requests: { ...SMALL.requests, cpu } });

describe('Nodes that Karpenter makes', function () {
  this.timeout(600_000);
  let namespace = '';
  let kwok: Running | undefined;
  let karpenter: AsyncDisposable | undefined;
  /** Of each Trial: nodes that its Pods have had. */
  const nodes = new Map<string, Set<string>>();
  let stopWatching: (() => void) | undefined;

  const trialOf = (pod: Pod): string => pod.metadata.labels?.[LABEL.trial] ?? '';
  function note(pod: Pod): void {
    if (pod.metadata.namespace !== namespace || pod.spec?.nodeName === undefined) return;
    nodes.set(trialOf(pod), (nodes.get(trialOf(pod)) ?? new Set()).add(pod.spec.nodeName));
  }

  before(async () => {
    // Not among those that are held to promises about results, of which nodes without machines store none.
    namespace = await makeNamespace('played');
    stopWatching = world().pods.subscribe(({ object }) => note(object));
    await world().kube.create(ConfigMap, taskConfigMap({ namespace, name: 'task' }, { solution: 'true' }));
    kwok = await startKwok({ startMs: 100, runMs: RUN_MS }, HELD);
    karpenter = await startKarpenter([nodePool(), gpuPool(GPUS)].map(onPlayedNodes));
  });
  after(async () => {
    stopWatching?.();
    if (namespace !== '') await kubectlOk(['delete', 'namespace', namespace, '--ignore-not-found']);
    await karpenter?.[Symbol.asyncDispose]();
    await kwok?.stop();
  });

  const create = (
    name: string,
    environment: object,
    nodeSelector: Record<string, string>,
  ): Promise<Trial> => {
    const manifest = {
      apiVersion: API_VERSION,
      kind: 'Trial',
      metadata: { namespace, name },
      spec: {
        run: 'nodes',
        backoffSeconds: 1,
        task: { name: 'e2e/nodes', configMap: { name: 'task' } },
        environment: { image: 'debian:bookworm-slim', resources: SMALL, ...environment },
        scheduling: { nodeSelector },
      },
    };
    return world().kube.create(TrialKind, manifest as unknown as Trial);
  };
  const ended = (name: string): string | undefined => {
    const succeeded = conditionOf(world().trials.get({ namespace, name }) ?? {}, 'Succeeded');
    return succeeded?.status === 'Unknown' ? undefined : succeeded?.reason;
  };
  async function allEnd(names: readonly string[], seconds: number): Promise<void> {
    const areAll = () => names.every((name) => ended(name) !== undefined);
    await eventuallyTrue(`${names.length} Trials end`, areAll, seconds);
    expect(new Set(names.map(ended))).to.deep.equal(new Set(['RewardObtained']));
  }
  const nodesOf = (...names: string[]): Set<string> =>
    new Set(names.flatMap((name) => [...(nodes.get(name) ?? [])]));
  const podOf = (name: string): Pod | undefined =>
    world()
      .pods.list()
      .find((pod) => pod.metadata.namespace === namespace && trialOf(pod) === name);
  const running = (name: string, but?: string): Promise<Pod> =>
    eventually(`${name} runs`, () => {
      const pod = podOf(name);
      return pod?.status?.phase === 'Running' && pod.metadata.uid !== but ? pod : undefined;
    });
  const remove = (name: string): Promise<boolean> => world().kube.delete(TrialKind, { namespace, name });
  const nodesIn = async (pool: string): Promise<Node[]> =>
    (
      JSON.parse(await kubectlOk(['get', 'nodes', '-l', `${POOL_LABEL}=${pool}`, '-o', 'json'])) as {
        items: Node[];
      }
    ).items;
  const areGone = (pool: string, seconds: number): Promise<void> =>
    eventuallyTrue(`nodes of ${pool} go`, async () => (await nodesIn(pool)).length === 0, seconds);

  it('have GPUs for Trials that ask for some, so many as the pool may have: one more waits', async () => {
    const names = ['gpu-held', 'gpu-1', 'gpu-2'];
    const environment = { gpus: 1, gpuTypes: ['T4'] };
    await inParallel(names, (name) => create(name, environment, ANYWHERE), { width: 3 });
    await running('gpu-held');
    await allEnd(['gpu-1', 'gpu-2'], 120);
    const made = await nodesIn(GPU_NODES);
    expect(nodesOf(...names)).to.deep.equal(new Set(made.map(({ metadata }) => metadata.name)));
    expect(made).to.have.lengthOf(GPUS);
    for (const { metadata, spec } of made) {
      expect(metadata.labels).to.include({ 'eks.amazonaws.com/instance-gpu-name': 't4' });
      expect(spec?.taints?.map(({ key }) => key)).to.include('nvidia.com/gpu');
    }
  });

  it(`come for ${TRIALS} Trials, of which none goes where GPUs are, and go when they have ended`, async () => {
    const names = Array.from({ length: TRIALS }, (_, index) => `t-${index}`);
    await inParallel(names, (name) => create(name, { resources: asking('1') }, ANYWHERE), { width: 20 });
    await allEnd(names, 300);
    const used = nodesOf(...names);
    expect(used.size).to.be.within(TRIALS / 20, TRIALS / 4);
    const [busy = ''] = nodesOf('gpu-held');
    expect([...used]).to.not.include(busy);
    await areGone(TRIAL_NODES, 300);
    expect((await nodesIn(GPU_NODES)).map(({ metadata }) => metadata.name)).to.include(busy);
    await remove('gpu-held');
  });

  it('are not taken from under a Trial that runs, though a cheaper one would do', async () => {
    await kubectlOk(['apply', '-f', '-'], movingPool());
    const there = { [POOL_LABEL]: MOVING };
    await create('large', { resources: asking('12') }, there);
    const node = (await running('large')).spec?.nodeName;
    await create('small', {}, there);
    const { uid } = (await running('small')).metadata;
    await remove('large');
    await eventuallyTrue('the large one has gone', () => podOf('large') === undefined);
    await wait(LOOKS_MS);
    const pod = podOf('small');
    expect(pod?.metadata).to.include({ uid }).and.not.have.property('deletionTimestamp');
    expect([...nodesOf('small')]).to.deep.equal([node]);
  });

  it('would be without the annotation of its Pod, and the Trial begins anew on another', async () => {
    const pod = podOf('small');
    const { uid = '', name = '' } = pod?.metadata ?? {};
    await kubectlOk(['annotate', 'pod', '-n', namespace, name, 'karpenter.sh/do-not-disrupt-']);
    await eventuallyTrue('Karpenter evicts it', () => podOf('small')?.metadata.uid !== uid, 180);
    const next = await running('small', uid);
    expect(next.spec?.nodeName).to.not.equal(pod?.spec?.nodeName);
    const attempts = () => world().trials.get({ namespace, name: 'small' })?.status?.attempts?.length;
    await eventuallyTrue('it is the second attempt', () => attempts() === 2);
  });

  it('that are to go wait for the Trial', async () => {
    const { metadata, spec } = await running('small');
    const node = spec?.nodeName ?? '';
    const [claim = ''] = (
      await kubectlOk([
        'get',
        'nodeclaims',
        '-o',
        `jsonpath={.items[?(@.status.nodeName=="${node}")].metadata.name}`,
      ])
    ).split(' ');
    await kubectlOk(['delete', 'nodeclaim', claim, '--wait=false']);
    const taints = async () => (await kubectl(['get', 'node', node, '-o', 'jsonpath={.spec.taints}'])).stdout;
    await eventuallyTrue('it is drained', async () => (await taints()).includes('karpenter.sh/disrupted'));
    await wait(LOOKS_MS / 3);
    expect(podOf('small')?.metadata)
      .to.include({ uid: metadata.uid })
      .and.not.have.property('deletionTimestamp');
    await remove('small');
    await areGone(MOVING, 120);
  });
});
