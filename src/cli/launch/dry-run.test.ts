import { expect } from 'chai';
import { loadAll } from 'js-yaml';
import { run } from '../program.ts';
import { below, folderOf, GOOD_TASK, type Folder } from '../../../test/support/folder.ts';
import { recordedIo } from '../../../test/support/terminal/recorded.ts';

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

  it('shows what a manifest leaves to its task, where that is more than usual', async () => {
    const separate = ['--skip-invalid', '--separate-verifier'];
    const { stdout } = await dry(...separate);
    expect(stdout.split('\n').slice(-3)).to.deep.equal([
      'a: agent without timeout; verifier 600 s, separate, the agent’s image',
      'b: agent without timeout; verifier 600 s, separate, the agent’s image',
      '',
    ]);
    const list = JSON.parse((await dry(...separate, '-o', 'json')).stdout) as object;
    expect(list).to.have.keys('apiVersion', 'kind', 'items', 'tasks');
    expect(list).to.have.nested.property('tasks[0].steps[0].verifier.mode', 'Separate');
    expect(JSON.parse((await dry('--skip-invalid', '-o', 'json')).stdout)).to.not.have.property('tasks');
  });

  it('refuses all where one task is bad, with everything that is wrong', async () => {
    const { code, stdout, stderr } = await dry();
    expect([code, stdout]).to.deep.equal([2, '']);
    expect(stderr).to.include('SB-E014').and.to.include('instruction.md is missing');
  });
});
