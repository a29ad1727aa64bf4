import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { folderOf, NAMESPACE_ANNOTATION, RESEARCHER } from '../../src/crds/namespace-rules.ts';
import { Trial as TrialKind } from '../../src/crds/kinds.ts';
import type { TrialSpec } from '../../src/crds/trial.ts';
import { kubectlOk, root } from '../support/cluster.ts';
import { ensureBaseImages, s3 } from './cluster/index.ts';
import { doctor } from './support/doctor.ts';
import { startSb } from './support/sb.ts';
import { ownTrial } from './support/stories.ts';
import { world } from './support/world.ts';

const HELLO = join(root, 'examples/tasks/hello');

describe('the tasks of a researcher', () => {
  let ada = '';
  let bob = '';
  let folder = '';
  let task: TrialSpec['task'] | undefined;

  /** Of all that others store, its Trials may read nothing. */
  const researcher = async (): Promise<string> => {
    const name = await world().makeNamespace();
    await kubectlOk(['label', 'namespace', name, `${RESEARCHER}=${name}`]);
    await kubectlOk(['annotate', 'namespace', name, `${NAMESPACE_ANNOTATION.taskPrefixes}=tasks/none/`]);
    return name;
  };
  before(async () => {
    [ada, bob] = await Promise.all([researcher(), researcher()]);
    folder = await mkdtemp(join(tmpdir(), 'sb-researcher-'));
    await ensureBaseImages(['debian:bookworm-slim']);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('are stored in a folder of their own, which their Trials read whatever else they may', async () => {
    const sb = startSb(['cloud', 'run', '-t', HELLO, '--run-name', `story-${ada}`], {
      cwd: folder,
      namespace: ada,
    });
    const { code, stderr } = await sb.end;
    expect(code, stderr).to.equal(0);
    const [trial] = await world().kube.list(TrialKind, { namespace: ada });
    task = trial?.spec.task;
    expect(task?.s3?.uri).to.match(new RegExp(`^s3://${s3.bucket}/tasks/${folderOf(ada)}/`));
    expect(trial?.status?.reward).to.equal(1);
  });

  it('are read by nobody whose prefixes do not name them, other researchers among them', async () => {
    if (!task) throw new Error('nothing is stored');
    await ownTrial('thief', { spec: { task } }, bob).fails('TaskNotFound', /may not read/);
  });

  it('are where sb doctor tries to write', async () => {
    const { stdout } = await doctor(['--write-probe'], { cwd: folder, namespace: ada });
    expect(stdout).to.include(
      `✓ store: you may write, read and delete objects below tasks/${folderOf(ada)}/\n`,
    );
  });
});
