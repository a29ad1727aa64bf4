import { expect } from 'chai';
import { conditionOf } from '../../src/crds/conditions.ts';
import { Job as JobKind, Namespace, Pod as PodKind } from '../../src/kube/kinds.ts';
import type { SeenRequest } from '../support/api-server.ts';
import { aMetadata, anOutcome, aTaskBuild, aTrial, endedPod } from '../support/builders/objects.ts';
import { World } from './world.ts';

describe('an operator among people who write what they may', () => {
  let world: World;

  afterEach(() => world.close());

  const endOf = (name: string) => {
    const trial = world.trial(name);
    return trial && conditionOf(trial, 'Succeeded');
  };

  it('takes no reward out of a Pod that somebody wrote in the name of the Job, be it the first', async () => {
    world = await World.start({ fate: () => ({ kind: 'failed', reason: 'RewardMissing' }) });
    const { server } = world;
    server.collection(JobKind).watchers.add(({ type, object: { metadata } }) => {
      if (type !== 'ADDED' || metadata.name !== 'forged-1') return;
      const { namespace = '', name, uid = '', labels } = metadata;
      queueMicrotask(() =>
        server.collection(PodKind).create({
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: {
            namespace,
            name: 'mallory',
            labels: { ...labels, 'batch.kubernetes.io/controller-uid': uid },
            ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name, uid, controller: true }],
          },
          spec: { containers: [{ name: 'task' }], initContainers: [{ name: 'courier', image: 'evil' }] },
          status: endedPod(JSON.stringify(anOutcome())),
        }),
      );
    });
    await world.startOperator();
    world.apply('forged');
    await world.rest();
    expect(endOf('forged')).to.include({ status: 'False', reason: 'RewardMissing' });
    expect(world.trial('forged')?.status).to.not.have.property('reward');
  });

  it('reads no task that the namespace may not read, even where it sees Namespace and Trial at the same moment', async () => {
    world = await World.start();
    await world.artifacts.put('tasks/team-a/x/metadata.json', JSON.stringify(aMetadata()));
    await world.artifacts.put('tasks/team-b/x/metadata.json', JSON.stringify(aMetadata()));
    const task = (prefix: string) => ({
      task: { name: 'x', dataset: 'local', s3: { uri: world.artifacts.uri(`${prefix}/x/`) } },
    });
    await world.startOperator();
    world.add(Namespace, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'default', annotations: { 'sb.abundant.ai/task-prefixes': 'tasks/team-a' } },
    });
    world.apply('thief', task('tasks/team-b'));
    world.apply('owner', task('tasks/team-a'));
    await world.rest();
    expect(endOf('thief')).to.include({
      status: 'False',
      reason: 'TaskNotFound',
      message:
        'spec.task.s3.uri: namespace default may not read tasks/team-b/x: the Namespace’s annotation sb.abundant.ai/task-prefixes allows tasks/team-a/',
    });
    expect(endOf('owner')).to.include({ status: 'True' });
  });

  it('ends a Trial whose TaskBuild the API server refuses', async () => {
    world = await World.start();
    const { server } = world;
    const makesBuild = ({ method, path }: SeenRequest): boolean =>
      method === 'POST' && path.endsWith('/taskbuilds');
    await world.startOperator();
    const { image: _, ...environment } = aTrial().spec.environment;
    const { force: _force, cancelled: _cancelled, ...build } = aTaskBuild().spec;
    // Always: an operator that lost its lease for a moment asks again.
    const fault = { kind: 'status', status: 422, reason: 'Invalid' } as const;
    server.faults.add({ on: makesBuild, fault, times: Number.POSITIVE_INFINITY });
    world.apply('refused', { environment: { ...environment, build } });
    await world.rest();
    expect(endOf('refused')).to.include({ status: 'False', reason: 'BuildFailed' });
    expect(endOf('refused')?.message).to.match(/^TaskBuild build-\w+: BuildRejected: /);
  });
});
