import { expect } from 'chai';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kubectlOk } from '../support/cluster.ts';
import { eventuallyTrue } from '../support/eventually.ts';
import { diagnosis, doctor } from './support/doctor.ts';
import { operatorIsWell } from './support/faults.ts';
import { says, startSb } from './support/sb.ts';
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

  const leftOvers = async (): Promise<string[]> =>
    (
      await kubectlOk([
        'get',
        'jobs,pods',
        '-n',
        namespace,
        '-l',
        'app.kubernetes.io/name=sb-scale-test',
        '-o',
        'name',
      ])
    )
      .split('\n')
      .filter(Boolean);
  const areGone = () =>
    eventuallyTrue('nothing of the test is left', async () => (await leftOvers()).length === 0, 60);

  it('finds a node for a Pod that fits, and takes it away again', async function () {
    this.timeout(180_000);
    const { code, stdout, stderr } = await doctor(['--scale-test', '1'], { cwd: folder, namespace });
    expect(stderr).to.match(/scale test: Job sb-scale-test-\w{8} is deleted\n/);
    expect(stdout).to.match(/^✓ scale-test: 1 Pod of a default Trial’s size got a node in \d+s$/m);
    expect(code, stdout).to.equal(0);
    await areGone();
  });

  it('says in one sentence that nothing adds nodes for the Pods that do not fit', async function () {
    this.timeout(180_000);
    const { code, stdout } = await doctor(['--scale-test', '200'], { cwd: folder, namespace });
    expect(stdout).to.match(
      /^! scale-test: \d+ of 200 Pods of a default Trial’s size fit on the nodes that are there, and nothing adds nodes: .*Insufficient.*; the cluster has neither Karpenter nor EKS Auto Mode$/m,
    );
    expect(code, stdout).to.equal(0);
    await areGone();
  });

  it('takes its Pods away at Ctrl-C', async function () {
    this.timeout(180_000);
    const sb = startSb(['doctor', '--scale-test', '200'], { cwd: folder, namespace });
    await says(sb, 'Ctrl-C takes them away');
    sb.child.kill('SIGINT');
    const { code, stderr } = await sb.end;
    expect(code, stderr).to.equal(130);
    expect(stderr).to.match(/scale test: Job sb-scale-test-\w{8} is deleted\n$/);
    await areGone();
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
