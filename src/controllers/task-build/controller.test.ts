import { expect } from 'chai';
import { after, aTaskBuild, stampOf, T0 } from '../../../test/support/builders.ts';
import { conditionOf } from '../../crds/conditions.ts';
import { TaskBuild as TaskBuildKind } from '../../crds/kinds.ts';
import type { TaskBuild, TaskBuildSpec, TaskBuildStatus } from '../../crds/task-build.ts';
import { ObjectCache } from '../../kube/cache/cache.ts';
import { systemClock } from '../../kube/clock.ts';
import type { KubeClient } from '../../kube/types.ts';
import { memoryArtifactStore } from '../../providers/artifact-store/memory.ts';
import { ProviderError } from '../../providers/errors.ts';
import { memoryImageBuilder } from '../../providers/image-builder/memory.ts';
import { memoryImageRegistry } from '../../providers/image-registry/memory.ts';
import { BuildStates } from './build-states.ts';
import { taskBuildController } from './controller.ts';
import { bySlot } from './line.ts';
import { Slots } from './slots.ts';

/** A controller whose writes the cache shows at once. */
class Room {
  readonly faults = new Map<string, ProviderError>();
  readonly builder = memoryImageBuilder({ fault: (operation) => this.faults.get(operation) });
  readonly artifacts = memoryArtifactStore({ bucket: 'artifacts' });
  readonly registry = memoryImageRegistry();
  readonly taskBuilds = new ObjectCache<TaskBuild>(TaskBuildKind);
  readonly slots: Slots;
  readonly #reconcile;
  #version = 0;

  constructor(limit = 1) {
    const { taskBuilds, builder, artifacts, registry } = this;
    taskBuilds.addIndex('slot', bySlot);
    this.slots = new Slots(taskBuilds, limit);
    this.#reconcile = taskBuildController({
      kube: {
        replaceStatus: async (_kind: unknown, object: TaskBuild) => this.show(object),
      } as unknown as KubeClient,
      taskBuilds,
      builder,
      artifacts,
      registry,
      slots: this.slots,
      states: new BuildStates({
        builder,
        taskBuilds,
        clock: { ...systemClock, monotonic: () => ++this.#version * 1000 },
      }),
      backend: builder.backend,
      limits: { timeoutSeconds: 7200, queueTimeoutSeconds: 7200 },
      repository: 'registry:5000/sandboxes',
      events: { normal: () => {}, warning: () => {} },
      now: () => after(5),
    });
  }

  show(build: TaskBuild): void {
    this.taskBuilds.put({
      ...build,
      metadata: { ...build.metadata, resourceVersion: String(++this.#version) },
    });
  }

  add(name: string, spec: Partial<TaskBuildSpec> = {}, status?: TaskBuildStatus): void {
    const build = aTaskBuild({ name, spec: { tag: name, ...spec }, ...(status && { status }) });
    this.show({ ...build, metadata: { ...build.metadata, uid: name } });
  }

  async pass(name: string) {
    await this.artifacts.put('tasks/local/hello/0123/context.zip', 'zip');
    const again = await this.#reconcile({ namespace: 'default', name }, new AbortController().signal);
    const build = this.taskBuilds.get({ namespace: 'default', name });
    return { again, status: build?.status, said: build && conditionOf(build, 'Succeeded') };
  }
}

const STARTED: TaskBuildStatus = {
  attempts: [{ number: 1, token: 't', buildId: 'default/t', startTime: stampOf(T0) }],
};

describe('the TaskBuild controller', () => {
  it('records token, time and version of the context, and starts what it recorded', async () => {
    const room = new Room();
    room.add('a');
    const opened = await room.pass('a');
    expect(opened.status?.attempts?.[0]).to.include({
      number: 1,
      openedTime: stampOf(after(5)),
      contextVersion: 'v1',
    });
    expect(room.builder.started).to.deep.equal([]);
    const started = await room.pass('a');
    expect(room.builder.started.map(({ token }) => token)).to.deep.equal([
      opened.status?.attempts?.[0]?.token,
    ]);
    expect(started.said).to.include({ reason: 'Queued' });
  });

  it('has a build wait for its turn without looking again by itself', async () => {
    const room = new Room();
    room.add('a', {}, STARTED);
    room.add('b');
    const { again, said } = await room.pass('b');
    expect(said).to.include({ status: 'Unknown', reason: 'WaitingForSlot' });
    expect(again).to.equal(undefined);
  });

  it('gives the slot back of a build that needs none any more', async () => {
    const room = new Room();
    room.add('a');
    room.slots.enter(room.taskBuilds.list()[0] ?? aTaskBuild());
    room.registry.add('registry:5000/sandboxes:a');
    expect((await room.pass('a')).said).to.include({ reason: 'ImageExists' });
    room.add('b');
    expect((await room.pass('b')).status?.attempts).to.have.length(1);
  });

  it('tells that the builder is full, and asks again after a while', async () => {
    const room = new Room();
    room.add('a');
    await room.pass('a');
    room.faults.set('start', new ProviderError('QuotaExceeded', 'full'));
    const { again, said } = await room.pass('a');
    expect(said).to.include({ status: 'Unknown', reason: 'QuotaExceeded', message: 'full' });
    expect(again?.requeueAfterMs).to.be.within(1000, 2000);
  });

  it('ends a cancelled build although it may not be stopped, and says that it runs on', async () => {
    const room = new Room();
    room.add('a', { cancelled: true }, STARTED);
    room.faults.set('stop', new ProviderError('AccessDenied', 'no codebuild:StopBuild'));
    expect((await room.pass('a')).said).to.include({
      reason: 'Cancelled',
      message: 'spec.cancelled is true; it runs on: no codebuild:StopBuild',
    });
  });

  it('tries again to stop a build where the builder does not answer', async () => {
    const room = new Room();
    room.add('a', { cancelled: true }, STARTED);
    room.faults.set('stop', new ProviderError('Unavailable', 'down'));
    const failed = await room.pass('a').then(
      () => undefined,
      (error: Error) => error.message,
    );
    expect(failed).to.equal('down');
  });
});
