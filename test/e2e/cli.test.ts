import { expect } from 'chai';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Trial as TrialKind } from '../../src/crds/kinds.ts';
import { kubectlOk, root, type Said } from '../support/cluster.ts';
import { validateJobFolder } from '../support/harbor.ts';
import { ensureBaseImages } from './cluster/index.ts';
import { says, startSb, type RunningSb } from './support/sb.ts';
import { world } from './support/world.ts';

const HELLO = join(root, 'examples/tasks/hello');

describe('sb cloud run', () => {
  let namespace = '';
  let folder = '';
  let run = '';
  before(async () => {
    namespace = await world().makeNamespace();
    folder = await mkdtemp(join(tmpdir(), 'sb-cli-'));
    run = `story-${namespace}`;
    await ensureBaseImages(['debian:bookworm-slim']);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const start = (args: string[]): RunningSb => startSb(args, { cwd: folder, namespace });
  const sb = (...args: string[]): Promise<Said> => start(args).end;
  const versions = async (): Promise<string[]> =>
    (await world().kube.list(TrialKind, { namespace }))
      .filter(({ spec }) => spec.run === run)
      .map(({ metadata }) => `${metadata.name} ${metadata.uid} ${metadata.resourceVersion}`);

  it('runs a task, waits, and copies results that Harbor’s schemas take', async function () {
    const { code, stdout, stderr } = await sb('cloud', 'run', '-t', HELLO, '--run-name', run, '-o', 'json');
    expect(code, stderr).to.equal(0);
    const document = JSON.parse(stdout) as { mean: number; folder: string; trials: unknown[] };
    expect([document.mean, document.trials.length]).to.deep.equal([1, 1]);
    // oxlint-disable-next-line no-control-regex -- control codes are what is looked for
    expect(stdout + stderr).to.not.match(/[\x00-\x08\x0b-\x1f]/);
    await validateJobFolder(this, document.folder);
  });

  it('changes nothing when it is run again, and tells of a mean that is too low', async () => {
    const before = await versions();
    const { code, stderr } = await sb('cloud', 'run', '-t', HELLO, '--run-name', run, '--fail-under', '1.5');
    expect(code, stderr).to.equal(4);
    expect(stderr).to.include('0 created, 1 there before');
    expect(await versions()).to.deep.equal(before);
    expect(before).to.have.length(1);
  });

  it('has verifiers run where the namespace says, shows that before, and refuses a word that is no mode', async () => {
    const annotate = (value: string): Promise<string> =>
      kubectlOk(['annotate', '--overwrite', 'namespace', namespace, `sb.abundant.ai/verifier-mode${value}`]);
    const args = ['cloud', 'run', '-t', HELLO, '--run-name'];
    const apart = `${run}-apart`;
    await annotate('=Separate');
    const shown = await sb(...args, apart, '--dry-run=server');
    expect(shown.stdout, shown.stderr).to.match(
      /^examples\/hello: agent 60 s; verifier 60 s, separate, the agent’s image$/m,
    );
    const { code, stderr } = await sb(...args, apart);
    expect(code, stderr).to.equal(0);
    const [trial] = (await world().kube.list(TrialKind, { namespace })).filter(
      ({ spec }) => spec.run === apart,
    );
    expect(trial?.spec.verifier).not.to.have.property('mode');
    expect(trial?.status?.images?.map(({ role }) => role)).to.deep.equal(['agent', 'verifier']);
    // Its tests look for a file that is no artifact.
    expect(trial?.status?.reward).to.equal(0);
    await annotate('=separate');
    const refused = await sb(...args, `${run}-wrong`);
    expect(refused.code).to.equal(2);
    expect(refused.stderr).to.include(
      'the Namespace’s annotation sb.abundant.ai/verifier-mode is "separate"; expected Shared or Separate',
    );
    await annotate('-');
  });

  it('is the same run as its manifests, applied by hand', async () => {
    const args = ['cloud', 'run', '-t', HELLO, '-a', 'nop', '--run-name', `${run}-git`];
    const manifests = join(folder, 'manifests.yaml');
    await writeFile(manifests, (await sb(...args, '--dry-run', '-o', 'yaml')).stdout);
    expect(await kubectlOk(['apply', '-f', manifests])).to.match(/^trial\S+ created\n$/);
    const { code, stderr } = await sb(...args);
    expect(code, stderr).to.equal(0);
    expect(stderr).to.include('0 created, 1 there before').and.to.include('mean reward 0');
  });

  it('ends with 1 where a Trial was lost to something else than its agent', async () => {
    const task = join(folder, 'lost');
    await mkdir(join(task, 'tests'), { recursive: true });
    await mkdir(join(task, 'solution'));
    await writeFile(
      join(task, 'task.toml'),
      '[environment]\ndocker_image = "sb-registry:5000/library/nothing:none"\n',
    );
    await writeFile(join(task, 'instruction.md'), 'Nothing.\n');
    for (const script of ['tests/test.sh', 'solution/solve.sh'])
      await writeFile(join(task, script), 'true\n');
    const { code, stdout, stderr } = await sb('cloud', 'run', '-t', 'lost', '--run-name', `${run}-lost`);
    expect(code, stderr).to.equal(1);
    expect(stdout).to.include('lost').and.to.include('ImageNotFound');
  });

  it('hands a variable of its shell to a task that was allowed to have it, and creates nothing otherwise', async () => {
    const task = join(folder, 'asks');
    await mkdir(join(task, 'tests'), { recursive: true });
    await mkdir(join(task, 'solution'));
    const toml = [
      '[environment]\ndocker_image = "debian:bookworm-slim"\n[environment.env]\nOURS = "${HOME}"',
      '[agent]\nuser = "1000:1000"\n[verifier]\nuser = "0:0"\n',
    ];
    await writeFile(join(task, 'task.toml'), toml.join('\n'));
    await writeFile(join(task, 'instruction.md'), 'Nothing.\n');
    await writeFile(join(task, 'solution/solve.sh'), 'id -g > /tmp/group\n');
    const test = `[ "$OURS" = '${process.env['HOME']}' ] && [ "$(cat /tmp/group)" = 1000 ]`;
    await writeFile(
      join(task, 'tests/test.sh'),
      `{ ${test}; } && echo 1 > /logs/verifier/reward.txt || echo 0 > /logs/verifier/reward.txt\n`,
    );
    const args = ['cloud', 'run', '-t', 'asks', '--run-name', `${run}-asks`];
    const refused = await sb(...args, '--no-input');
    expect(refused.code, refused.stderr).to.equal(2);
    expect(refused.stderr).to.include('SB-E041').and.to.include('--allow-env HOME');
    const { code, stderr } = await sb(...args, '--allow-env', 'HOME');
    expect(code, stderr).to.equal(0);
    expect(stderr).to.include('1 created').and.to.include('mean reward 1');
  });

  it('leaves a run going at Ctrl-C, and sb run attach sees its end', async () => {
    const file = join(folder, 'run.yaml');
    const script = 'sleep 12; printf "Hello, world!\\n" > hello.txt';
    await writeFile(file, JSON.stringify({ tasks: HELLO, agents: [{ name: 'custom', run: script }] }));
    const name = `${run}-left`;
    const running = start(['cloud', 'run', '-c', file, '--run-name', name]);
    await says(running, ' running');
    running.child.kill('SIGINT');
    const { code, stderr } = await running.end;
    expect(code, stderr).to.equal(130);
    expect(stderr).to.include(`sb run attach ${name}`);
    const attached = await sb('run', 'attach', name);
    expect(attached.code, attached.stderr).to.equal(0);
    expect(attached.stderr).to.include('mean reward 1');
    expect(await readdir(join(folder, 'jobs', name))).to.include('result.json');
  });
});
