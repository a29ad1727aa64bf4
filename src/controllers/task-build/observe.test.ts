import { expect } from 'chai';
import {
  after,
  anOrigin,
  aTaskBuild,
  NO_RULES,
  someRules,
  stampOf,
  T0,
} from '../../../test/support/builders/objects.ts';
import { TaskBuild as TaskBuildKind } from '../../crds/kinds.ts';
import { namespaceRules } from '../../crds/namespace-rules.ts';
import type { TaskBuild, TaskBuildSpec, TaskBuildStatus } from '../../crds/task-build.ts';
import { ObjectCache } from '../../kube/cache/cache.ts';
import { systemClock } from '../../async/clock.ts';
import type { KubeClient } from '../../kube/types.ts';
import { memoryArtifactStore } from '../../providers/artifact-store/memory.ts';
import { ProviderError } from '../../providers/errors.ts';
import { memoryImageBuilder } from '../../providers/image-builder/memory.ts';
import { memoryImageRegistry } from '../../providers/image-registry/memory.ts';
import { BuildStates } from './build-states.ts';
import { originOf } from './image.ts';
import { bySlot } from './queue.ts';
import { observe } from './observe.ts';
import { nextAction } from './decide.ts';
import { Slots } from './slots.ts';

const KEY = 'tasks/local/hello/0123/context.zip';
const IMAGE = 'registry:5000/sandboxes:hello-1-0123456789ab';
const KUBE = { get: async () => undefined } as unknown as KubeClient;

class Room {
  readonly calls: string[] = [];
  fault: ProviderError | undefined;
  rules = NO_RULES;
  recordFault: ProviderError | undefined;
  readonly registry = memoryImageRegistry({ fault: (operation) => this.#called(`registry ${operation}`) });
  readonly artifacts = memoryArtifactStore({
    bucket: 'artifacts',
    fault: (operation) => this.#called(`store ${operation}`),
  });
  readonly builder = memoryImageBuilder({ fault: (operation) => this.#called(`builder ${operation}`) });
  readonly taskBuilds = new ObjectCache<TaskBuild>(TaskBuildKind);

  #called(call: string): ProviderError | undefined {
    this.calls.push(call);
    if (call === 'store get') return this.recordFault;
    return call.startsWith('store head') ? this.fault : undefined;
  }

  async storeContext(): Promise<void> {
    await this.artifacts.put(KEY, 'zip');
    this.calls.length = 0;
  }

  /** Has the registry hold an image of what the spec asks for, and the bucket the record of it. */
  async build(spec: Partial<TaskBuildSpec> = {}): Promise<string> {
    const { digest } = this.registry.add(IMAGE);
    const { contentHash } = originOf(aTaskBuild({ spec }), 'ab'.repeat(32), someRules());
    const record = {
      contentHash,
      image: IMAGE,
      digest,
      builtTime: 'x',
      taskBuild: { namespace: 'n', name: 'x' },
    };
    await this.artifacts.put(`builds/${contentHash}.json`, JSON.stringify(record));
    this.calls.length = 0;
    return digest;
  }

  async see(spec: Partial<TaskBuildSpec> = {}, status?: TaskBuildStatus, limit = 1) {
    const build = aTaskBuild({ spec: { tag: 'hello-1', ...spec }, ...(status && { status }) });
    this.taskBuilds.addIndex('slot', bySlot);
    this.taskBuilds.put(build);
    const { taskBuilds, builder, registry, artifacts } = this;
    const sources = {
      kube: KUBE,
      taskBuilds,
      registry,
      artifacts,
      slots: new Slots(taskBuilds, limit),
      states: new BuildStates({ builder, taskBuilds, clock: { ...systemClock, monotonic: () => 0 } }),
      builder,
      limits: { timeoutSeconds: 7200, queueTimeoutSeconds: 7200 },
      rules: someRules(),
      rulesOf: async () => this.rules,
      now: () => after(5),
    };
    return observe(sources, { namespace: 'default', name: build.metadata.name });
  }

  async inputs(spec: Partial<TaskBuildSpec> = {}) {
    const seen = await this.see(spec);
    return seen?.need === 'inputs' ? seen.inputs : undefined;
  }
}

const condition = (reason: string): TaskBuildStatus => ({
  conditions: [
    { type: 'Succeeded', status: 'Unknown', reason, message: '', lastTransitionTime: stampOf(T0) },
  ],
});

describe('observing a TaskBuild', () => {
  it('asks for the record, and once for its image, where that exists', async () => {
    const room = new Room();
    const digest = await room.build();
    expect(await room.inputs()).to.deep.include({
      kind: 'existing',
      image: IMAGE,
      existing: { kind: 'present', digest },
    });
    expect(room.calls).to.deep.equal(['store get', 'registry resolve']);
  });

  it('builds nothing while it cannot know what is on record', async () => {
    const room = new Room();
    await room.storeContext();
    room.recordFault = new ProviderError('AccessDenied', 'no s3:GetObject');
    expect(await room.inputs())
      .to.deep.include({ existing: { kind: 'recordUnread', message: 'no s3:GetObject' } })
      .and.not.have.property('context');
  });

  it('asks no registry about a repository that the operator does not push to', async () => {
    const room = new Room();
    expect(await room.see({ repository: 'registry.evil.example/x' })).to.have.nested.property(
      'action.failure.reason',
      'RepositoryNotAllowed',
    );
    expect(room.calls).to.deep.equal([]);
  });

  it('looks for the context where there is no image, and notes its version', async () => {
    const room = new Room();
    await room.storeContext();
    expect(await room.inputs()).to.deep.include({
      kind: 'absent',
      context: { kind: 'present', version: 'v1' },
    });
    expect(room.calls).to.deep.equal(['store get', 'registry resolve', 'store head']);
  });

  it('pushed three times to the tag of an archived image, which nobody sees and nobody can overwrite', async () => {
    const room = new Room();
    await room.storeContext();
    const attempts = [{ number: 1, token: 't', completionTime: stampOf(T0), reason: 'TagImmutable' }];
    const seen = await room.see({}, { attempts });
    const inputs = seen?.need === 'inputs' ? seen.inputs : undefined;
    const image = inputs && 'image' in inputs ? inputs.image : '';
    expect(image).to.match(/:hello-1-[0-9a-f]{12}-[0-9a-f]{20}$/);
    const other = new Room();
    await other.storeContext();
    const first = await other.inputs();
    expect(first && 'image' in first && first.image).to.match(/:hello-1-[0-9a-f]{12}$/);
  });

  it('looks for the context of a forced build, whatever exists', async () => {
    const room = new Room();
    await room.build();
    expect(await room.inputs({ force: true })).to.deep.include({
      context: { kind: 'missing', message: `there is no object s3://artifacts/${KEY}` },
    });
  });

  it('tells a store that does not answer from one that refuses', async () => {
    const room = new Room();
    room.fault = new ProviderError('Unavailable', 'refused');
    expect(await room.inputs()).to.deep.include({ context: { kind: 'unavailable', message: 'refused' } });
    room.fault = new ProviderError('AccessDenied', 'no s3:GetObject');
    expect(await room.inputs()).to.deep.include({ context: { kind: 'missing', message: 'no s3:GetObject' } });
  });

  it('looks at nothing while a build waits in the queue', async () => {
    const room = new Room();
    expect(await room.see({}, condition('WaitingForSlot'), 0)).to.deep.include({
      position: { queuedAhead: 0, limit: 0, share: 0 },
    });
    expect(room.calls).to.deep.equal([]);
  });

  it('asks for nothing but the builder’s word during an attempt', async () => {
    const room = new Room();
    const attempts = [{ number: 1, token: 't', buildId: 'default/t' }];
    const seen = await room.see({}, { image: IMAGE, ...anOrigin(), attempts });
    expect(seen)
      .to.have.property('progress')
      .that.deep.includes({ state: { kind: 'unknown' } });
    expect(room.calls).to.deep.equal(['builder states']);
  });

  it('asks nobody about a build that is cancelled', async () => {
    const room = new Room();
    await room.see({ cancelled: true });
    expect(room.calls).to.deep.equal([]);
  });

  it('finds no context that the namespace may not read, even where its image exists', async () => {
    const room = new Room();
    await room.storeContext();
    room.registry.add(IMAGE);
    room.rules = namespaceRules(
      { 'sb.abundant.ai/task-prefixes': 'tasks/team-a/' },
      { requirePrefixes: false },
    );
    const seen = await room.see();
    expect(seen)
      .to.have.property('inputs')
      .that.deep.equals({
        kind: 'unnamed',
        message: `spec.context.s3.uri: namespace default may not read ${KEY}: the Namespace’s annotation sb.abundant.ai/task-prefixes allows tasks/team-a/`,
      });
    expect(seen && nextAction(seen)).to.deep.include({ kind: 'fail' });
    expect(seen && nextAction(seen)).to.have.nested.property('failure.reason', 'ContextNotFound');
    expect(room.calls).to.deep.equal([]);
  });

  it('names the ConfigMap that is missing', async () => {
    const room = new Room();
    expect(await room.inputs({ context: { configMap: { name: 'files' } } })).to.deep.equal({
      kind: 'unnamed',
      message: 'spec.context.configMap.name: there is no ConfigMap default/files',
    });
  });
});
