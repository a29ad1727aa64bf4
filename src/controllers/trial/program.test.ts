import { createHash } from 'node:crypto';
import { expect } from 'chai';
import {
  after,
  aReadyImage,
  aTrial,
  compiledTrial,
  POD_SETTINGS,
  stampOf,
} from '../../../test/support/builders/objects.ts';
import { expectGolden } from '../../../test/support/golden.ts';
import { systemClock } from '../../async/clock.ts';
import { TaskBuild as TaskBuildKind } from '../../crds/kinds.ts';
import { AGENTS_NAMESPACE, LABEL } from '../../crds/names.ts';
import type { TaskBuild } from '../../crds/task-build.ts';
import type { Trial } from '../../crds/trial.ts';
import { Lookups } from '../../images/lookups.ts';
import { ObjectCache } from '../../kube/cache/cache.ts';
import { memoryArtifactStore } from '../../providers/artifact-store/memory.ts';
import { memoryImageRegistry } from '../../providers/image-registry/memory.ts';
import { byTaskBuild } from './ended.ts';
import { jobFor } from './manifests.ts';
import { byAsker, Programs, type ProgramRules } from './program.ts';
import type { AgentVolumes } from './volumes.ts';

const PROGRAM = {
  dockerfile: (version: string) => `FROM scratch\n# ${version}\n`,
  install: (version: string) => `install ${version}`,
};

/** An agent has a program where its name says so. */
const agents = (name: string) => (name === 'oracle' ? {} : { program: PROGRAM });

const asking = (agent: { name?: string; version?: string }, namespace = 'team-a'): Trial => {
  const trial = aTrial();
  const spec = { ...trial.spec, agent: { ...trial.spec.agent, name: 'known', ...agent } };
  return { ...trial, metadata: { ...trial.metadata, namespace, creationTimestamp: stampOf(after(0)) }, spec };
};

function world(rules: Partial<ProgramRules> = {}) {
  const taskBuilds = new ObjectCache<TaskBuild>(TaskBuildKind);
  taskBuilds.addIndex('askedBy', byAsker);
  const registry = memoryImageRegistry();
  const artifacts = memoryArtifactStore({ bucket: 'artifacts' });
  let version = 0;
  const put = (build: TaskBuild): void =>
    taskBuilds.put({
      ...build,
      metadata: { ...build.metadata, uid: 'u', resourceVersion: String(++version) },
    });
  const sources = {
    kube: { get: async () => undefined },
    taskBuilds,
    registry,
    artifacts,
    lookups: new Lookups(systemClock),
    platform: 'linux/amd64',
  };
  const programs = new Programs(
    { how: 'Image', authorities: undefined, versionsPerNamespace: 2, ...rules },
    agents,
  );
  const see = (trial: Trial) => programs.see(sources, trial);
  /** The TaskBuild of a Trial's program, as it is made. */
  const build = async (trial: Trial): Promise<TaskBuild> => {
    const seen = await see(trial);
    if (seen?.kind !== 'toBuild') throw new Error(JSON.stringify(seen));
    const made = await programs.prepare(sources, trial, seen.taskBuild);
    put(made);
    return made;
  };
  return { put, registry, artifacts, see, build };
}

/** As a build leaves it. */
const ended = (build: TaskBuild, status: 'True' | 'False'): TaskBuild => ({
  ...build,
  status: {
    ...(status === 'True' && { image: 'registry/sandboxes:ctx-1', digest: 'sha256:00' }),
    conditions: [
      {
        type: 'Succeeded',
        status,
        reason: status === 'True' ? 'Built' : 'DockerfileFailed',
        message: 'it says why',
        lastTransitionTime: stampOf(after(3)),
      },
    ],
  },
});

describe('the program of a Trial’s agent', () => {
  it('is nothing where the agent has none, where it is installed, and of a regrade', async () => {
    expect(await world().see(asking({ name: 'oracle', version: '1' }))).to.equal(undefined);
    expect(await world({ how: 'Install' }).see(asking({ version: '1' }))).to.equal(undefined);
    const trial = asking({ version: '1' });
    const regrade = { ...trial, spec: { ...trial.spec, regrade: { trial: 'x' } } } as Trial;
    expect(await world().see(regrade)).to.equal(undefined);
  });

  it('is one build for the Trials of all namespaces, where no tenant has a right', async () => {
    const { build, see } = world();
    const made = await build(asking({ version: '1' }, 'team-a'));
    expect(made.metadata.namespace).to.equal(AGENTS_NAMESPACE);
    expect(await see(asking({ version: '1' }, 'team-b'))).to.include({
      kind: 'building',
      taskBuild: `${AGENTS_NAMESPACE}/${made.metadata.name}`,
      message: `program of the agent known 1: in namespace ${AGENTS_NAMESPACE}, TaskBuild ${made.metadata.name}: Pending`,
    });
    expect(await see(asking({ version: '2' }))).to.include({ kind: 'toBuild' });
  });

  it('wakes the Trials that wait for its build', () => {
    const trial = {
      ...asking({}),
      status: { images: [{ role: 'program' as const, taskBuild: 'sb-agents/b' }] },
    };
    expect(byTaskBuild(trial)).to.deep.equal(['sb-agents/b']);
  });

  it('is built of what the operator has put into the bucket, and of nothing else', async () => {
    const { build, artifacts } = world({ authorities: 'PEM' });
    const { s3 } = (await build(asking({ version: '1' }))).spec.context;
    const key = s3?.uri.replace('s3://artifacts/', '') ?? '';
    expect(key).to.equal(`tasks/_agents/${s3?.sha256}.zip`);
    const archive = (await artifacts.get(key, 10_000)) ?? new Uint8Array();
    expect(createHash('sha256').update(archive).digest('hex')).to.equal(s3?.sha256);
    expect(Buffer.from(archive).toString('latin1')).to.include('Dockerfile').and.to.include('ca.crt');
  });

  it('is another build with other authorities, and the same one again without them', async () => {
    const [with1, with2, without] = await Promise.all(
      [{ authorities: 'A' }, { authorities: 'B' }, {}].map((rules) =>
        world(rules).build(asking({ version: '1' })),
      ),
    );
    expect(new Set([with1, with2, without].map((made) => made?.metadata.name)).size).to.equal(3);
    const again = await world().build(asking({ version: '1' }));
    expect(again.metadata.name).to.equal(without?.metadata.name);
  });

  it('does not take a TaskBuild of its name that builds something else', async () => {
    const { build, put, see } = world();
    const made = await build(asking({ version: '1' }));
    put({ ...made, spec: { ...made.spec, target: 'evil' } });
    expect(await see(asking({ version: '1' }))).to.include({ kind: 'failed', reason: 'NameConflict' });
  });

  it('is of no more versions than a namespace may have built, whoever else has how many', async () => {
    const { build, see } = world();
    await build(asking({ version: '1' }));
    await build(asking({ version: '2' }));
    const third = await see(asking({ version: '3' }));
    expect(third).to.include({ kind: 'failed', reason: 'BuildFailed' });
    expect(third)
      .to.have.property('message')
      .that.includes('have had 2 versions built')
      .and.includes(LABEL.askedBy);
    // What is there already is there for all, and another namespace has its own account.
    expect(await see(asking({ version: '2' }))).to.include({ kind: 'building' });
    expect(await see(asking({ version: '3' }, 'team-b'))).to.include({ kind: 'toBuild' });
  });

  it('says what to do where its build failed, and is built again for a later Trial', async () => {
    const { build, put, see } = world();
    put(ended(await build(asking({ version: '9' })), 'False'));
    expect(await see(asking({ version: '9' })))
      .to.have.property('message')
      .that.matches(
        /^program of the agent known 9: does this version exist\? in namespace sb-agents, TaskBuild .*it says why$/,
      );
    const later = asking({ version: '9' });
    later.metadata.creationTimestamp = stampOf(after(9));
    expect(await see(later)).to.include({ kind: 'toBuild' });
  });

  it('is ready by digest', async () => {
    const { build, put, registry, see } = world();
    const { digest } = registry.add('registry/sandboxes:ctx-1', {});
    const made = ended(await build(asking({ version: '1' })), 'True');
    put({ ...made, status: { ...made.status, digest } });
    expect(await see(asking({ version: '1' }))).to.have.nested.property(
      'image.taskBuild',
      `${AGENTS_NAMESPACE}/${made.metadata.name}`,
    );
  });
});

describe('the Pod of an agent with a program', () => {
  const jobWith = (agentVolumes: AgentVolumes, user = '') =>
    jobFor(compiledTrial(asking({ name: 'custom' })), 1, {
      images: { agent: aReadyImage('task', user), program: aReadyImage('program') },
      settings: { ...POD_SETTINGS, agentVolumes },
    }).spec?.template.spec;

  it('has a copy of it, or its image, as it always had', async () => {
    await expectGolden('trial-pod-program-copy.yaml', jobWith('Copy') ?? {});
    await expectGolden('trial-pod-program-image.yaml', jobWith('Image') ?? {});
  });

  it('can only read it, and no other container has it', () => {
    for (const agentVolumes of ['Copy', 'Image'] as const) {
      const pod = jobWith(agentVolumes);
      const all = [...(pod?.initContainers ?? []), ...(pod?.containers ?? [])];
      const mounts = all.flatMap(({ name, volumeMounts = [] }) =>
        volumeMounts.flatMap((mount) => (mount.name === 'program' ? [{ container: name, ...mount }] : [])),
      );
      expect(mounts.filter(({ readOnly }) => readOnly === true)).to.deep.equal([
        { container: 'task', name: 'program', mountPath: '/opt/sb-agent', readOnly: true },
      ]);
      expect(
        mounts.filter(({ readOnly }) => readOnly !== true).map(({ container }) => container),
      ).to.deep.equal(agentVolumes === 'Copy' ? ['program'] : []);
    }
  });

  it('is no separate verifier’s image', () => {
    expect(JSON.stringify(jobWith('Copy'))).not.to.include('verifier');
  });
});
