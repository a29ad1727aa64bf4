import { expect } from 'chai';
import { conditionOf } from '../../src/crds/conditions.ts';
import { TaskBuild as TaskBuildKind } from '../../src/crds/kinds.ts';
import { API_VERSION } from '../../src/crds/names.ts';
import type { BuildReason } from '../../src/crds/reasons.ts';
import type { TaskBuild, TaskBuildSpec } from '../../src/crds/task-build.ts';
import { ConfigMap } from '../../src/kube/kinds.ts';
import type { Sparse } from '../../src/tasks/trial/manifest.ts';
import { s3 } from './cluster/index.ts';
import { eventually } from './support/eventually.ts';
import { ownTrial, trial } from './support/stories.ts';
import { rewardIf } from './support/task.ts';
import { world } from './support/world.ts';

/** Makes every run's contents new, so that what an earlier run has built is no help. */
const NONCE = Date.now().toString(36);

const context = (name: string, dockerfile: string) => (key: { namespace: string }) =>
  world().kube.apply(ConfigMap, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: key.namespace, name },
    data: { Dockerfile: dockerfile, files__word: NONCE },
  });

const built = (configMap: string) => ({
  environment: { build: { context: { configMap: { name: configMap } } } },
});

const SHARED = 'FROM debian:bookworm-slim\nWORKDIR /app\nCOPY files/word /app/word\nRUN sleep 2';

describe('ten Trials of one environment', () => {
  const options = {
    given: context('shared-context', SHARED),
    spec: built('shared-context'),
    tests: rewardIf(`[ "$(cat /app/word)" = ${NONCE} ]`),
  };
  const ten = Array.from({ length: 10 }, (_, index) => trial(`shared-${index}`, options));

  it('make one build', async () => {
    const done = await Promise.all(ten.map((story) => story.earns(1)));
    const names = new Set(done.map(({ status }) => status?.taskBuild));
    expect(names.size).to.equal(1);
    const { namespace } = world();
    const build = world().taskBuilds.get({ namespace, name: [...names][0] ?? '' });
    expect(build?.status?.attempts).to.have.lengthOf(1);
    expect(build && conditionOf(build, 'Succeeded')?.reason).to.equal('Built');
    expect(new Set(done.map(({ status }) => status?.imageDigest))).to.have.property('size', 1);
  });

  it('make none in a second run: the image is there', async () => {
    await Promise.all(ten.map((story) => story.done()));
    const namespace = await world().makeNamespace();
    const again = [0, 1].map((index) => ownTrial(`again-${index}`, options, namespace));
    const done = await Promise.all(again.map((story) => story.earns(1)));
    const build = world().taskBuilds.get({ namespace, name: done[0]?.status?.taskBuild ?? '' });
    expect(build?.status).to.include({ cacheHit: true });
    expect(build?.status?.attempts ?? []).to.deep.equal([]);
    expect(build && conditionOf(build, 'Succeeded')?.reason).to.equal('ImageExists');
  });
});

describe('a build that fails', () => {
  const failing = trial('build-run-fails', {
    given: context('failing-context', `FROM debian:bookworm-slim\nRUN echo ${NONCE} no such luck && exit 3`),
    spec: built('failing-context'),
  });
  const baseless = trial('build-base-missing', {
    given: context('baseless-context', `FROM debian:no-such-tag-${NONCE}`),
    spec: built('baseless-context'),
  });
  const missing = trial('build-ref-missing', {
    spec: { environment: { buildRef: { name: 'nobody-made-this' } } },
  });

  it('ends its Trial with BuildFailed and the step that failed', async () => {
    const done = await failing.fails('BuildFailed', /DockerfileFailed/);
    const { namespace } = failing.key;
    const build = world().taskBuilds.get({ namespace, name: done.status?.taskBuild ?? '' });
    expect(build?.status?.attempts?.[0]?.logTail?.join('\n')).to.contain('no such luck');
  });
  it('names a base image that does not exist', () => baseless.fails('BuildFailed', /BaseImageNotFound/));
  it('that nobody asked for is BuildNotFound', () => missing.fails('BuildNotFound', /nobody-made-this/));
});

describe('a TaskBuild', () => {
  async function make(name: string, spec: Sparse<TaskBuildSpec>): Promise<TaskBuild['metadata']> {
    const { namespace, kube } = world();
    const manifest = { apiVersion: API_VERSION, kind: 'TaskBuild', metadata: { namespace, name }, spec };
    return (await kube.create(TaskBuildKind, manifest as TaskBuild)).metadata;
  }

  const reaches = (
    { namespace = '', name }: TaskBuild['metadata'],
    reason: BuildReason,
  ): Promise<TaskBuild> =>
    eventually(
      `TaskBuild ${name}: ${reason}`,
      () => {
        const seen = world().taskBuilds.get({ namespace, name });
        return seen && conditionOf(seen, 'Succeeded')?.reason === reason ? seen : undefined;
      },
      120,
    );

  const archive = (sha256: string) => ({
    s3: { uri: `s3://${s3.bucket}/tasks/e2e/context-${NONCE}.zip`, sha256 },
  });

  it('can be made ahead, and Trials refer to it', async () => {
    await context('ahead-context', `FROM debian:bookworm-slim\nRUN echo ${NONCE} > /ahead`)(world());
    const { name } = await make('ahead', { context: { configMap: { name: 'ahead-context' } } });
    const story = ownTrial('build-ahead', {
      spec: { environment: { buildRef: { name } } },
      tests: rewardIf(`[ "$(cat /ahead)" = ${NONCE} ]`),
    });
    expect((await story.earns(1)).status?.taskBuild).to.equal('ahead');
  });

  it('whose context is missing says ContextNotFound', async () => {
    await reaches(
      await make('no-configmap', { context: { configMap: { name: 'nobody-made-this' } } }),
      'ContextNotFound',
    );
    await reaches(await make('no-object', { context: archive('0'.repeat(64)) }), 'ContextNotFound');
  });

  it('whose context is not the one it was made for says ContextMismatch', async () => {
    await world().artifacts.put(`tasks/e2e/context-${NONCE}.zip`, 'something else');
    await reaches(await make('other-object', { context: archive('1'.repeat(64)) }), 'ContextMismatch');
  });

  it('can be cancelled while it builds', async () => {
    await context('endless-context', `FROM debian:bookworm-slim\nRUN echo ${NONCE}; sleep 300`)(world());
    const metadata = await make('endless', { context: { configMap: { name: 'endless-context' } } });
    await reaches(metadata, 'Building');
    const { namespace = '', name } = metadata;
    await world().kube.patch(TaskBuildKind, { namespace, name }, { spec: { cancelled: true } });
    await reaches(metadata, 'Cancelled');
  });

  it('over its time says BuildTimeout', async () => {
    await context('slow-context', `FROM debian:bookworm-slim\nRUN echo slow ${NONCE}; sleep 300`)(world());
    const spec = { context: { configMap: { name: 'slow-context' } }, timeoutSeconds: 5 };
    await reaches(await make('slow', spec), 'BuildTimeout');
  });
});
