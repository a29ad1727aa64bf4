import { expect } from 'chai';
import { aTaskBuild, after, stampOf, T0 } from '../../test/support/builders/objects.ts';
import { buildName, configMapHash } from '../crds/content.ts';
import type { Files } from '../crds/content.ts';
import { TaskBuild as TaskBuildKind } from '../crds/kinds.ts';
import type { TaskBuild, TaskBuildSpec } from '../crds/task-build.ts';
import { ObjectCache } from '../kube/cache/cache.ts';
import { systemClock } from '../async/clock.ts';
import type { KubeObject } from '../kube/types.ts';
import { ProviderError } from '../providers/errors.ts';
import type { ProviderReason } from '../providers/errors.ts';
import { memoryImageRegistry } from '../providers/image-registry/memory.ts';
import type { ImageSeen, ImageWanted } from './image.ts';
import { Lookups } from './lookups.ts';
import { seeImage } from './see.ts';

interface World extends Partial<ImageWanted> {
  /** TaskBuilds that the cache shows. */
  cached?: TaskBuild[];
  /** What the API server has besides. */
  live?: KubeObject[];
  fault?: ProviderReason;
}

/** What is seen of the image of an environment that was asked for at T0. */
async function image({ cached = [], live = [], fault, ...wanted }: World): Promise<ImageSeen> {
  const registry = memoryImageRegistry({
    fault: () => (fault ? new ProviderError(fault, 'the registry says so') : undefined),
  });
  registry.add('debian:bookworm-slim', { config: { user: 'agent' } });
  const taskBuilds = new ObjectCache<TaskBuild>(TaskBuildKind);
  for (const build of cached) taskBuilds.put(build);
  const get = async (kind: string, name: string) =>
    live.find((object) => object.kind === kind && object.metadata.name === name);
  const sources = {
    kube: {
      get: async (kind: { kind: string }, { name }: { name: string }) => get(kind.kind, name),
    } as never,
    filesOf: async ({ name }: { name: string }) => (await get('ConfigMap', name)) as Files | undefined,
    taskBuilds,
    registry,
    lookups: new Lookups(systemClock),
    platform: 'linux/amd64',
  };
  const environment = { image: 'debian:bookworm-slim' };
  return seeImage(sources, {
    namespace: 'default',
    environment,
    field: 'spec.environment',
    since: stampOf(T0),
    ...wanted,
  });
}

describe('the image of an environment', () => {
  it('takes user and directory out of the image’s config', async () => {
    expect(await image({})).to.have.nested.property('image.config.user', 'agent');
  });

  const refusals: [ProviderReason, object][] = [
    ['AccessDenied', { kind: 'failed', reason: 'ImageAccessDenied' }],
    ['Invalid', { kind: 'failed', reason: 'ImageNotFound' }],
    ['Unavailable', { kind: 'unavailable' }],
  ];
  for (const [fault, expected] of refusals)
    it(`reads ${fault} of the registry as ${JSON.stringify(expected)}`, async () =>
      expect(await image({ fault })).to.include(expected));

  it('knows an image that does not exist', async () => {
    expect(await image({ environment: { image: 'nowhere:1' } })).to.include({
      kind: 'failed',
      reason: 'ImageNotFound',
    });
  });

  describe('with a build of its own', () => {
    const { force: _force, cancelled: _cancelled, ...build } = aTaskBuild().spec;
    const environment = { build };
    const name = buildName(build);
    const ended = (status: 'True' | 'False', at: Date) => ({
      image: 'debian:bookworm-slim',
      digest: 'sha256:00',
      conditions: [
        {
          type: 'Succeeded',
          status,
          reason: status === 'True' ? 'Built' : 'DockerfileFailed',
          message: 'm',
          lastTransitionTime: stampOf(at),
        },
      ],
    });

    it('asks for the TaskBuild of its content', async () => {
      expect(await image({ environment })).to.deep.equal({ kind: 'toBuild', taskBuild: name });
    });

    it('waits for it, and says how far it is', async () => {
      expect(await image({ environment, cached: [aTaskBuild({ name })] })).to.include({
        kind: 'building',
        message: `TaskBuild ${name}: Pending`,
      });
    });

    const others: Partial<TaskBuildSpec>[] = [
      { context: { s3: { uri: 's3://artifacts/tasks/other.zip', sha256: '1'.repeat(64) } } },
      { dockerfile: 'Dockerfile.evil' },
      { target: 'evil' },
      { platforms: ['linux/arm64'] },
      { buildArgs: { A: 'evil' } },
      { repository: 'registry/evil' },
      { tag: 'evil' },
      { backend: 'CodeBuild' },
      { timeoutSeconds: 1 },
      { queueTimeoutSeconds: 1 },
      { secretRefs: [{ name: 'evil' }] },
      { force: true },
    ];
    for (const spec of others)
      it(`does not take one that somebody made under its name with another ${Object.keys(spec)[0]}`, async () => {
        const cached = [aTaskBuild({ name, spec, status: ended('True', after(3)) })];
        expect(await image({ environment, cached })).to.deep.equal({
          kind: 'failed',
          reason: 'NameConflict',
          message: `TaskBuild ${name} is not the build that spec.environment.build asks for: spec.${Object.keys(spec)[0]} differ; delete that TaskBuild`,
        });
      });

    it('does not take one that was built of other files than the ConfigMap has', async () => {
      const data = { Dockerfile: 'FROM debian' };
      const files = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { namespace: 'default', name: 'files' },
        data,
      };
      const template = { ...build, context: { configMap: { name: 'files' } } };
      const of = (contextSha256: string) =>
        aTaskBuild({
          name: buildName(template, files),
          spec: { context: template.context },
          status: { ...ended('True', after(3)), contextSha256 },
        });
      expect(
        await image({ environment: { build: template }, live: [files], cached: [of('0'.repeat(64))] }),
      ).to.include({
        kind: 'failed',
        reason: 'NameConflict',
      });
      expect(
        await image({ environment: { build: template }, live: [files], cached: [of(configMapHash(files))] }),
      ).not.to.include({
        reason: 'NameConflict',
      });
    });

    it('fails with it', async () => {
      const cached = [aTaskBuild({ name, status: ended('False', after(3)) })];
      expect(await image({ environment, cached })).to.include({ kind: 'failed', reason: 'BuildFailed' });
    });

    it('replaces one that had failed before it was asked for', async () => {
      const cached = [aTaskBuild({ name, status: ended('False', after(-3)) })];
      expect(await image({ environment, cached }))
        .to.include({ kind: 'toBuild' })
        .and.have.property('stale');
    });
  });

  it('knows a TaskBuild that does not exist', async () => {
    expect(await image({ environment: { buildRef: { name: 'none' } } })).to.include({
      kind: 'failed',
      reason: 'BuildNotFound',
    });
  });

  it('asks for the TaskBuild that it refers to where that was made with it and is seen later', async () => {
    const environment = { buildRef: { name: 'late' } };
    expect(await image({ environment, live: [aTaskBuild({ name: 'late' })] })).to.include({
      kind: 'building',
      taskBuild: 'late',
    });
  });

  it('is asked for in the words of its field, whose object it may be', async () => {
    const field = 'spec.verifier.environment';
    expect(await image({ field, environment: { buildRef: { name: 'none' } } })).to.include({
      message: 'spec.verifier.environment.buildRef.name: there is no TaskBuild none in this namespace',
    });
  });
});
