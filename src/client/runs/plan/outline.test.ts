import { expect } from 'chai';
import { MINIMAL, removeTaskFolder, taskFolder, type Files } from '../../../../test/support/folder.ts';
import { outlineLines } from '../../../cli/render/outline.ts';
import { readTask, type CompileDefaults } from '../../../tasks/index.ts';
import type { TaskOutline } from '../../documents/plan.ts';
import type { RunOptions } from '../../documents/run-options.ts';
import { outlines } from './outline.ts';
import { planRun } from './plan.ts';

const SOLVED: Files = { ...MINIMAL, 'solution/solve.sh': '#!/bin/sh\n' };
const ofStep = (name: string): Files => ({
  [`steps/${name}/instruction.md`]: 'Do it.\n',
  [`steps/${name}/tests/test.sh`]: '#!/bin/sh\n',
});
const STEPS = '[[steps]]\nname = "one"\n[steps.agent]\ntimeout_sec = 60\n[[steps]]\nname = "two"\n';
const STEP_FILES = { ...ofStep('one'), ...ofStep('two') };

interface Wanted {
  toml?: string;
  files?: Files;
  options?: RunOptions;
  defaults?: CompileDefaults;
}

describe('the outline of a plan', () => {
  const folders: string[] = [];
  after(() => Promise.all(folders.map(removeTaskFolder)));

  async function outlined({ toml = '', files = {}, options = {}, defaults }: Wanted): Promise<TaskOutline[]> {
    const dir = await taskFolder({ ...SOLVED, ...files, 'task.toml': `[task]\nname = "acme/a"\n${toml}` });
    folders.push(dir);
    const task = await readTask(dir);
    const context = { contextSha256: 'a'.repeat(64) };
    const tests = 'tests/Dockerfile' in files ? { testContexts: { 'tests/': 'b'.repeat(64) } } : {};
    const tasks = [{ task, ...context, ...tests }];
    const selection = { root: '/', tasks, invalid: [] };
    const rest = { run: 'r', bucket: 'b', environment: {}, ...(defaults && { defaults }) };
    return outlines(planRun({ selection, options, ...rest }));
  }
  const lines = async (wanted: Wanted): Promise<string[]> =>
    outlineLines(await outlined(wanted)).map((line) => line.trimEnd());

  it('has nothing to say of a task that does what most do, whatever defaults there may be', async () => {
    expect(await outlined({})).to.deep.equal([]);
    expect(await outlined({ defaults: {} })).to.deep.equal([]);
  });

  it('lists the steps by name, with the timeouts that hold', async () => {
    const wanted = { toml: STEPS, files: STEP_FILES, defaults: {} };
    expect(await lines(wanted)).to.deep.equal([
      'acme/a:',
      '  one: agent 60 s; verifier 600 s',
      '  two: agent without timeout; verifier 600 s',
    ]);
    const [outline] = await outlined({ ...wanted, options: { timeoutMultiplier: 2 } });
    expect(outline?.steps[0]).to.deep.equal({
      name: 'one',
      agent: { timeout_seconds: 120 },
      verifier: { timeout_seconds: 1200, mode: 'Shared' },
    });
  });

  it('says what phases may reach that is less than the internet', async () => {
    const network = (toml: string) => lines({ toml, defaults: {} });
    expect(await network('[environment]\nnetwork_mode = "no-network"\n')).to.deep.equal([
      'acme/a: agent without timeout; verifier 600 s; no network',
    ]);
    const hosts = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `"${name}.org"`).join();
    expect(
      await network(
        `[agent]\nnetwork_mode = "allowlist"\nallowed_hosts = [${hosts}]\n[verifier]\nnetwork_mode = "no-network"\n`,
      ),
    ).to.deep.equal([
      'acme/a: agent without timeout; verifier 600 s; agent: only a.org, b.org, c.org, d.org, e.org and 1 more; verifier: no network',
    ]);
  });

  it('names the GPUs of a task', async () => {
    const toml = '[environment]\ngpus = 2\ngpu_types = ["H100", "A100"]\n';
    expect(await lines({ toml })).to.deep.equal([
      'acme/a, 2 GPUs (H100 or A100): agent without timeout; verifier 600 s, shared or separate as the namespace or the installation says',
    ]);
  });

  it('names the services that are beside main', async () => {
    const compose =
      'services: { web: { image: web, depends_on: [db] }, db: { image: postgres }, main: {} }\n';
    const files = { 'environment/docker-compose.yaml': compose };
    expect(await lines({ files, defaults: {} })).to.deep.equal([
      'acme/a, beside db, web: agent without timeout; verifier 600 s',
    ]);
  });

  describe('of a separate verifier', () => {
    const text = async (wanted: Wanted): Promise<string | undefined> =>
      (await lines(wanted))[0]?.replace('acme/a: agent without timeout; ', '');

    it('says which image it has', async () => {
      const toml = '[verifier.environment]\ndocker_image = "judge:1"\ngpus = 1\n';
      expect(await text({ toml })).to.equal('verifier 600 s, separate, judge:1, 1 GPU');
      expect(await text({ options: { separateVerifier: true } })).to.equal(
        'verifier 600 s, separate, the agent’s image',
      );
      const built = {
        files: { 'tests/Dockerfile': 'FROM debian:12\n' },
        options: { separateVerifier: true },
      };
      expect(await text(built)).to.equal('verifier 600 s, separate, built from tests/');
      expect((await outlined(built))[0]?.steps[0]?.verifier.container).to.deep.equal({
        built_from: 'tests/',
        has_tests: true,
      });
    });

    it('knows the mode where the defaults are known', async () => {
      const separate: CompileDefaults = { installation: { verifierMode: 'Separate' } };
      expect(await text({ defaults: separate })).to.equal('verifier 600 s, separate, the agent’s image');
      expect(await text({ defaults: { namespace: { verifierMode: 'Shared' }, ...separate } })).to.equal(
        undefined,
      );
    });

    it('leaves it open where they are not, and nobody else has said it', async () => {
      const modes = async (toml: string) => {
        const [outline] = await outlined({ toml, files: STEP_FILES });
        return outline?.steps.map(({ verifier: { mode } }) => mode);
      };
      expect(await modes(STEPS)).to.deep.equal([null, null]);
      expect(await modes(`${STEPS}[steps.verifier]\nenvironment_mode = "shared"\n`)).to.deep.equal([
        null,
        'Shared',
      ]);
    });
  });

  it('tells agents apart that do a task in different ways', async () => {
    const agents = [{ name: 'oracle' }, { name: 'nop' }, { name: 'custom', run: 'true', timeoutSeconds: 5 }];
    const toml = '[environment]\nnetwork_mode = "no-network"\n';
    const wanted = { toml, options: { agents, attempts: 3 }, defaults: {} };
    expect(await lines(wanted)).to.deep.equal([
      'acme/a, with oracle, nop: agent without timeout; verifier 600 s; no network',
      'acme/a, with custom: agent 5 s; verifier 600 s; no network',
    ]);
  });

  it('shows twenty tasks to people', () => {
    const step = {
      name: null,
      agent: { timeout_seconds: 1 },
      verifier: { timeout_seconds: 1, mode: 'Shared' as const },
    };
    const many = Array.from({ length: 25 }, (_, index) => ({
      task: `t${index}\x1b[2J`,
      agents: ['nop'],
      steps: [step],
    }));
    const told = outlineLines(many);
    expect(told).to.have.length(21);
    expect(told[0]).to.equal('t0: agent 1 s; verifier 1 s\n');
    expect(told[20]).to.equal('… and 5 more; -o json lists all\n');
  });
});
