import { expect } from 'chai';
import { after, anOrigin, aTaskBuild, stampOf, T0 } from '../../../test/support/builders/objects.ts';
import { aBuildSeen } from '../../../test/support/builders/build-seen.ts';
import type { TaskBuildSpec } from '../../crds/task-build.ts';
import { ProviderError } from '../../providers/errors.ts';
import { memoryImageBuilder } from '../../providers/image-builder/memory.ts';
import type { BuildSeen } from './observed.ts';
import { buildFor, startBuild } from './start.ts';

const attempt = { number: 1, token: 'sb-build-1', openedTime: stampOf(T0), contextVersion: 'v1' };
const action = {
  kind: 'start',
  image: 'registry:5000/sandboxes:ctx-1',
  origin: anOrigin(),
  attempt,
} as const;
const REMEMBERS = { tokenLifeMs: 240_000 };

const seen = (spec: Partial<TaskBuildSpec> = {}, now = after(5)): BuildSeen =>
  aBuildSeen({ taskBuild: aTaskBuild({ spec }), now });

const built = (build: BuildSeen, over: Partial<typeof action> = {}) =>
  buildFor(build, { ...action, ...over }, REMEMBERS);

describe('the build that is handed to the builder', () => {
  it('has the context in the version that was recorded', () => {
    expect(built(seen()).context).to.deep.equal({
      kind: 's3',
      uri: 's3://artifacts/tasks/local/hello/0123/context.zip',
      versionId: 'v1',
      sha256: 'ab'.repeat(32),
    });
  });

  it('may take its context out of a ConfigMap', () => {
    const context = { configMap: { name: 'files' } };
    expect(built(seen({ context })).context).to.deep.equal({
      kind: 'configMap',
      name: 'files',
      sha256: 'ab'.repeat(32),
    });
  });

  it('has the platform that was recorded, whatever the operator’s is by now', () => {
    const origin = anOrigin({ platform: 'linux/arm64' });
    expect(built(seen({ platforms: [] }), { origin }).platform).to.equal('linux/arm64');
  });

  it('keeps cache mounts and layers of namespaces apart that do not share images', () => {
    const of = (shared: boolean, spec: Partial<TaskBuildSpec> = { tag: 'hello' }) =>
      built(seen(spec), { origin: anOrigin({ shared }) });
    expect(of(true).buildArgs).to.deep.equal({});
    expect(of(false).buildArgs).to.deep.equal({ BUILDKIT_CACHE_MOUNT_NS: 'default' });
    expect([of(true), of(false)].map(({ layers }) => layers?.reference)).to.deep.equal([
      'registry:5000/sandboxes-cache:shared.hello',
      'registry:5000/sandboxes-cache:ns.default.hello',
    ]);
    expect(of(true, { tag: 'hello', force: true }).layers).to.include({ keep: false });
    expect(of(true, {}).layers).to.equal(undefined);
  });

  it('has limits and the name of the login out of the spec', () => {
    const spec = { secretRefs: [{ name: 'hub' }], timeoutSeconds: 60, queueTimeoutSeconds: 300 };
    expect(built(seen(spec))).to.include({
      secret: 'hub',
      timeoutSeconds: 60,
      queueTimeoutSeconds: 300,
    });
    expect(built(seen())).not.to.have.property('secret');
  });

  it('asks the same whenever it is asked again', () => {
    expect(built(seen({}, after(200)))).to.deep.equal(built(seen()));
  });

  it('may exist already once its token may have been forgotten', () => {
    expect(built(seen({}, after(239))).mayExist).to.equal(false);
    expect(built(seen({}, after(240))).mayExist).to.equal(true);
    const { openedTime: _, ...untimed } = attempt;
    expect(buildFor(seen(), { ...action, attempt: untimed }, REMEMBERS).mayExist).to.equal(true);
  });
});

describe('the start of a build', () => {
  it('gives its handle', async () => {
    expect(await startBuild(memoryImageBuilder(), seen(), action)).to.deep.include({
      kind: 'started',
      handle: { id: 'default/sb-build-1', namespace: 'default' },
    });
  });

  it('is a reason to wait where the builder is full', async () => {
    const builder = memoryImageBuilder({ fault: () => new ProviderError('QuotaExceeded', 'full') });
    expect(await startBuild(builder, seen(), action)).to.include({ kind: 'wait', reason: 'QuotaExceeded' });
  });

  it('is the end where the builder refuses it', async () => {
    const builder = memoryImageBuilder({ fault: () => new ProviderError('AccessDenied', 'no') });
    expect(await startBuild(builder, seen(), action)).to.have.nested.property(
      'failure.reason',
      'BuilderAccessDenied',
    );
  });
});
