/** Trials that say where their task lies and who does it, and nothing else. */
import { expect } from 'chai';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Trial as TrialKind } from '../../src/crds/kinds.ts';
import { API_VERSION } from '../../src/crds/names.ts';
import type { Trial } from '../../src/crds/trial.ts';
import { Job } from '../../src/kube/kinds.ts';
import type { PushedTask } from '../../src/client/documents/task.ts';
import { removeTaskFolder, taskFolder, type Files } from '../support/folder.ts';
import { ensureBaseImages, s3 } from './cluster/index.ts';
import { eventually } from '../support/eventually.ts';
import { startSb } from './support/sb.ts';
import { isTerminal } from './support/story.ts';
import { world } from './support/world.ts';

/** Makes every run's tasks new. */
const NONCE = Date.now().toString(36);
const SMALL = 'cpus = 0.05\nmemory_mb = 64\nstorage_mb = 1024\n';

const filesOf = (name: string, environment: Files, toml: string): Files => ({
  'task.toml': `[task]\nname = "e2e/${name}"\n[environment]\n${SMALL}${toml}env = { WORD = "${NONCE}" }\n`,
  'instruction.md': 'Write the word to /tmp/word.\n',
  'solution/solve.sh': '#!/bin/sh\necho "$WORD" > /tmp/word\n',
  'tests/test.sh': `#!/bin/sh\nif [ "$(cat /tmp/word)" = ${NONCE} ]; then echo 1; else echo 0; fi > /logs/verifier/reward.txt\n`,
  ...environment,
});
const TASKS: Record<string, Files> = {
  ready: filesOf('ready', {}, 'docker_image = "debian:bookworm-slim"\n'),
  built: filesOf('built', { 'environment/Dockerfile': `FROM debian:bookworm-slim\nRUN echo ${NONCE}\n` }, ''),
};

describe('a Trial that names a task and an agent', () => {
  let namespace = '';
  let cwd = '';
  const folders: string[] = [];
  before(async function () {
    this.timeout(120_000);
    namespace = await world().makeNamespace();
    cwd = await mkdtemp(join(tmpdir(), 'sb-complete-'));
    await ensureBaseImages(['debian:bookworm-slim']);
  });
  after(async () => {
    await Promise.all(folders.map(removeTaskFolder));
    if (cwd !== '') await rm(cwd, { recursive: true, force: true });
  });

  /** The task in the bucket, by `sb task push`. */
  async function pushed(name: string): Promise<PushedTask> {
    const folder = await taskFolder(TASKS[name] ?? {});
    folders.push(folder);
    const { code, stdout, stderr } = await startSb(['task', 'push', folder, '-o', 'json'], { cwd, namespace })
      .end;
    expect(code, stderr).to.equal(0);
    const [task] = JSON.parse(stdout) as PushedTask[];
    return task ?? expect.fail('nothing was stored');
  }

  async function run(name: string, uri: string): Promise<Trial> {
    const { kube } = world();
    const spec = { task: { name: `e2e/${name}`, s3: { uri } }, agent: { name: 'oracle' } };
    const manifest = { apiVersion: API_VERSION, kind: 'Trial', metadata: { namespace, name }, spec };
    await kube.create(TrialKind, manifest as unknown as Trial);
    return eventually(
      `Trial ${name} ends`,
      async () => {
        const trial = await kube.get(TrialKind, { namespace, name });
        return trial && isTerminal(trial) ? trial : undefined;
      },
      240,
    );
  }

  async function limitsOf(name = ''): Promise<unknown> {
    const job = await world().kube.get(Job, { namespace, name });
    return job?.spec?.template.spec?.containers[0]?.resources?.limits;
  }

  for (const name of Object.keys(TASKS))
    it(`runs to its reward in an image that is ${name}`, async function () {
      this.timeout(300_000);
      const task = await pushed(name);
      expect(task).to.include({ name: `e2e/${name}`, result: 'stored' });
      const { status } = await run(name, task.s3_task_uri);
      expect(status, JSON.stringify(status)).to.have.property('reward', 1);
      expect(status?.taskBuild !== undefined).to.equal(name === 'built');
      expect(await limitsOf(status?.jobName)).to.deep.equal({ memory: '72Mi', 'ephemeral-storage': '1Gi' });
      expect(await pushed(name)).to.include({ result: 'present', bytes: 0 });
    });

  it('ends with TaskInvalid, naming metadata.json, where an older sb has stored its task', async function () {
    this.timeout(120_000);
    const prefix = `tasks/e2e-${NONCE}/old`;
    await world().artifacts.put(`${prefix}/metadata.json`, JSON.stringify({ name: 'e2e/old', files: [] }));
    const { status } = await run('old', `s3://${s3.bucket}/${prefix}/`);
    const condition = status?.conditions?.find(({ type }) => type === 'Succeeded');
    expect(condition).to.include({ status: 'False', reason: 'TaskInvalid' });
    expect(condition?.message).to.match(/metadata\.json was written by another version of sb.*sb task push/);
  });
});
