import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kubectlOk } from '../support/cluster.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import { diagnosis, doctor } from './support/doctor.ts';
import { operatorIsWell } from './support/faults.ts';
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

  it('finds nothing wrong with this cluster, and may write to its store', async () => {
    const { code, stdout } = await doctor(['--write-probe'], { cwd: folder, namespace });
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
    const place = { cwd: folder, namespace, config: await kubeconfigOf('guest') };
    const { code, stdout } = await doctor([], place);
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
      (await diagnosis(place)).results
        .filter(({ check }) => check === 'permissions')
        .map(({ state }) => state);
    await eventuallyTrue('the Role counts', async () => (await states()).join() === 'fine', 20);
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
