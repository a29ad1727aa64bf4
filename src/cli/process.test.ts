import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { programOf } from '../../test/support/bundle.ts';
import { kubeconfigFor } from '../../test/support/client/api.ts';
import { below, folderOf, GOOD_TASK, type Folder } from '../../test/support/folder.ts';
import { ownVersion } from '../installation/version.ts';

const ROOT = join(import.meta.dirname, '../..');
const SOURCE = 'src/cli/main.ts';
let program: string;

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** `sb` as a process of its own, on pipes; `node` are words before it. */
async function sb(args: string[], env: Record<string, string> = {}, node = [program]): Promise<Ended> {
  const child = spawn(process.execPath, [...node, ...args], {
    env: { HOME: '/nonexistent', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended: Ended = { code: null, stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (ended.stdout += chunk));
  child.stderr.on('data', (chunk) => (ended.stderr += chunk));
  [ended.code] = await once(child, 'close');
  return ended;
}

describe('sb as a process', function () {
  let folder: Folder;
  before(async () => {
    program = await programOf(SOURCE);
    folder = await folderOf({
      ...below('good', GOOD_TASK),
      ...below('runs', { ...GOOD_TASK, 'task.toml': '' }),
      ...below('bad', { ...GOOD_TASK, 'task.toml': '= 1\n' }),
      config: kubeconfigFor('http://127.0.0.1:1'),
    });
  });
  after(() => folder.remove());

  it('hashes the good tasks, and says which are none', async () => {
    const paths = ['bad', 'good', 'none'].map((name) => join(folder.path, name));
    const { code, stdout, stderr } = await sb(['task', 'hash', '-o', 'name', ...paths]);
    expect(code).to.equal(2);
    expect(stdout).to.match(/^good@[0-9a-f]{12}\n$/);
    expect(stderr)
      .to.match(/2 folders are no valid tasks/)
      .and.to.match(/bad/)
      .and.to.match(/none/);
  });

  it('has data on stdout, everything else on stderr, and 0 when all is well', async () => {
    const { code, stdout, stderr } = await sb(['task', 'hash', '-o', 'name', join(folder.path, 'good')]);
    expect([code, stderr]).to.deep.equal([0, '']);
    expect(stdout).to.match(/^good@[0-9a-f]{12}\n$/);
  });

  it('exits with 1 where a task has problems, which are data', async () => {
    const { code, stdout, stderr } = await sb(['task', 'check', '--json', join(folder.path, 'bad')]);
    expect(code).to.equal(1);
    const [finding] = JSON.parse(stdout) as { rule: string; line: number; column: number }[];
    expect(finding).to.include({ rule: 'invalid-task-config', line: 1, column: 1 });
    expect(stderr).to.equal('');
  });

  it('exits with 2 for wrong usage', async () => {
    const { code, stdout, stderr } = await sb(['task', 'check']);
    expect([code, stdout]).to.deep.equal([2, '']);
    expect(stderr.trimEnd().split('\n')).to.have.length(4);
  });

  it('exits with 3 where the cluster cannot be reached', async () => {
    const cluster = ['--kubeconfig', join(folder.path, 'config')];
    const { code, stdout, stderr } = await sb(['cloud', 'run', '-t', join(folder.path, 'good'), ...cluster]);
    expect([code, stdout]).to.deep.equal([3, '']);
    expect(stderr).to.include('SB-E004');
    const version = await sb(['version', ...cluster]);
    expect([version.code, version.stdout]).to.deep.equal([3, `sb                ${ownVersion()}\n`]);
    expect(version.stderr).to.include('cannot talk to the cluster of context test');
  });

  it('says its own version without a cluster, as programs do', async () => {
    const { code, stdout, stderr } = await sb(['--version']);
    expect([code, stdout, stderr]).to.deep.equal([0, `sb                ${ownVersion()}\n`, '']);
  });

  it('exits with 130 at Ctrl-C, whatever it was waiting for', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const slow = await folderOf({ config: kubeconfigFor(`http://127.0.0.1:${port}`) });
    const args = [program, 'version', '--kubeconfig', join(slow.path, 'config')];
    const child = spawn(process.execPath, args, { stdio: 'ignore' });
    await once(silent, 'connection');
    child.kill('SIGINT');
    const [code] = await once(child, 'close');
    silent.close();
    await slow.remove();
    expect(code).to.equal(130);
  });

  it('completes without a cluster, and without a word about it', async () => {
    const { code, stdout, stderr } = await sb(['__complete', '--', 'version', '--context', '']);
    expect([code, stdout, stderr]).to.deep.equal([0, '', '']);
  });

  it('has no control codes on a pipe, and colours there only when they are forced', async () => {
    const plain = await sb(['task', 'hash', '/nonexistent']);
    expect(plain.stderr).to.not.include('\x1b');
    const forced = await sb(['task', 'hash', '/nonexistent'], { FORCE_COLOR: '1' });
    expect(forced.stderr).to.include('\x1b[31merror:');
  });

  it('ends quietly when its reader is gone', async () => {
    const command = `${process.execPath} ${program} completion bash | true; echo "\${PIPESTATUS[0]}"`;
    const child = spawn('bash', ['-c', command], { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
    await once(child, 'close');
    expect(said).to.equal('0\n');
  });

  for (const command of [
    'task hash -o yaml GOOD',
    'task check --json BAD',
    'cloud run -t GOOD --dry-run -o yaml',
    'completion bash',
    '--help',
  ])
    it(`says in a line that its output cannot be written, and ends with 3: ${command}`, async () => {
      const words = command
        .replace('GOOD', join(folder.path, 'runs'))
        .replace('BAD', join(folder.path, 'bad'));
      const line = `${process.execPath} ${program} ${words} > /dev/full; echo $?`;
      const child = spawn('bash', ['-c', line], { stdio: ['ignore', 'pipe', 'pipe'] });
      let said = '';
      let told = '';
      child.stdout.on('data', (chunk) => (told += chunk));
      child.stderr.on('data', (chunk) => (said += chunk));
      await once(child, 'close');
      expect(said).to.match(/^error: cannot write to stdout: .*ENOSPC.*$/m);
      expect(told).to.equal('3\n');
    });

  it('says that the folder it was started in is gone, and does without it where it can', async () => {
    const inGone = async (words: string) => {
      const line = `mkdir gone && cd gone && rmdir ../gone && ${process.execPath} ${program} ${words}`;
      const child = spawn('bash', ['-c', line], {
        cwd: folder.path,
        env: { PATH: '/usr/bin:/bin', HOME: '/nonexistent' },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let said = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
      const [code] = await once(child, 'close');
      return { code, said };
    };
    expect(await inGone('task check .')).to.deep.equal({
      code: 2,
      said: 'error: cannot use the current folder\ncause: it is not there any more\nfix:   cd to a folder that is there\ncode:  SB-E013 (docs/errors/SB-E013.md)\n',
    });
    const { code, said } = await inGone('version --client');
    expect([code, said]).to.deep.equal([0, `sb                ${ownVersion()}\n`]);
  });

  it('prints all of a long document into a pipe whose reader takes its time', async () => {
    const tasks = Object.assign(
      {},
      ...Array.from({ length: 400 }, (_, index) => below(`t${index}`, { 'task.toml': '= 1\n' })),
    );
    const many = await folderOf(tasks as Record<string, string>);
    const command = `${process.execPath} ${program} task check --json ${many.path} | (sleep 1; cat)`;
    const child = spawn('bash', ['-c', command], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.on('data', (chunk) => (said += chunk));
    await once(child, 'close');
    await many.remove();
    expect(said.length).to.be.above(2 ** 16);
    expect(JSON.parse(said)).to.have.length.above(399);
  });

  it('loads for its help nothing that only running a command needs', async () => {
    const hook = `import { registerHooks } from 'node:module';
      registerHooks({ load(url, context, next) { process.stderr.write(url + '\\n'); return next(url, context); } });`;
    const imported = `data:text/javascript,${encodeURIComponent(hook)}`;
    const { stderr, stdout } = await sb(['--help'], {}, ['--import', imported, join(ROOT, SOURCE)]);
    expect(stdout).to.include('Usage: sb');
    const packages = new Set(stderr.match(/(?<=node_modules\/)(@[^/]+\/)?[^/]+/g));
    expect([...packages]).to.deep.equal(['commander']);
  });

  it('writes what an upload would send, each file whole', async () => {
    const target = join(folder.path, 'out');
    const { code, stdout } = await sb(['task', 'pack', join(folder.path, 'good'), '--to', target]);
    expect(code).to.equal(0);
    expect(stdout).to.equal(
      ['task.zip', 'context.zip', 'metadata.json'].map((file) => `${join(target, file)}\n`).join(''),
    );
    expect((await readFile(join(target, 'task.zip'))).subarray(0, 2).toString()).to.equal('PK');
  });

  it('starts by its launcher, whatever Node the machine has, which keeps its hands off --env-file', async () => {
    const said = async (...args: string[]) => {
      const child = spawn(join(ROOT, 'bin/sb.mjs'), args, { stdio: ['ignore', 'ignore', 'pipe'] });
      let stderr = '';
      child.stderr.on('data', (chunk) => (stderr += chunk));
      const [code] = await once(child, 'close');
      return { code, stderr };
    };
    expect(await said('task', 'check', '/nonexistent')).to.deep.equal({
      code: 2,
      stderr:
        'error: cannot use /nonexistent\ncause: there is no such file or folder\nfix:   ls -ld /nonexistent\ncode:  SB-E013 (docs/errors/SB-E013.md)\n',
    });
    const run = await said('cloud', 'run', '-t', '/nonexistent', '--env-file', '/no.env');
    expect(run.stderr).to.include('error: cannot read /no.env\n').and.include('SB-E013');
  });
});
