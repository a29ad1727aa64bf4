import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Sandbox as SandboxKind } from '../../../src/crds/kinds.ts';
import { kubeconfig, kubectlOk, root } from '../../support/cluster.ts';
import { world } from '../support/world.ts';

describe('the examples of programs that use Sandboxes', () => {
  let folder: string;
  let config: string;
  let namespace: string;

  before(async () => {
    namespace = await world().makeNamespace();
    folder = await mkdtemp(join(tmpdir(), 'sb-examples-'));
    config = join(folder, 'kubeconfig');
    await copyFile(kubeconfig, config);
    const context = ['set-context', '--current', `--namespace=${namespace}`];
    await kubectlOk(['config', ...context, '--kubeconfig', config]);
  });
  after(() => rm(folder, { recursive: true }));

  /** As their page says, in a folder of its own. Resolves with what the program printed. */
  async function run(example: string): Promise<string> {
    const args = ['--conditions=development', join(root, 'examples/sandboxes', example)];
    const env = { ...process.env, KUBECONFIG: config };
    const child = spawn(process.execPath, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const [[code], stdout, stderr] = await Promise.all([
      once(child, 'close') as Promise<[number | null]>,
      text(child.stdout),
      text(child.stderr),
    ]);
    expect(code, stderr).to.equal(0);
    expect(await world().kube.list(SandboxKind, { namespace })).to.deep.equal([]);
    return stdout;
  }

  it('fix a failing test suite, and bring home what passes', async function () {
    this.timeout(180_000);
    expect(await run('fix-tests.ts')).to.match(/exit code 1: FAILED[^]*\nfixed, see .\/fixed\n$/);
    expect(await readFile(join(folder, 'fixed/add.py'), 'utf8')).to.include('return a + b');
  });

  it('run a hundred rollouts, each in a Sandbox of its own', async function () {
    this.timeout(900_000);
    expect(await run('rollouts.ts')).to.equal('100 rollouts, 0 lost, mean reward 1.000\n');
  });
});
