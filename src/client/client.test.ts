/** sb-operator/client as another program sees it: by its name, in a process without a terminal. */
import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ApiServer } from '../../test/support/api-server.ts';
import { stampOf } from '../../test/support/builders/objects.ts';
import { root } from '../../test/support/cluster.ts';
import type { Running } from '../../test/support/programs.ts';
import { startVersitygw, VERSITYGW } from '../../test/support/versitygw.ts';
import { Trial as TrialKind } from '../crds/kinds.ts';
import { ConfigMap } from '../kube/kinds.ts';
import { kubeconfigFor } from '../../test/support/client/api.ts';
import { below, folderOf, type Folder } from '../../test/support/folder.ts';
import { ownVersion } from '../installation/version.ts';

const run = promisify(execFile);

const TASK = {
  'task.toml': '[environment]\ncpus = 1\n',
  'instruction.md': 'Write hello.\n',
  'environment/Dockerfile': 'FROM debian:13\n',
  'solution/solve.sh': '#!/bin/sh\n',
  'tests/test.sh': '#!/bin/sh\n',
};

/** The program of docs/client.md. */
async function example(): Promise<string> {
  const page = await readFile(join(root, 'docs/client.md'), 'utf8');
  return /^```ts\n([\s\S]*?)^```/m.exec(page)?.[1] ?? expect.fail('the page has no program');
}

describe('sb-operator/client', () => {
  let api: ApiServer;
  let store: Running | undefined;
  let folder: Folder;

  before(async function () {
    store = await startVersitygw('results');
    if (!store) this.skip();
    api = await ApiServer.start();
    const config: ConfigMap = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'sb-system', name: 'sb-client' },
      data: {
        profile: 'local',
        bucket: 'results',
        region: VERSITYGW.region,
        endpoint: `http://${store.address}`,
        operatorVersion: ownVersion(),
      },
    };
    api.collection(ConfigMap).objects.set('sb-system/sb-client', config);
    folder = await folderOf({
      ...below('tasks/hello', TASK),
      ...below('tasks/world', TASK),
      kubeconfig: kubeconfigFor(api.url),
      'package.json': '{ "type": "module" }',
    });
    await writeFile(join(folder.path, 'program.ts'), await example());
    await mkdir(join(folder.path, 'node_modules'));
    await symlink(root, join(folder.path, 'node_modules/sb-operator'));
  });
  after(async () => {
    await folder?.remove();
    await api?.close();
    await store?.stop();
  });

  /** What the operator does in the end: every Trial that comes has a reward. */
  async function rewardAll(signal: AbortSignal): Promise<void> {
    const trials = api.collection(TrialKind);
    while (!signal.aborted) {
      for (const trial of trials.objects.values()) {
        if ((trial as { status?: { conditions?: object } }).status?.conditions) continue;
        const now = stampOf(new Date());
        const { spec } = trial as unknown as { spec: { task: { name: string } } };
        const reward = spec.task.name === 'hello' ? 1 : 0.5;
        const ended = {
          type: 'Succeeded',
          status: 'True',
          reason: 'RewardObtained',
          message: `reward ${reward}`,
        };
        const status = { conditions: [{ ...ended, lastTransitionTime: now }], reward, finishedAt: now };
        trials.update({ ...trial, status }, 'status');
      }
      await sleep(20);
    }
  }

  it('submits a run, follows it to its end and reads the rewards, as its page shows', async () => {
    const operator = new AbortController();
    const rewarding = rewardAll(operator.signal);
    const env = {
      KUBECONFIG: join(folder.path, 'kubeconfig'),
      AWS_ACCESS_KEY_ID: VERSITYGW.accessKeyId,
      AWS_SECRET_ACCESS_KEY: VERSITYGW.secretAccessKey,
    };
    const args = ['--conditions=development', 'program.ts'];
    try {
      for (const _ of ['for the first time', 'again, which does nothing twice']) {
        const { stdout, stderr } = await run(process.execPath, args, { cwd: folder.path, env });
        expect(stderr).to.equal('');
        expect(stdout.trimEnd().split('\n').sort()).to.deep.equal([
          'hello: passed, reward 1',
          'mean reward 0.75',
          'world: failed, reward 0.5',
        ]);
      }
    } finally {
      operator.abort();
      await rewarding;
    }
    expect(api.collection(TrialKind).objects.size).to.equal(2);
  });

  it('prints nothing and needs no terminal when it is loaded', async () => {
    const script = "const all = await import('sb-operator/client'); console.log(typeof all.openSession);";
    const args = ['--conditions=development', '--input-type=module', '-e', script];
    const { stdout, stderr } = await run(process.execPath, args, { cwd: root });
    expect([stdout, stderr]).to.deep.equal(['function\n', '']);
  });
});
