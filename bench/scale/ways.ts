/** The ways that are compared: bare Jobs, the Go controller's, ours. */
import { Job as JobKind, type Job } from '../../src/kube/kinds.ts';
import { OPERATOR } from '../../src/installation/names.ts';
import { kubectlOk } from '../../test/support/cluster.ts';
import { eventually, eventuallyTrue } from '../../test/support/eventually.ts';
import { metricsOf } from '../../test/support/operator-metrics.ts';
import type { World } from '../../test/e2e/support/world.ts';
import { leader, parseMetrics, replicas } from '../support/metrics.ts';
import { allEnd, createTrial, IMAGE, makeTask } from '../support/trials.ts';
import type { Way } from './load.ts';
import { PLACING } from './nodes.ts';
import { PeerTrial, type Peer } from './peer.ts';

const inSystem = ['-n', OPERATOR.namespace];

/** Trials, and the operator as it is deployed. */
export const ours = (world: World): Way => ({
  create: (name) => createTrial(world, name, { scheduling: PLACING }),
  trials: world.trials,
  metrics: async () => {
    const [first, pods] = await Promise.all([leader(), replicas()]);
    const pages = pods.map(async (pod) => {
      const is = pod === first ? 'leader' : 'standby';
      return [is, parseMetrics(await metricsOf(pod))] as const;
    });
    return Object.fromEntries(await Promise.all(pages));
  },
});

/** What the operator makes of a Trial. */
export async function renderedJob(world: World): Promise<Job> {
  await makeTask(world);
  await createTrial(world, 'warm', { scheduling: PLACING });
  await allEnd(world, ['warm']);
  const { namespace } = world;
  return eventually('the Job of the first Trial', () => world.jobs.get({ namespace, name: 'warm-1' }));
}

/** Nobody but us creates Jobs, and nobody waits for them. */
export const bare = ({ kube, namespace }: World, spec: NonNullable<Job['spec']>): Way => ({
  create: (name) =>
    kube.create(JobKind, {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { namespace, name: `${name}-1` },
      spec,
    }),
  metrics: () => Promise.resolve({}),
});

/** As much spec as a Trial has, defaults aside. */
export const peers = ({ kube, namespace }: World, { peers: trials, metrics }: Peer): Way => ({
  create: (name) =>
    kube.create(PeerTrial, {
      apiVersion: `${PeerTrial.group}/${PeerTrial.version}`,
      kind: PeerTrial.kind,
      metadata: { namespace, name },
      spec: {
        run: 'bench',
        task: { name: 'bench/task', configMap: { name: 'bench-task' } },
        environment: { image: IMAGE, resources: { cpu: '20m', memory: '32Mi', 'ephemeral-storage': '64Mi' } },
        agent: { name: 'oracle' },
        verifier: {},
        scheduling: PLACING,
      },
    }),
  trials,
  metrics: async () => ({ peer: await metrics() }),
});

/** Runs `work` while no replica of the operator runs: what is measured there is paid for by nobody's watches but its own. */
export async function withoutOperator<T>(work: () => Promise<T>): Promise<T> {
  const statefulSet = `statefulset/${OPERATOR.name}`;
  const count = await kubectlOk([...inSystem, 'get', statefulSet, '-o', 'jsonpath={.spec.replicas}']);
  const scale = (to: string) => kubectlOk([...inSystem, 'scale', statefulSet, `--replicas=${to}`]);
  await scale('0');
  try {
    await eventuallyTrue('the operator has ended', async () => (await replicas()).length === 0, 90);
    return await work();
  } finally {
    await scale(count);
    await kubectlOk([...inSystem, 'rollout', 'status', statefulSet, '--timeout=120s']);
  }
}
