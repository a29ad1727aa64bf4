import { expect } from 'chai';
import { loadAll } from 'js-yaml';
import { ApiServer } from '../../../test/support/api-server.ts';
import { connectTo } from '../../../test/support/kube.ts';
import { run } from '../run.ts';
import { below, folderOf, GOOD_TASK, type Folder } from '../testing/task-folder.ts';
import { recordedIo } from '../testing/terminal.ts';
import type { Session } from '../types.ts';
import { quotaLines } from './quota.ts';

// A verifier of its own is more than the operator runs today.
const RUNNABLE = {
  ...GOOD_TASK,
  'task.toml': 'schema_version = "1.4"\n[environment]\ncpus = 2\nmemory_mb = 1024\n',
};

describe('A dry run', () => {
  let folder: Folder;
  before(async () => {
    folder = await folderOf({
      ...below('a', RUNNABLE),
      ...below('b', RUNNABLE),
      ...below('bad', { ...RUNNABLE, 'instruction.md': undefined }),
    });
  });
  after(() => folder.remove());
  const dry = async (...args: string[]) => {
    // No kubeconfig, no credentials: whoever asked the cluster or the store would fail.
    const io = recordedIo({ cwd: folder.path, env: { KUBECONFIG: '/nonexistent', HOME: '/nonexistent' } });
    const code = await run(['cloud', 'run', '-t', '.', '--run-name', 'r', '--dry-run', ...args], io);
    return { code, ...io.terminal };
  };

  it('prints the same manifests every time, and touches neither cluster nor store', async () => {
    const [first, second] = [
      await dry('-o', 'yaml', '--skip-invalid'),
      await dry('-o', 'yaml', '--skip-invalid'),
    ];
    expect(first.code).to.equal(0);
    expect(first.stdout).to.equal(second.stdout);
    const kinds = loadAll(first.stdout).map((document) => (document as { kind: string }).kind);
    expect(kinds).to.deep.equal(['Trial', 'Trial']);
    expect(first.stderr).to.include('left out: bad').and.to.include('instruction.md is missing');
  });

  it('prints names, lines, a list, and figures for people', async () => {
    const said = async (...args: string[]): Promise<string> => (await dry('--skip-invalid', ...args)).stdout;
    expect(await said('-o', 'name')).to.match(/^(trial\/[ab]-oracle-[0-9a-f]{10}\n){2}$/);
    expect((await said('-o', 'jsonl')).trim().split('\n')).to.have.length(2);
    expect(JSON.parse(await said('-o', 'json')))
      .to.have.property('items')
      .with.length(2);
    expect(await said('-k', '10'))
      .to.match(/^pods +20,/m)
      .and.to.match(/^requests +40\.0 CPUs, 20\.0 GiB/m)
      .and.to.match(/^cost +\$/m);
  });

  it('refuses all where one task is bad, with everything that is wrong', async () => {
    const { code, stdout, stderr } = await dry();
    expect([code, stdout]).to.deep.equal([2, '']);
    expect(stderr).to.include('SB-E014').and.to.include('instruction.md is missing');
  });

  it('says which quota a run goes beyond', async () => {
    const server = await ApiServer.start();
    const kubeParts = connectTo(server);
    const quota = {
      group: '',
      version: 'v1',
      kind: 'ResourceQuota',
      plural: 'resourcequotas',
      namespaced: true,
    };
    const status = {
      hard: { pods: '10', 'requests.cpu': '100', secrets: '5' },
      used: { pods: '9', 'requests.cpu': '1500m' },
    };
    server.collection(quota).create({
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'q', namespace: 'default' },
      status,
    });
    const requests = { cores: 98, memoryBytes: 0, storageBytes: 0 };
    const session = { kube: kubeParts.client, namespace: 'default' } as Session;
    const plan = { tasks: 1, trials: 2, builds: [], images: [], bytes: 0, requests };
    const lines = await quotaLines(session, plan);
    const fitting = await quotaLines(session, { ...plan, trials: 1 });
    await kubeParts.close();
    await server.close();
    expect(lines).to.deep.equal([
      'quota q: 9 of 10 pods are used, and all Trials at once want more than the rest',
    ]);
    expect(fitting).to.deep.equal(['quotas: the run fits']);
  });
});
