/** Who writes a task, or a run file, and wants the variables of those who run it. */
import { expect } from 'chai';
import { loadAll } from 'js-yaml';
import type { TrialSpec } from '../../crds/trial.ts';
import { run } from '../program.ts';
import { selectTasks } from '../../client/runs/select/select.ts';
import { fixedApi, type FixedApi } from '../../../test/support/client/api.ts';
import { below, folderOf, type Folder } from '../../../test/support/folder.ts';
import { recordedIo, recordedTerminal } from '../../../test/support/terminal/recorded.ts';
import { hostAccess } from './host-access.ts';
import { wishOf } from './wish.ts';

const LOOT = 'hush-loot';
const ENV = { AWS_SECRET_ACCESS_KEY: LOOT, GITHUB_TOKEN: 'hush-token', KUBECONFIG: '/nonexistent' };

const task = (toml: string) =>
  below('task', {
    'task.toml': toml,
    'instruction.md': 'Write hello.\n',
    'environment/Dockerfile': 'FROM debian:13\n',
    'solution/solve.sh': 'echo hello > hello.txt\n',
    'tests/test.sh': 'echo 1 > /logs/verifier/reward.txt\n',
  });

describe('A variable of the caller', () => {
  let folder: Folder | undefined;
  afterEach(() => folder?.remove());

  interface Told {
    files: Record<string, string | undefined>;
    args?: string;
    env?: Record<string, string>;
    answer?: boolean;
  }

  /** The run without a cluster: what is refused is refused before one is asked. */
  async function told({ files, args = '', env = {}, answer }: Told) {
    folder = await folderOf(files);
    const asked: string[] = [];
    const io = {
      ...recordedIo({ cwd: folder.path, env: { ...ENV, ...env } }),
      terminal: recordedTerminal({ input: answer !== undefined }),
      confirm: async (question: string) => (asked.push(question), answer === true),
    };
    const words = `cloud run -t task --run-name r ${args}`.trim().split(/ +/);
    const code = await run(words, io);
    expect(`${io.terminal.stdout}${io.terminal.stderr}`).to.not.include('hush');
    return { code, asked, ...io.terminal };
  }
  const dry = (wish: Told) => told({ ...wish, args: `${wish.args ?? ''} --dry-run -o yaml` });
  const specOf = (yaml: string) => (loadAll(yaml)[0] as { spec: TrialSpec }).spec;

  for (const table of ['environment', 'verifier', 'solution'])
    it(`is told of, and not read, where a task names it in [${table}.env]`, async () => {
      const { code, stderr } = await dry({
        files: task(`[${table}.env]\nX = "\${AWS_SECRET_ACCESS_KEY}"\n`),
      });
      expect(code).to.equal(0);
      expect(stderr)
        .to.include('AWS_SECRET_ACCESS_KEY: task\n')
        .and.include('--allow-env AWS_SECRET_ACCESS_KEY');
    });

  it('is refused where it is only asked for beside a default, and is told of by its name where it is not set', async () => {
    const files = task('[environment.env]\nX = "${AWS_SECRET_ACCESS_KEY:-x}"\nY = "${NOT_SET:-y}"\n');
    const { stderr, stdout } = await dry({ files });
    expect(stderr).to.include('AWS_SECRET_ACCESS_KEY: task').and.not.include('NOT_SET');
    // The default is the task's own to say.
    expect(specOf(stdout).environment.env?.map(({ name }) => name)).to.deep.equal(['X']);
    const allowed = await dry({ files, args: '--allow-env NOT_SET --allow-env AWS_SECRET_ACCESS_KEY' });
    expect(allowed.stderr)
      .to.include('allowed, and not set in this shell: NOT_SET\n')
      .and.not.include('would ask');
  });

  it('is not asked about for a task that is not run', async () => {
    const unsupported = '[environment]\nos = "windows"\n[environment.env]\nX = "${AWS_SECRET_ACCESS_KEY}"\n';
    const { stderr, asked } = await told({ files: task(unsupported), answer: true });
    expect(stderr).to.not.include('AWS_SECRET_ACCESS_KEY: task');
    expect(asked).to.deep.equal([]);
    const { stderr: dryly } = await dry({ files: task(unsupported) });
    expect(dryly).to.include('SB-E014').and.not.include('would ask');
  });

  it('is not read by a value that looks like a variable of ours', async () => {
    const files = task('[environment.env]\nX = "\\u0000variable:AWS_SECRET_ACCESS_KEY"\n');
    const { stdout, stderr } = await dry({ files, args: '--allow-env GITHUB_TOKEN' });
    expect(`${stdout}${stderr}`).to.not.include('secretKeyRef');
  });

  it('is not asked for by an agent that has no use for it', async () => {
    const files = task('[solution.env]\nX = "${AWS_SECRET_ACCESS_KEY}"\n');
    expect((await dry({ files, args: '-a nop' })).stderr).to.not.include('AWS_SECRET_ACCESS_KEY');
  });

  it('is not asked for where the run gives the value itself', async () => {
    const files = task(
      '[environment.env]\nX = "${GITHUB_TOKEN}"\n[verifier.env]\nGITHUB_TOKEN = "${GITHUB_TOKEN}"\n',
    );
    const { code, stdout, stderr } = await dry({
      files,
      args: '--ae GITHUB_TOKEN=mine --ve GITHUB_TOKEN=ours',
    });
    expect([code, stderr.includes('ask')]).to.deep.equal([0, false]);
    const { environment, verifier } = specOf(stdout);
    expect(environment.env?.[0]?.secretKeyRef?.key).to.equal('agent.GITHUB_TOKEN');
    expect(verifier.env?.[0]?.secretKeyRef?.key).to.equal('verifier.GITHUB_TOKEN');
  });

  it('does not go from the verifier’s variables into the agent’s container', async () => {
    const files = task('[environment.env]\nX = "${JUDGE_KEY:-none}"\n');
    const { stdout } = await dry({ files, args: '--ve JUDGE_KEY=mine' });
    expect(specOf(stdout)).to.not.have.property('environment');
  });

  it('is allowed by --env-file, and by --ae and --ve that name it', async () => {
    const files = {
      ...task('[environment.env]\nX = "${GITHUB_TOKEN}"\n'),
      '.env': 'GITHUB_TOKEN=hush-mine\n',
    };
    for (const args of ['--env-file .env', '--ae A=${GITHUB_TOKEN}', '--ve A=${GITHUB_TOKEN}']) {
      const { code, stdout, stderr } = await dry({ files, args });
      expect([code, stderr.includes('would ask')], args).to.deep.equal([0, false]);
      expect(specOf(stdout).environment.env?.[0]?.secretKeyRef?.key).to.equal('var.GITHUB_TOKEN');
    }
  });

  it('is not read by a run file of somebody else, unless its list or a flag allows it', async () => {
    const file = (more: string) => ({
      ...task(''),
      'run.yaml': `agentEnv: {X: "\${AWS_SECRET_ACCESS_KEY}"}\nagents: [{name: nop, env: {Y: "\${GITHUB_TOKEN}"}}]\n${more}`,
    });
    const asked = await dry({ files: file(''), args: '-c run.yaml' });
    expect(asked.stderr)
      .to.include('AWS_SECRET_ACCESS_KEY: the run file\n')
      .and.include('GITHUB_TOKEN: the run file\n');
    const listed = file('allowEnv: [AWS_SECRET_ACCESS_KEY, GITHUB_TOKEN]\n');
    expect((await dry({ files: listed, args: '-c run.yaml' })).stderr).to.not.include('would ask');
  });

  const MINE = { 'mine.yaml': 'run: "true"\nproviders: [anthropic]\nmodelAccess: Direct\n' };

  it('is asked for as the key of an agent’s model, and then in the run’s Secret', async () => {
    const env = { ANTHROPIC_API_KEY: 'hush-key', OPENAI_API_KEY: 'hush-other' };
    const args = '-a ./mine.yaml -m anthropic/large';
    const { code, stdout, stderr } = await dry({ files: { ...task(''), ...MINE }, args, env });
    expect(code).to.equal(0);
    expect(stderr)
      .to.include('ANTHROPIC_API_KEY: the agent mine\n')
      .and.include('--allow-env ANTHROPIC_API_KEY')
      .and.not.include('OPENAI_API_KEY');
    expect(specOf(stdout).agent).to.deep.equal({
      name: 'custom',
      title: 'mine',
      run: 'true',
      modelAccess: 'Direct',
      model: 'anthropic/large',
      env: [{ name: 'ANTHROPIC_API_KEY', secretKeyRef: { name: 'r-env', key: 'var.ANTHROPIC_API_KEY' } }],
    });
  });

  it('is not asked for where the run gives the key itself', async () => {
    const env = { ANTHROPIC_API_KEY: 'hush-key' };
    for (const given of ['--ae ANTHROPIC_API_KEY', '--ae ANTHROPIC_API_KEY=mine', '--env-file .env']) {
      const files = { ...task(''), ...MINE, '.env': 'ANTHROPIC_API_KEY=hush-mine\n' };
      const args = `-a ./mine.yaml -m anthropic/large ${given}`;
      const { code, stdout, stderr } = await dry({ files, args, env });
      expect([code, stderr.includes('would use')], given).to.deep.equal([0, false]);
      const [variable, ...others] = specOf(stdout).agent.env ?? [];
      expect([variable?.name, others.length]).to.deep.equal(['ANTHROPIC_API_KEY', 0]);
      expect(variable?.secretKeyRef?.name).to.equal('r-env');
    }
  });

  it('is allowed by its whole name alone', async () => {
    for (const name of ['AWS_*', 'A=B', '']) {
      const { code, stderr } = await dry({
        files: task('[environment.env]\nX = "${AWS_SECRET_ACCESS_KEY}"\n'),
        args: `--allow-env=${name}`,
      });
      expect([code, stderr.includes('SB-E036')], name).to.deep.equal([2, true]);
    }
  });

  it('names every variable and no more than three tasks of each', async () => {
    const toml = '[environment.env]\nA = "${AWS_SECRET_ACCESS_KEY}"\nB = "${GITHUB_TOKEN}"\n';
    const [one] = [task(toml)];
    const files = Object.fromEntries(
      Array.from({ length: 5 }, (_, at) =>
        Object.entries(one).map(([path, text]) => [path.replace('task/', `task/t${at}/`), text]),
      ).flat(),
    );
    const { stderr } = await dry({ files });
    expect(stderr)
      .to.include('AWS_SECRET_ACCESS_KEY: t0, t1, t2 and 2 more\n')
      .and.include('GITHUB_TOKEN: t0, t1, t2 and 2 more\n');
  });

  describe('in a cluster', () => {
    let api: FixedApi;
    beforeEach(async () => void (api = await fixedApi()));
    afterEach(() => api.close());

    for (const [who, answer] of [
      ['nobody is there', undefined],
      ['the answer is no', false],
    ] as const)
      it(`keeps the run from being made where ${who}, in one error with the flags to give`, async () => {
        const files = task('[environment.env]\nX = "${AWS_SECRET_ACCESS_KEY}"\nY = "${GITHUB_TOKEN}"\n');
        const { code, stderr } = await told({
          files: { ...files, config: api.kubeconfig },
          args: '--kubeconfig config --detach',
          ...(answer !== undefined && { answer }),
        });
        expect(code).to.equal(2);
        expect(stderr)
          .to.include('SB-E041')
          .and.include('AWS_SECRET_ACCESS_KEY: task\n')
          .and.include('--allow-env AWS_SECRET_ACCESS_KEY --allow-env GITHUB_TOKEN');
        expect(api.requests.filter((one) => !one.startsWith('GET '))).to.deep.equal([]);
      });
  });

  it('is read after one yes, with no other one beside it', async () => {
    folder = await folderOf(task('[environment.env]\nX = "${GITHUB_TOKEN}"\nY = "${KUBECONFIG:-y}"\n'));
    const asked: string[] = [];
    const io = {
      ...recordedIo({ cwd: folder.path, env: ENV }),
      terminal: recordedTerminal({ input: true }),
      confirm: async (question: string) => (asked.push(question), true),
    };
    const wish = await wishOf({ output: 'table', tasks: ['task'] }, io);
    const selection = await selectTasks({ path: wish.paths });
    expect(await hostAccess(wish, selection, io)).to.deep.equal({
      GITHUB_TOKEN: 'hush-token',
      KUBECONFIG: '/nonexistent',
    });
    expect(asked).to.have.length(1);
    expect(io.terminal.stderr).to.include('GITHUB_TOKEN: task\n').and.include('KUBECONFIG: task\n');
    expect(io.terminal.stderr).to.not.include('hush');
  });
});
