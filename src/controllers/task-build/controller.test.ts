import { expect } from 'chai';
import {
  after,
  anOrigin,
  aTaskBuild,
  someRules,
  stampOf,
  T0,
  NO_RULES,
} from '../../../test/support/builders/objects.ts';
import { conditionOf } from '../../crds/conditions.ts';
import { configMapHash } from '../../crds/content.ts';
import { TaskBuild as TaskBuildKind } from '../../crds/kinds.ts';
import type { TaskBuild, TaskBuildSpec, TaskBuildStatus } from '../../crds/task-build.ts';
import { ObjectCache } from '../../kube/cache/cache.ts';
import { systemClock } from '../../async/clock.ts';
import type { KubeClient } from '../../kube/types.ts';
import { memoryArtifactStore } from '../../providers/artifact-store/memory.ts';
import { ProviderError } from '../../providers/errors.ts';
import { memoryImageBuilder } from '../../providers/image-builder/memory.ts';
import { memoryImageRegistry } from '../../providers/image-registry/memory.ts';
import { BuildStates } from './build-states.ts';
import { taskBuildController } from './controller.ts';
import type { ImageRules } from './image.ts';
import { bySlot } from './queue.ts';
import { readRecord } from './record.ts';
import type { BuildRecord } from './record.ts';
import { Slots } from './slots.ts';

/** A controller whose writes the cache shows at once. */
class Room {
  readonly faults = new Map<string, ProviderError>();
  readonly registry = memoryImageRegistry();
  readonly builder = memoryImageBuilder({
    fault: (operation) => this.faults.get(operation),
    onPush: (image, digest) => void this.registry.add(image, { digest }),
  });
  readonly artifacts = memoryArtifactStore({
    bucket: 'artifacts',
    fault: (operation, key) => (key.startsWith('builds/') ? this.faults.get(operation) : undefined),
  });
  /** ConfigMaps by name. */
  readonly files = new Map<string, Record<string, string>>();
  readonly taskBuilds = new ObjectCache<TaskBuild>(TaskBuildKind);
  readonly slots: Slots;
  readonly #reconcile;
  readonly #over: Partial<ImageRules>;
  #version = 0;

  constructor(limit = 1, over: Partial<ImageRules> = {}) {
    this.#over = over;
    const { taskBuilds, builder, artifacts, registry } = this;
    taskBuilds.addIndex('slot', bySlot);
    this.slots = new Slots(taskBuilds, limit);
    this.#reconcile = taskBuildController({
      kube: {
        replaceStatus: async (_kind: unknown, object: TaskBuild) => this.show(object),
        get: async (_kind: unknown, { name }: { name: string }) =>
          this.files.has(name) ? { metadata: { name }, data: this.files.get(name) } : undefined,
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
      limits: { timeoutSeconds: 7200, queueTimeoutSeconds: 7200 },
      rules: someRules(this.#over),
      events: { normal: () => {}, warning: () => {} },
      rulesOf: async () => NO_RULES,
      now: () => after(5),
    });
  }

  show(build: TaskBuild): void {
    this.taskBuilds.put({
      ...build,
      metadata: { ...build.metadata, resourceVersion: String(++this.#version) },
    });
  }

  add(
    name: string,
    spec: Partial<TaskBuildSpec> = {},
    more: { status?: TaskBuildStatus; namespace?: string } = {},
  ): void {
    const { status, namespace = 'default' } = more;
    const build = aTaskBuild({ name, spec: { tag: name, ...spec }, ...(status && { status }) });
    this.show({ ...build, metadata: { ...build.metadata, namespace, uid: `${namespace}-${name}` } });
  }

  async pass(name: string, namespace = 'default') {
    await this.artifacts.put('tasks/local/hello/0123/context.zip', 'zip');
    const again = await this.#reconcile({ namespace, name }, new AbortController().signal);
    const build = this.taskBuilds.get({ namespace, name });
    return { again, status: build?.status, said: build && conditionOf(build, 'Succeeded') };
  }

  /** Passes until the TaskBuild has ended. */
  async end(name: string, namespace = 'default') {
    for (let passes = 0; passes < 9; passes++) {
      const seen = await this.pass(name, namespace);
      if (seen.said?.status !== 'Unknown') return seen;
    }
    return expect.fail(`${name} never ends`);
  }

  async record(hash = ''): Promise<BuildRecord | undefined> {
    return readRecord(this.artifacts, hash);
  }
}

const STARTED: TaskBuildStatus = {
  image: 'registry:5000/sandboxes:a-0123456789ab',
  ...anOrigin(),
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
    room.add('a', {}, { status: STARTED });
    room.add('b');
    const { again, said } = await room.pass('b');
    expect(said).to.include({ status: 'Unknown', reason: 'WaitingForSlot' });
    expect(again).to.equal(undefined);
  });

  it('gives the slot back of a build that needs none any more', async () => {
    const room = new Room();
    room.add('a');
    room.slots.enter(room.taskBuilds.list()[0] ?? aTaskBuild());
    room.add('a', { repository: 'elsewhere/x' });
    expect((await room.pass('a')).said).to.include({ reason: 'RepositoryNotAllowed' });
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
    room.add('a', { cancelled: true }, { status: STARTED });
    room.faults.set('stop', new ProviderError('AccessDenied', 'no codebuild:StopBuild'));
    expect((await room.pass('a')).said).to.include({
      reason: 'Cancelled',
      message: 'spec.cancelled is true; it runs on: no codebuild:StopBuild',
    });
  });

  it('is Reconciling for tools that know no TaskBuilds until its end, and then Complete, or Failed and Stalled', async () => {
    const room = new Room();
    const types = ({ conditions = [] }: TaskBuildStatus = {}): string[] => conditions.map(({ type }) => type);
    room.add('a');
    expect(types((await room.pass('a')).status)).to.deep.equal(['Succeeded', 'Reconciling']);
    expect(types((await room.end('a')).status)).to.deep.equal(['Succeeded', 'Complete']);
    room.add('b', { cancelled: true });
    expect(types((await room.end('b')).status)).to.deep.equal(['Succeeded', 'Failed', 'Stalled']);
  });

  it('tells of a build that has ended that it was looked at again when somebody cancels it too late', async () => {
    const room = new Room();
    room.add('a');
    const { status = {} } = await room.end('a');
    const late = aTaskBuild({ name: 'a', spec: { tag: 'a', cancelled: true }, status });
    room.show({ ...late, metadata: { ...late.metadata, generation: 2 } });
    const seen = await room.pass('a');
    expect(seen.said).to.include({ status: 'True', reason: 'Built', observedGeneration: 2 });
    const { observedGeneration, conditions: _, ...rest } = seen.status ?? {};
    const { observedGeneration: _o, conditions: _c, ...before } = status;
    expect({ observedGeneration, ...rest }).to.deep.equal({ observedGeneration: 2, ...before });
    expect((await room.pass('a')).status).to.equal(seen.status);
  });

  it('tries again to stop a build where the builder does not answer', async () => {
    const room = new Room();
    room.add('a', { cancelled: true }, { status: STARTED });
    room.faults.set('stop', new ProviderError('Unavailable', 'down'));
    const failed = await room.pass('a').then(
      () => undefined,
      (error: Error) => error.message,
    );
    expect(failed).to.equal('down');
  });
});

const REPOSITORY = 'registry:5000/sandboxes';
const SQUATTED = `sha256:${'e'.repeat(64)}`;

describe('what counts as an image that is there', () => {
  it('is built once, recorded before the status says so, and taken by all who ask for the same', async () => {
    const room = new Room();
    room.add('a', { tag: 'hello' });
    const { said, status } = await room.end('a');
    expect(said).to.include({ reason: 'Built' });
    expect(status?.image).to.equal(`${REPOSITORY}:hello-${status?.contentHash?.slice(0, 12)}`);
    expect(await room.record(status?.contentHash)).to.deep.include({
      image: status?.image,
      digest: status?.digest,
      taskBuild: { namespace: 'default', name: 'a' },
    });
    room.add('b', { tag: 'another-name' }, { namespace: 'next-door' });
    const again = await room.end('b', 'next-door');
    expect(again.said).to.include({ reason: 'ImageExists' });
    expect(again.status).to.include({ image: status?.image, digest: status?.digest, cacheHit: true });
  });

  it('says that it was built no sooner than that is on record', async () => {
    const room = new Room();
    room.add('a');
    room.faults.set('put', new ProviderError('AccessDenied', 'no s3:PutObject'));
    for (let passes = 0; passes < 4; passes++) await room.pass('a');
    const { said, again } = await room.pass('a');
    expect(said).to.include({ status: 'Unknown', reason: 'Pending' });
    expect(said?.message).to.contain('no s3:PutObject');
    expect(again).to.deep.equal({ requeueAfterMs: 5000 });
    room.faults.clear();
    expect((await room.end('a')).said).to.include({ reason: 'Built' });
  });

  it('is not what somebody else pushed under the tag: that is neither believed nor overwritten', async () => {
    const room = new Room();
    room.add('a', { tag: 'hello' });
    const { status: first } = await room.pass('a');
    const image = first?.image ?? '';
    const squatted = new Room();
    squatted.registry.add(image, { digest: SQUATTED });
    squatted.add('a', { tag: 'hello' });
    const { said, status } = await squatted.end('a');
    expect(said).to.include({ reason: 'Built' });
    expect(status?.image).to.match(new RegExp(`^${image}-[0-9a-f]{20}$`));
    expect(status?.digest).to.not.equal(SQUATTED);
    expect((await squatted.registry.resolve(image))?.digest).to.equal(SQUATTED);
  });

  it('is not what the first twelve digits of the hash have in common with another', async () => {
    const room = new Room(2);
    room.add('a', { tag: 'hello' });
    const { status } = await room.pass('a');
    const hash = status?.contentHash ?? '';
    const close = `${hash.slice(0, 12)}${'0'.repeat(52)}`;
    const record = {
      contentHash: close,
      image: status?.image,
      digest: SQUATTED,
      builtTime: 'x',
      taskBuild: { namespace: 'n', name: 'x' },
    };
    await room.artifacts.put(`builds/${hash}.json`, JSON.stringify(record));
    room.registry.add(status?.image ?? '', { digest: SQUATTED });
    room.add('b', { tag: 'hello' });
    expect((await room.end('b')).status?.digest).to.not.equal(SQUATTED);
  });

  for (const [what, stored] of [
    ['damaged', '{'],
    ['another document', '[1]'],
    ['too large', ' '.repeat(5000)],
  ] as const)
    it(`is not what a record says that is ${what}`, async () => {
      const room = new Room(2);
      room.add('a');
      const { status } = await room.pass('a');
      await room.artifacts.put(`builds/${status?.contentHash}.json`, stored);
      room.add('b', { tag: 'a' });
      expect((await room.end('b')).said).to.include({ reason: 'Built' });
    });

  it('is built again where the registry has lost it', async () => {
    const room = new Room();
    room.add('a', { tag: 'hello' });
    const { status } = await room.end('a');
    room.registry.remove(`${REPOSITORY}@${status?.digest}`);
    room.add('b', { tag: 'hello' });
    expect((await room.end('b')).said).to.include({ reason: 'Built' });
  });

  it('is another one where anything that decides it is another', async () => {
    const room = new Room();
    room.add('a', { tag: 'hello' });
    await room.end('a');
    const other: Partial<TaskBuildSpec>[] = [
      { dockerfile: 'Dockerfile.2' },
      { target: 'run' },
      { platforms: ['linux/arm64'] },
      { buildArgs: { A: '1' } },
      {
        context: { s3: { uri: 's3://artifacts/tasks/local/hello/0123/context.zip', sha256: '1'.repeat(64) } },
      },
    ];
    for (const [index, spec] of other.entries()) {
      room.add(`b-${index}`, { tag: 'hello', ...spec });
      expect((await room.end(`b-${index}`)).said, JSON.stringify(spec)).to.include({ reason: 'Built' });
    }
  });

  it('is every namespace’s own where they are kept apart, and where a login was needed', async () => {
    const apart = new Room(1, { sharing: 'Namespace' });
    const shared = new Room();
    const rooms: [Room, Partial<TaskBuildSpec>][] = [
      [apart, {}],
      [shared, { secretRefs: [{ name: 'hub' }] }],
    ];
    for (const [room, spec] of rooms) {
      room.add('a', { tag: 'hello', ...spec });
      const first = (await room.end('a')).status;
      expect(first).to.include({ shared: false });
      room.add('b', { tag: 'hello', ...spec }, { namespace: 'next-door' });
      const next = await room.end('b', 'next-door');
      expect(next.said).to.include({ reason: 'Built' });
      expect(next.status?.contentHash).to.not.equal(first?.contentHash);
      room.add('c', { tag: 'hello', ...spec });
      expect((await room.end('c')).said).to.include({ reason: 'ImageExists' });
    }
  });

  it('counts for nothing where a build is forced, which has a tag of its own', async () => {
    const room = new Room();
    room.add('a', { tag: 'hello' });
    const { status } = await room.end('a');
    room.add('b', { tag: 'hello', force: true });
    const forced = await room.end('b');
    expect(forced.said).to.include({ reason: 'Built' });
    expect(forced.status?.image?.startsWith(`${status?.image}-`)).to.equal(true);
  });

  it('is of the files that a ConfigMap had when the attempt was opened', async () => {
    const room = new Room();
    room.files.set('files', { Dockerfile: 'FROM one' });
    room.add('a', { context: { configMap: { name: 'files' } } });
    const { status } = await room.pass('a');
    room.files.set('files', { Dockerfile: 'FROM two' });
    await room.pass('a');
    const [started] = room.builder.started;
    expect(started?.context).to.deep.equal({
      kind: 'configMap',
      name: 'files',
      sha256: configMapHash({ data: { Dockerfile: 'FROM one' } }),
    });
    expect(status?.contextSha256).to.equal(started?.context.sha256);
  });
});

describe('what a build may not name', () => {
  const told = async (spec: Partial<TaskBuildSpec>, rules: Partial<ImageRules> = {}) => {
    const room = new Room(1, rules);
    room.add('a', spec);
    const { said, status } = await room.pass('a');
    return { ...said, attempts: status?.attempts };
  };

  for (const repository of [
    'registry:5000/sb-operator',
    'registry:5000/sandboxes-cache',
    'registry:5000/other',
    'registry.evil.example/sandboxes',
    'REGISTRY:5000/sandboxes',
    'registry.:5000/sandboxes',
    'registry/sandboxes',
    'registry:5000/sandboxes/',
    'registry:5000/sandboxes:tag',
    `registry:5000/sandboxes@${SQUATTED}`,
    'registry:5000//sandboxes',
    'registry:5000/team/../sandboxes',
    'registry:5000/team/',
    'registry:5000/team/x:1',
    'registry:5000/team/x-cache',
    'registry:5000/team/X',
    'registry:5000/teams/x',
    'elsewhere:5000/allowed',
  ])
    it(`is the repository ${repository}`, async () => {
      const repositories = ['registry:5000/team/*', 'elsewhere:5000/allowed'];
      const { reason, message, attempts } = await told({ repository }, { repositories });
      expect(reason).to.equal('RepositoryNotAllowed');
      expect(message).to.contain(
        `spec.repository: ${repository} is not a repository that this operator pushes to`,
      );
      expect(attempts).to.equal(undefined);
    });

  it('is the operator’s own repository, even below a path that is allowed', async () => {
    const rules = { repositories: ['registry:5000/team/*'], ownImage: `registry:5000/team/op@${SQUATTED}` };
    expect(await told({ repository: 'registry:5000/team/op' }, rules)).to.include({
      reason: 'RepositoryNotAllowed',
    });
  });

  it('is not its own repository by name, nor one that the operator allows', async () => {
    const repositories = ['registry:5000/team/*', 'registry:5000/one'];
    for (const repository of [REPOSITORY, 'registry:5000/one', 'registry:5000/team/a/b'])
      expect(await told({ repository }, { repositories }), repository).to.include({ status: 'Unknown' });
  });

  it('is an argument that is two, of which the second is for the operator alone', async () => {
    for (const [name, value] of [
      ['A', 'x\0BUILDKIT_SYNTAX=mallory/frontend'],
      ['A=x\0BUILDKIT_SYNTAX', 'mallory/frontend'],
    ] as const)
      expect(await told({ buildArgs: { [name]: value } })).to.deep.include({
        reason: 'BuildRejected',
        message: `spec.buildArgs: ${JSON.stringify(name)} has a NUL character in it`,
      });
  });

  it('is more arguments than a program can be handed, which failed the build with “Argument list too long”', async () => {
    const buildArgs = Object.fromEntries(
      Array.from({ length: 40 }, (_, n) => [`A${n}`, 'x'.repeat(4096)] as const),
    );
    const { reason, message } = await told({ buildArgs });
    expect(reason).to.equal('BuildRejected');
    expect(message).to.match(/^spec\.buildArgs: \d+ bytes in all are more than the 65536 /);
    expect(await told({ buildArgs: { A: 'x'.repeat(4096) } })).to.include({ status: 'Unknown' });
  });

  it('is no argument for having the name of a property that every object has', async () => {
    for (const name of ['constructor', 'toString', '__proto__'])
      expect(await told({ buildArgs: { [name]: 'x' } }), name).to.include({ status: 'Unknown' });
  });

  for (const name of ['BUILDKIT_CACHE_MOUNT_NS', 'BUILDKIT_SYNTAX', 'BUILDKIT_CACHE_MOUNT_NS=next-door'])
    it(`is the argument ${name}`, async () => {
      const { reason, message } = await told({ buildArgs: { [name]: 'x' } });
      expect(reason).to.equal('BuildRejected');
      expect(message).to.contain(`spec.buildArgs: "${name}"`);
    });
});
