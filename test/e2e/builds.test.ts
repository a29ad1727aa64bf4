import { expect } from 'chai';
import { conditionOf } from '../../src/crds/conditions.ts';
import { buildName, configMapHash, imageHash } from '../../src/crds/content.ts';
import { TaskBuild as TaskBuildKind } from '../../src/crds/kinds.ts';
import { API_VERSION } from '../../src/crds/names.ts';
import type { BuildReason } from '../../src/crds/reasons.ts';
import type { TaskBuild, TaskBuildSpec } from '../../src/crds/task-build.ts';
import type { Trial } from '../../src/crds/trial.ts';
import { ConfigMap } from '../../src/kube/kinds.ts';
import type { Sparse } from '../../src/client/runs/plan/types.ts';
import { s3 } from './cluster/index.ts';
import { aliasImage } from './cluster/images/alias.ts';
import { eventually } from '../support/eventually.ts';
import { smallImage } from './support/images.ts';
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

/** The TaskBuild that a Trial took its image from. */
const buildOf = ({ metadata, status }: Trial): TaskBuild | undefined =>
  world().taskBuilds.get({ namespace: metadata.namespace ?? '', name: status?.taskBuild ?? '' });

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

  it('make none in a second run: what was built is on record', async () => {
    const done = await Promise.all(ten.map((story) => story.done()));
    const { namespace } = world();
    for (const name of new Set(done.map(({ status }) => status?.taskBuild ?? ''))) {
      await world().kube.delete(TaskBuildKind, { namespace, name });
      await eventually(
        'the TaskBuild is gone',
        () => !world().taskBuilds.get({ namespace, name }) || undefined,
        30,
      );
    }
    const build = buildOf(await ownTrial('again', options).earns(1));
    expect(build?.status).to.include({ cacheHit: true }).and.not.have.property('attempts');
    expect(build && conditionOf(build, 'Succeeded')?.reason).to.equal('ImageExists');
  });

  it('make one of its own in the namespace next door, whose builds no other need believe', async () => {
    const namespace = await world().makeNamespace();
    const build = buildOf(await ownTrial('next-door', options, namespace).earns(1));
    expect(build?.status).to.include({ cacheHit: false, shared: false });
  });
});

describe('what somebody else put in the way', () => {
  const squatter = smallImage('squatter', 'FROM debian:bookworm-slim\nRUN touch /squatted');
  const honest = `FROM debian:bookworm-slim\nRUN echo ${NONCE} > /honest`;
  const template = (name: string) => ({
    context: { configMap: { name } },
    dockerfile: 'Dockerfile',
    timeoutSeconds: 1800,
    queueTimeoutSeconds: 1800,
  });

  const squatted = trial('build-squatted', {
    given: async (key) => {
      const build = template('squatted-context');
      const files = await context('squatted-context', honest)(key);
      await squatter.ensure();
      const hash = imageHash({
        trustDomain: key.namespace,
        contextSha256: configMapHash(files),
        platform: 'linux/amd64',
        build,
      });
      await aliasImage(squatter.path, `sandboxes:squatted-${hash.slice(0, 12)}`);
    },
    spec: { environment: { build: { ...template('squatted-context'), tag: 'squatted' } } },
    tests: rewardIf('[ -e /honest ] && [ ! -e /squatted ]'),
  });

  const foreign = trial('build-foreign', {
    given: async (key) => {
      const { namespace } = key;
      const build = template('foreign-context');
      const name = buildName(build, await context('foreign-context', honest)(key));
      const spec = { ...build, dockerfile: 'files/word' };
      const manifest = { apiVersion: API_VERSION, kind: 'TaskBuild', metadata: { namespace, name }, spec };
      await world().kube.create(TaskBuildKind, manifest as TaskBuild);
    },
    spec: { environment: { build: template('foreign-context') } },
  });

  it('under the tag of an image is not that image', async () => {
    const build = buildOf(await squatted.earns(1));
    expect(build?.status?.image).to.match(/\/sandboxes:squatted-[0-9a-f]{12}-[0-9a-f]{20}$/);
  });

  it('under the name of a TaskBuild is not that build', () =>
    foreign.fails('NameConflict', /spec\.dockerfile differ; delete that TaskBuild/));
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

  it('pushes to no repository but the operator’s', async () => {
    const own = { repository: 'sb-registry:5000/sb-operator', tag: 'latest', force: true };
    const spec = { context: { configMap: { name: 'nobody-made-this' } }, ...own };
    await reaches(await make('operators-own', spec), 'RepositoryNotAllowed');
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
