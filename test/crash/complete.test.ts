/** Trials that say where their task lies and who does it, and nothing else. */
import { expect } from 'chai';
import { Job, type Pod } from '../../src/kube/kinds.ts';
import { Trial as TrialKind } from '../../src/crds/kinds.ts';
import { API_VERSION } from '../../src/crds/names.ts';
import { conditionOf } from '../../src/crds/conditions.ts';
import { storedSpec, type TaskMetadata } from '../../src/tasks/index.ts';
import { aMetadata } from '../support/builders/objects.ts';
import { World } from './world.ts';

const VERSION = '0123456789ab';
const PREFIX = `tasks/local/hello/${VERSION}`;

describe('a Trial that names a task and an agent', () => {
  let world: World;
  afterEach(() => world.close());

  async function run(metadata: TaskMetadata): Promise<void> {
    world = await World.start();
    await world.artifacts.put(`${PREFIX}/metadata.json`, JSON.stringify(metadata));
    await world.artifacts.put(`${PREFIX}/context.zip`, 'zip');
    await world.startOperator();
    const spec = storedSpec({
      task: { name: 'acme/hello', s3: { uri: world.artifacts.uri(`${PREFIX}/`) } },
      agent: { name: 'oracle' },
    });
    const metadataOf = { name: 'least', namespace: 'default' };
    world.add(TrialKind, { apiVersion: API_VERSION, kind: 'Trial', metadata: metadataOf, spec });
    await world.rest();
  }

  const container = (): NonNullable<Pod['spec']>['containers'][number] | undefined => {
    const [job] = [...world.server.collection(Job).objects.values()];
    return (job as Job | undefined)?.spec?.template.spec?.containers[0];
  };
  const succeeded = () => {
    const trial = world.trial('least');
    return trial && conditionOf(trial, 'Succeeded');
  };

  it('runs to its reward in the image that its task.toml names, with what that asks for', async () => {
    const toml =
      '[environment]\ndocker_image = "debian:bookworm-slim"\nmemory_mb = 2048\nenv = { A = "a" }\n';
    await run(aMetadata({ toml }));
    expect(succeeded()).to.include({ status: 'True', reason: 'RewardObtained' });
    expect(world.trial('least')?.status?.reward).to.be.a('number');
    expect(container()?.env).to.deep.equal([{ name: 'A', value: 'a' }]);
    expect(container()?.resources?.limits).to.deep.equal({ memory: '2056Mi', 'ephemeral-storage': '16Gi' });
  });

  it('runs to its reward in an image that is built of its context', async () => {
    await run(aMetadata({ context_sha256: 'c'.repeat(64) }));
    expect(succeeded()).to.include({ status: 'True', reason: 'RewardObtained' });
    const [build] = world.taskBuilds;
    expect(build?.spec).to.deep.include({
      context: { s3: { uri: world.artifacts.uri(`${PREFIX}/context.zip`), sha256: 'c'.repeat(64) } },
      tag: 'hello',
      timeoutSeconds: 600,
    });
    expect(world.trial('least')?.status?.taskBuild).to.equal(build?.metadata.name);
  });

  it('ends with TaskUnsupported, without a Job, where its task asks for what this version does not run', async () => {
    await run(aMetadata({ toml: '[environment]\nos = "windows"\n' }));
    expect(succeeded()).to.include({
      status: 'False',
      reason: 'TaskUnsupported',
      message: 'environment.os: only linux is supported',
    });
    expect(container()).to.equal(undefined);
  });

  it('ends with TaskInvalid, naming metadata.json, where an older sb has stored it', async () => {
    const { schema: _, ...older } = aMetadata();
    await run(older as TaskMetadata);
    expect(succeeded()).to.include({ status: 'False', reason: 'TaskInvalid' });
    expect(succeeded()?.message).to.match(
      /metadata\.json was written by another version of sb.*sb task push/,
    );
  });
});
