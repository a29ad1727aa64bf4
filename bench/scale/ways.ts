/** The ways that are compared: bare Jobs, the Go controller's, ours. */
import { Job as JobKind, type StatefulSet, type Job } from '../../src/kube/kinds.ts';
import { GROUP } from '../../src/crds/names.ts';
import { OPERATOR } from '../../src/installation/names.ts';
import type { KubeObject } from '../../src/kube/types.ts';
import { kubectlOk } from '../../test/support/cluster.ts';
import { eventually, eventuallyTrue } from '../../test/support/eventually.ts';
import type { World } from '../../test/e2e/support/world.ts';
import { replicaMetrics, replicas } from '../support/metrics.ts';
import { allEnd, createTrial, IMAGE, makeTask } from '../support/trials.ts';
import type { Way } from './load.ts';
import { PLACING } from './nodes.ts';
import { PEER } from './peer-objects.ts';
import { PeerTrial, type Peer } from './peer.ts';

const inSystem = ['-n', OPERATOR.namespace];

/** Trials, and the operator as it is deployed. */
export const ours = (world: World): Way => ({
  create: (name) => createTrial(world, name, { scheduling: PLACING }),
  trials: world.trials,
  metrics: () => replicaMetrics(OPERATOR),
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
export const peers = ({ kube, namespace }: World, { peers: trials }: Peer): Way => ({
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
  metrics: () => replicaMetrics(PEER),
});

/** What one way has left is not removed, minutes after its end, in another's time. */
export async function removeJobs({ namespace, jobs, pods }: World): Promise<void> {
  await kubectlOk(['delete', 'jobs', '--all', '-n', namespace, '--wait=false']);
  const hasNone = (): boolean =>
    [jobs, pods].every((store) => store.list().every(({ metadata }) => metadata.namespace !== namespace));
  await eventuallyTrue('Jobs and Pods are gone', hasNone, 1800);
}

const BINDINGS = 'validatingadmissionpolicybindings';

/** Runs `work` while none of our admission policies is in force: the API server asks them of everybody's Jobs and Pods. */
export async function withoutPolicies<T>(work: () => Promise<T>): Promise<T> {
  const kept = (await kubectlOk(['get', BINDINGS, '-o', 'name']))
    .split('\n')
    .filter((name) => name.endsWith(GROUP));
  const bindings = JSON.parse(await kubectlOk(['get', ...kept, '-o', 'json'])) as { items: KubeObject[] };
  await kubectlOk(['delete', ...kept]);
  try {
    return await work();
  } finally {
    for (const { metadata } of bindings.items) delete metadata.resourceVersion;
    await kubectlOk(['apply', '-f', '-'], bindings);
  }
}

/** Runs `work` while no replica of the operator runs: what is measured there is paid for by nobody's watches but its own. `operator`: as it was before. */
export async function withoutOperator<T>(work: (operator: StatefulSet) => Promise<T>): Promise<T> {
  const statefulSet = `statefulset/${OPERATOR.name}`;
  const before = await kubectlOk([...inSystem, 'get', statefulSet, '-o', 'json']);
  const operator = JSON.parse(before) as StatefulSet;
  const scale = (to: number) => kubectlOk([...inSystem, 'scale', statefulSet, `--replicas=${to}`]);
  await scale(0);
  try {
    await eventuallyTrue('the operator has ended', async () => (await replicas()).length === 0, 90);
    return await work(operator);
  } finally {
    await scale(operator.spec?.replicas ?? 1);
    await kubectlOk([...inSystem, 'rollout', 'status', statefulSet, '--timeout=120s']);
  }
}
