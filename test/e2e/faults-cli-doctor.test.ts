import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Diagnosis, CheckResult } from '../../src/client/documents/cluster.ts';
import { kubeconfig, kubectlOk, root, type Said } from '../support/cluster.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import { operatorIsWell, operatorPods, scaleOperator } from './support/faults.ts';
import { world } from './support/world.ts';

describe('sb doctor', () => {
  let namespace = '';
  let folder = '';
  before(async function () {
    this.timeout(180_000);
    namespace = await world().makeNamespace();
    folder = await mkdtemp(join(tmpdir(), 'sb-doctor-'));
    await operatorIsWell();
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function sb(args: string[], config = kubeconfig): Promise<Said> {
    const { AWS_ACCESS_KEY_ID: _, AWS_PROFILE: __, ...env } = process.env;
    const main = join(root, 'src/cli/main.ts');
    const child = spawn(
      process.execPath,
      [main, 'doctor', '--kubeconfig', config, '-n', namespace, ...args],
      {
        cwd: folder,
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    const [[code], stdout, stderr] = await Promise.all([
      once(child, 'close') as Promise<[number | null]>,
      text(child.stdout),
      text(child.stderr),
    ]);
    return { code: code ?? -1, stdout, stderr };
  }
  const diagnosis = async (config?: string): Promise<Diagnosis> =>
    JSON.parse((await sb(['-o', 'json'], config)).stdout) as Diagnosis;
  const of = ({ results }: Diagnosis, check: string): CheckResult[] =>
    results.filter((result) => result.check === check);

  it('finds nothing wrong with this cluster, and may write to its store', async () => {
    const { code, stdout } = await sb(['--write-probe']);
    expect(stdout).to.not.match(/^✗/m);
    expect(code).to.equal(0);
    expect(stdout)
      .to.include('✓ operator: 2 of 2 replicas of the operator are ready\n')
      .and.include('✓ broker: the broker has 2 endpoints\n')
      .and.include('✓ store: you may write, read and delete objects below tasks/\n')
      .and.include('✓ clock: this machine and the API server have the same time\n')
      .and.match(/✓ nodes: there is room for \d+ default Trials?/);
    for await (const { key } of world().artifacts.list('tasks/.doctor/'))
      expect.fail(`${key} was left behind`);
  });

  it('prints the Role that is missing, and is content once it is applied as printed', async () => {
    await kubectlOk(['create', 'serviceaccount', 'guest', '-n', namespace]);
    const config = await kubeconfigOf('guest');
    const { code, stdout } = await sb([], config);
    expect(code).to.equal(3);
    expect(stdout).to.include(
      `✗ permissions: system:serviceaccount:${namespace}:guest cannot use sb cloud run`,
    );
    expect(stdout).to.match(/^! nodes: the room on the nodes could not be checked: you may not list nodes/m);
    const [, manifest = ''] = /kubectl apply -f - <<'EOF'\n([^]*?\n)EOF\n/.exec(stdout) ?? [];
    const file = join(folder, 'role.yaml');
    await writeFile(file, manifest);
    await kubectlOk(['apply', '-f', file]);
    const states = async (): Promise<string[]> =>
      of(await diagnosis(config), 'permissions').map(({ state }) => state);
    await eventuallyTrue('the Role counts', async () => (await states()).join() === 'fine', 20);
  });

  it('says that the operator is switched off, and how to switch it on', async function () {
    this.timeout(300_000);
    await scaleOperator(0);
    try {
      await eventuallyTrue('the operator is gone', async () => (await operatorPods()).length === 0, 90);
      const { code, stdout } = await sb([]);
      expect(code).to.equal(3);
      expect(stdout).to.include(
        '✗ operator: the operator is switched off: its Deployment is scaled to 0, so no Trial makes progress\n' +
          '    kubectl -n sb-system scale deployment/sb-operator --replicas=2\n',
      );
      expect(stdout)
        .to.include('✗ operator: no operator leads: ')
        .and.include('✗ broker: the broker cannot be reached: ');
    } finally {
      await scaleOperator(2);
      await operatorIsWell();
    }
    await eventuallyTrue('nothing is wrong any more', async () => (await diagnosis()).fine, 30);
  });

  /** A kubeconfig for this cluster with the token of a ServiceAccount. */
  async function kubeconfigOf(account: string): Promise<string> {
    const [admin, token] = await Promise.all([
      kubectlOk(['config', 'view', '--raw', '--minify', '--flatten', '-o', 'json']),
      kubectlOk(['create', 'token', account, '-n', namespace]),
    ]);
    const config = JSON.parse(admin) as { users: { name: string; user: object }[] };
    const users = config.users.map(({ name }) => ({ name, user: { token: token.trim() } }));
    const file = join(folder, 'config');
    await writeFile(file, JSON.stringify({ ...config, users }), { mode: 0o600 });
    return file;
  }
});
