import { expect } from 'chai';
import { loadAll } from 'js-yaml';
import type { TSchema } from 'typebox';
import Value from 'typebox/value';
import { MINIMAL, removeTaskFolder, taskFolder, type Files } from '../../../../test/support/folder.ts';
import { TaskBuildSpec } from '../../../crds/task-build.ts';
import { TrialSpec } from '../../../crds/trial.ts';
import { readTask } from '../../../tasks/index.ts';
import { CliError } from '../../failures/error.ts';
import type { SelectedTask } from '../select/select.ts';
import { secretNote, yamlDocuments } from './documents.ts';
import type { RunOptions } from '../../documents/run-options.ts';
import { effectiveSpecs } from './effective.ts';
import { hostVariables } from './host-variables.ts';
import { planRun, type PlanOptions } from './plan.ts';
import { summary } from './summary.ts';
import { trialCount, type RunPlan } from './types.ts';

/** What the CRD's schema has to say, once its defaults are filled in. */
const faultsOf = (schema: TSchema, spec: object): unknown[] =>
  Value.Errors(schema, Value.Default(schema, structuredClone(spec)));

const SOLVED: Files = { ...MINIMAL, 'solution/solve.sh': '#!/bin/sh\n' };

describe('Planning a run', () => {
  const folders: string[] = [];
  after(() => Promise.all(folders.map(removeTaskFolder)));

  async function selected(toml = '', files: Files = SOLVED): Promise<SelectedTask> {
    const dir = await taskFolder({ ...files, 'task.toml': toml });
    folders.push(dir);
    const task = await readTask(dir);
    const ready = task.config.environment.docker_image !== undefined;
    return { task, ...(!ready && { contextSha256: 'a'.repeat(64) }) };
  }

  let hello: SelectedTask;
  before(
    async () => void (hello = await selected('[task]\nname = "acme/hello"\n[agent]\ntimeout_sec = 10\n')),
  );

  const plan = (
    options: RunOptions = {},
    more: Partial<PlanOptions> & { tasks?: SelectedTask[] } = {},
  ): RunPlan => {
    const { tasks = [hello], ...rest } = more;
    const selection = { root: '/tasks', tasks, invalid: [] };
    return planRun({
      selection,
      run: 'run-1',
      bucket: 'b',
      namespace: 'ns',
      environment: {},
      options,
      ...rest,
    });
  };
  const specOf = (made: RunPlan, index = 0) => {
    const spec = made.tasks[0]?.trials[index]?.spec;
    if (!spec) return expect.fail('there is no such Trial');
    return spec;
  };

  function refusal(options: RunOptions, more: Parameters<typeof plan>[1] = {}): CliError {
    try {
      plan(options, more);
    } catch (error) {
      expect(error).to.be.instanceOf(CliError);
      return error as CliError;
    }
    return expect.fail('it was planned');
  }

  it('has the tasks of a researcher where they are to be stored, and calls their dataset as everybody’s', () => {
    const made = plan({}, { folder: 'researchers/ada' });
    expect(made.folder).to.equal('researchers/ada');
    const { task } = specOf(made);
    expect(task?.dataset).to.equal('local');
    expect(task?.s3?.uri).to.match(/^s3:\/\/b\/tasks\/researchers\/ada\/acme\/hello\/[0-9a-f]{12}\/$/);
  });

  it('makes one Trial of a task for the oracle when nothing else is said', () => {
    const [trial, ...others] = plan().tasks.flatMap(({ trials }) => trials);
    expect(others).to.deep.equal([]);
    expect(trial?.metadata.name).to.match(/^hello-oracle-[0-9a-f]{10}$/);
    expect(trial?.metadata).to.deep.include({ namespace: 'ns', labels: { 'sb.abundant.ai/run': 'run-1' } });
    expect(trial?.spec).to.deep.include({ run: 'run-1' });
    expect(trial?.spec.agent).to.deep.equal({ name: 'oracle' });
  });

  it('makes every combination of agents, models and attempts, each with a name of its own', () => {
    const agents = [{ name: 'nop' }, { name: 'custom', run: './agent' }, { name: 'nop' }];
    const made = plan({ agents, models: ['m1', 'm2', 'm1'], attempts: 3 });
    const trials = made.tasks.flatMap((task) => task.trials);
    expect(trialCount(made)).to.equal(9);
    expect(new Set(trials.map(({ metadata }) => metadata.name)).size).to.equal(9);
    expect(trials.map(({ spec }) => `${spec.agent?.name} ${spec.agent?.model ?? '-'}`)).to.deep.equal(
      ['nop -', 'custom m1', 'custom m2'].flatMap((one) => [one, one, one]),
    );
  });

  it('writes only what the run says: the rest is the task’s, and a Trial is small', async () => {
    const toml =
      '[environment]\ncpus = 2\nmemory_mb = 4096\nworkdir = "/app"\n[environment.env]\nA = "a"\n[verifier]\ntimeout_sec = 60\n';
    const tasks = [await selected(toml)];
    const [trial] = plan({}, { tasks }).tasks.flatMap(({ trials }) => trials);
    expect(Object.keys(trial?.spec ?? {})).to.deep.equal(['task', 'agent', 'run']);
    expect(JSON.stringify(trial).length).to.be.below(512);
    const [spec] = effectiveSpecs(plan({ memory: '8Gi' }, { tasks }));
    expect(spec?.environment.resources).to.deep.equal({
      requests: { cpu: '2', memory: '8192Mi', 'ephemeral-storage': '8Gi' },
      limits: { memory: '8192Mi', 'ephemeral-storage': '16Gi' },
    });
    expect(spec?.verifier.timeoutSeconds).to.equal(60);
  });

  it('gives the same bytes for the same wish, and other names for another run', () => {
    const bytes = (run: string): string => [...yamlDocuments(plan({ attempts: 2 }, { run }))].join('');
    expect(bytes('run-1')).to.equal(bytes('run-1'));
    expect(bytes('run-2')).to.not.equal(bytes('run-1'));
    expect(loadAll(bytes('run-1'))).to.deep.equal(plan({ attempts: 2 }).tasks[0]?.trials);
  });

  it('writes manifests for Git without a time to live, after which a GitOps tool would create them again', () => {
    const forGit = (options: RunOptions): string => [...yamlDocuments(plan(options))].join('');
    expect(forGit({ ttlSecondsAfterFinished: 60 })).to.equal(forGit({}));
  });

  it('makes manifests that the API takes', async () => {
    const ready = await selected(
      '[task]\nname = "acme/ready"\n[environment]\ndocker_image = "debian:13"\ncpus = 2\n',
    );
    const everything: RunOptions = {
      agents: [
        { name: 'oracle' },
        { name: 'custom', run: 'true', install: 'true', env: { A_KEY: 'x' }, user: 'me' },
      ],
      models: ['m'],
      agentEnv: { B: 'y' },
      timeoutMultiplier: 1000,
      cpus: '250m',
      memory: '1Gi',
      storage: '20Gi',
      forceBuild: true,
      stopBackgroundProcesses: true,
      separateVerifier: true,
      uploadResults: false,
      maxAttempts: 2,
      ttlSecondsAfterFinished: 0,
      scheduling: { queueName: 'q', nodeSelector: { a: 'b' }, tolerations: [{ key: 'a' }] },
    };
    for (const options of [{}, everything]) {
      const made = plan(options, { tasks: [hello, ready] });
      for (const { trials, build } of made.tasks) {
        for (const { spec } of trials) expect(faultsOf(TrialSpec, spec)).to.deep.equal([]);
        if (build) expect(faultsOf(TaskBuildSpec, build.spec)).to.deep.equal([]);
      }
    }
  });

  it('ends what agents leave running where the run wants that', () => {
    const stopping = (options: RunOptions) =>
      plan(options).tasks.flatMap(({ trials }) => trials.map(({ spec }) => spec.agent?.backgroundProcesses));
    expect(stopping({ stopBackgroundProcesses: true })).to.deep.equal(['Stop']);
    expect(stopping({})).to.deep.equal([undefined]);
  });

  it('has the tests run in a container of their own where the run wants that, and says nothing otherwise', () => {
    const asked = (options: RunOptions) => specOf(plan(options)).verifier;
    expect(asked({ separateVerifier: true })).to.deep.equal({ mode: 'Separate' });
    expect(asked({ separateVerifier: false })).to.equal(undefined);
    const stretched = asked({ separateVerifier: true, verifierTimeoutMultiplier: 2 });
    expect(stretched).to.deep.equal({ mode: 'Separate', timeoutSeconds: 1200 });
  });

  it('reckons with the defaults of namespace and installation, and writes none of them', async () => {
    const says = { installation: { verifierMode: 'Separate' } } as const;
    const made = plan({}, { defaults: says });
    expect(specOf(made)).not.to.have.property('verifier');
    expect(effectiveSpecs(made)[0]?.environments).to.have.keys('agent', 'verifier');
    expect(effectiveSpecs(plan())[0]?.environments).to.have.keys('agent');
    const refused = { namespace: { verifierMode: { refused: 'the annotation is wrong' } }, ...says };
    expect(refusal({}, { defaults: refused }).why).to.match(/the annotation is wrong/);
    expect(specOf(plan({ separateVerifier: true }, { defaults: refused })).verifier?.mode).to.equal(
      'Separate',
    );
  });

  it('tells agents of one name apart by their titles, and gives each what the run says of models', () => {
    const mine = { name: 'custom', run: 'true', modelAccess: 'Proxy' as const };
    const agents = [{ name: 'nop' }, { ...mine, title: 'a' }, { ...mine, title: 'b', maxTokens: 5 }];
    const env = { OPENAI_API_KEY: 'hush' };
    const made = plan(
      { agents, models: ['openai/m'], maxTokens: 9, maxCost: 0.5, baseUrl: 'http://gate:4000' },
      { environment: env },
    );
    const trials = made.tasks.flatMap((task) => task.trials);
    expect(new Set(trials.map(({ metadata }) => metadata.name)).size).to.equal(3);
    const shared = { baseUrl: 'http://gate:4000', maxCostUsd: 0.5, modelAccess: 'Proxy', model: 'openai/m' };
    expect(trials.map(({ spec }) => spec.agent)).to.deep.equal([
      { name: 'nop' },
      ...[
        { title: 'a', maxTokens: 9 },
        { title: 'b', maxTokens: 5 },
      ].map((own) => ({
        name: 'custom',
        run: 'true',
        ...shared,
        ...own,
        env: [{ name: 'OPENAI_API_KEY', secretKeyRef: { name: 'run-1-env', key: 'var.OPENAI_API_KEY' } }],
      })),
    ]);
    for (const { spec } of trials) expect(faultsOf(TrialSpec, spec)).to.deep.equal([]);
    expect([...yamlDocuments(made)].join('')).to.not.include('hush');
  });

  it('refuses agents that cannot be run', () => {
    const cases: [RunOptions, RegExp][] = [
      [{ agents: [{ name: 'claude' }] }, /there is no such agent/],
      [{ agents: [{ name: 'custom' }] }, /it has no script/],
      [{ agents: [{ name: 'oracle', run: 'x' }] }, /for the agent custom only/],
      [{ models: ['m'] }, /no model is used, yet m is given/],
      [{ baseUrl: 'http://x' }, /no model is used, yet baseUrl is given/],
      [{ agentVersion: '1.0' }, /none of them has a program/],
      [{ agents: [{ name: 'oracle', title: 'x', maxTokens: 1 }] }, /title is for the agent custom only/],
      [{ agents: [{ name: 'custom', run: 'x', title: 'nop' }] }, /the name of another agent/],
      [{ agents: [{ name: 'custom', run: 'x' }], maxCost: 1 }, /maxCost needs model access Proxy/],
      [{ agents: [{ name: 'custom', run: 'x', modelAccess: 'Direct', maxTokens: 1 }] }, /maxTokens needs/],
      [
        {
          agents: [
            { name: 'custom', run: 'a' },
            { name: 'custom', run: 'b' },
          ],
        },
        /given twice/,
      ],
    ];
    for (const [options, why] of cases) {
      const error = refusal(options);
      expect(error.code).to.equal('SB-E037');
      expect(error.why).to.match(why);
    }
  });

  it('refuses options with wrong values, and a run’s name that is none', () => {
    const error = refusal({ attempts: 0, memory: '4', cpus: 'two', timeoutMultiplier: -1 });
    expect([error.code, error.exit]).to.deep.equal(['SB-E036', 2]);
    expect(error.why.split('\n')).to.have.length(4);
    expect(refusal({}, { run: 'a/b' }).code).to.equal('SB-E034');
  });

  it('stretches timeouts, a phase’s own multiplier in place of the general one', () => {
    const all = specOf(plan({ timeoutMultiplier: 1.5 }));
    expect(all.agent).to.include({ timeoutSeconds: 15, setupTimeoutSeconds: 540 });
    expect(all.verifier).to.include({ timeoutSeconds: 900 });
    expect(all.environment?.build).to.include({ timeoutSeconds: 900 });
    const own = specOf(
      plan({ timeoutMultiplier: 2, agentTimeoutMultiplier: 0.01, verifierTimeoutMultiplier: 1e3 }),
    );
    expect(own.agent).to.include({ timeoutSeconds: 1, setupTimeoutSeconds: 720 });
    expect(own.verifier).to.include({ timeoutSeconds: 600_000 });
    const build = specOf(plan({ environmentBuildTimeoutMultiplier: 3, agentSetupTimeoutMultiplier: 0.5 }));
    expect(build.environment?.build).to.include({ timeoutSeconds: 1800 });
    expect(build.agent).to.deep.equal({ name: 'oracle', setupTimeoutSeconds: 180 });
  });

  it('puts the run’s resources in place of the task’s', async () => {
    const tasks = [await selected('[environment]\ncpus = 1\nmemory_mb = 100\n')];
    const { environment } = specOf(plan({ cpus: '1500m', memory: '4Gi', storage: '20G' }, { tasks }));
    expect(environment?.resources).to.deep.equal({
      requests: { cpu: '1500m', memory: '4096Mi', 'ephemeral-storage': '2048Mi' },
      limits: { memory: '4096Mi', 'ephemeral-storage': '19074Mi' },
    });
  });

  it('makes requests and limits of CPUs and memory as Harbor’s policies have it', async () => {
    const tasks = [await selected('[environment]\ncpus = 2\nmemory_mb = 1024\nstorage_mb = 4096\n')];
    const of = (options: RunOptions) => {
      const made = plan(options, { tasks });
      return [specOf(made).environment?.resources, effectiveSpecs(made)[0]?.environment.resources];
    };
    const disk = { requests: { 'ephemeral-storage': '2048Mi' }, limits: { 'ephemeral-storage': '4096Mi' } };
    const made = (requests: object, limits: object) => ({
      requests: { ...requests, ...disk.requests },
      limits: { ...limits, ...disk.limits },
    });
    const both = (policy: 'auto' | 'limit' | 'request' | 'guarantee' | 'ignore') =>
      of({ cpuEnforcementPolicy: policy, memoryEnforcementPolicy: policy });
    const amounts = { cpu: '2', memory: '1024Mi' };
    expect(both('auto')).to.deep.equal([undefined, made(amounts, { memory: '1024Mi' })]);
    expect(both('request')).to.deep.equal([{ requests: amounts }, made(amounts, {})]);
    expect(both('guarantee')).to.deep.equal([{ requests: amounts, limits: amounts }, made(amounts, amounts)]);
    expect(both('limit')).to.deep.equal([
      { limits: amounts },
      made({ cpu: '500m', memory: '512Mi' }, amounts),
    ]);
    const usual = { cpu: '500m', memory: '512Mi' };
    expect(both('ignore')).to.deep.equal([{ requests: usual }, made(usual, {})]);
    expect(of({ cpus: '4', cpuEnforcementPolicy: 'limit' })[0]).to.deep.equal({ limits: { cpu: '4' } });
    expect(refusal({ memoryEnforcementPolicy: 'limit' }).why).to.match(
      /environment\.memory_mb is missing; the policy limit needs it/,
    );
  });

  it('sets what a run alone can say', () => {
    const scheduling = { queueName: 'evals' };
    const spec = specOf(
      plan({ uploadResults: false, maxAttempts: 1, ttlSecondsAfterFinished: 60, scheduling }),
    );
    expect(spec).to.deep.include({
      uploadResults: false,
      maxAttempts: 1,
      ttlSecondsAfterFinished: 60,
      scheduling,
    });
    expect(specOf(plan({ uploadResults: true }))).to.not.have.property('uploadResults');
  });

  it('forces a build by one of the run’s own', () => {
    const [task] = plan({ forceBuild: true, attempts: 2, environmentBuildTimeoutMultiplier: 2 }).tasks;
    if (!task?.build) throw new Error('there is no build');
    const { metadata, spec: build } = task.build;
    expect(build).to.deep.include({ force: true, timeoutSeconds: 1200 });
    expect(build.tag).to.equal('hello');
    for (const { spec } of task.trials)
      expect(spec.environment)
        .to.deep.include({ buildRef: { name: metadata.name } })
        .and.not.have.property('build');
  });

  it('forces no build where the image is ready-made', async () => {
    const tasks = [await selected('[environment]\ndocker_image = "debian:13"\n')];
    const made = plan({ forceBuild: true }, { tasks });
    expect(made.tasks[0]?.build).to.equal(undefined);
    expect(specOf(made)).not.to.have.property('environment');
    expect(effectiveSpecs(made)[0]?.environment.image).to.equal('debian:13');
  });

  it('names every problem of tasks that these agents cannot run, once', async () => {
    const tasks = [await selected('[environment.tpu]\ntype = "v4"\ntopology = "2x2"\n', MINIMAL), hello];
    const { code, why, fix } = refusal({ agents: [{ name: 'oracle' }, { name: 'nop' }] }, { tasks });
    expect([code, fix]).to.deep.equal(['SB-E014', 'correct them, or leave them out with --skip-invalid']);
    // Without the others nothing would be left.
    expect(refusal({}, { tasks: tasks.slice(0, 1) }).fix).to.equal('correct one of them: no task is left');
    expect(why.split('\n')).to.have.length(2);
    expect(why)
      .to.match(/TPUs are not supported/)
      .and.match(/solution\/solve\.sh is missing/);
  });

  it('leaves them out when told to, and keeps what another agent can run', async () => {
    const unsolved = await selected('[task]\nname = "acme/unsolved"\n', MINIMAL);
    const made = plan(
      { skipInvalid: true, agents: [{ name: 'oracle' }, { name: 'nop' }] },
      { tasks: [hello, unsolved] },
    );
    expect(made.tasks.map(({ task, trials }) => [task.name, trials.length])).to.deep.equal([
      ['acme/hello', 2],
      ['acme/unsolved', 1],
    ]);
    expect(made.skipped.map(({ folder }) => folder)).to.deep.equal([unsolved.task.dir]);
  });

  describe('with variables', () => {
    const texts = (made: RunPlan): string => [...yamlDocuments(made)].join('');
    const secretOf = ({ secret }: RunPlan): Record<string, string> =>
      Object.fromEntries(
        Object.entries(secret?.data ?? {}).map(([key, value]) => [
          key,
          Buffer.from(value, 'base64').toString(),
        ]),
      );
    const reference = (name: string, key: string) => ({ name, secretKeyRef: { name: 'run-1-env', key } });

    it('shows plain values and hides those that look secret', () => {
      const made = plan({
        agentEnv: { LEVEL: 'high', API_KEY: 'hush-1', DB: 'postgres://u:hush-2@h/d' },
        verifierEnv: { API_KEY: 'hush-3', N: '1' },
      });
      expect(specOf(made).agent?.env).to.deep.equal([
        { name: 'LEVEL', value: 'high' },
        reference('API_KEY', 'agent.API_KEY'),
        reference('DB', 'agent.DB'),
      ]);
      expect(specOf(made).verifier?.env).to.deep.equal([
        reference('API_KEY', 'verifier.API_KEY'),
        { name: 'N', value: '1' },
      ]);
      expect(secretOf(made)).to.deep.equal({
        'agent.API_KEY': 'hush-1',
        'agent.DB': 'postgres://u:hush-2@h/d',
        'verifier.API_KEY': 'hush-3',
      });
      expect(texts(made)).to.not.match(/hush/);
      expect(made.secret?.metadata.labels).to.deep.equal({ 'sb.abundant.ai/run': 'run-1' });
      expect(secretNote(made)).to.match(
        /kubectl create secret generic run-1-env -n ns --from-literal=agent.API_KEY=…/,
      );
    });

    it('hides all that comes from --env-file or the caller’s environment, also by way of task.toml', async () => {
      const toml =
        '[environment.env]\nA = "${FROM_FILE}"\nB = "${FROM_SHELL}"\nC = "${NOT_SET:-plain}"\nD = "literal"\n';
      const made = plan(
        { agentEnv: { E: '${FROM_SHELL}' } },
        {
          tasks: [await selected(toml)],
          envFile: { FROM_FILE: 'hush-file' },
          environment: { FROM_SHELL: 'hush-shell', UNUSED: 'hush-unused', FROM_FILE: 'hush-other' },
        },
      );
      expect(specOf(made).environment?.env).to.deep.equal([
        reference('A', 'var.FROM_FILE'),
        reference('B', 'var.FROM_SHELL'),
      ]);
      expect(effectiveSpecs(made)[0]?.environment.env).to.deep.equal([
        reference('A', 'var.FROM_FILE'),
        reference('B', 'var.FROM_SHELL'),
        { name: 'C', value: 'plain' },
        { name: 'D', value: 'literal' },
      ]);
      expect(specOf(made).agent?.env).to.deep.equal([
        reference('FROM_FILE', 'var.FROM_FILE'),
        reference('E', 'var.FROM_SHELL'),
      ]);
      expect(secretOf(made)).to.deep.equal({ 'var.FROM_FILE': 'hush-file', 'var.FROM_SHELL': 'hush-shell' });
      expect(texts(made)).to.not.match(/hush/);
    });

    it('takes the run’s value where the task has one of the same name', async () => {
      const tasks = [await selected('[solution.env]\nX = "task"\n[verifier.env]\nX = "task"\n')];
      const made = plan({ agentEnv: { X: 'run' }, verifierEnv: { X: 'run' } }, { tasks });
      expect(specOf(made).agent?.env).to.deep.equal([{ name: 'X', value: 'run' }]);
      expect(specOf(made).verifier?.env).to.deep.equal([{ name: 'X', value: 'run' }]);
    });

    it('keeps secrets of one name apart that two agents have', () => {
      const agents = ['oracle', 'nop'].map((name) => ({ name, env: { API_KEY: `of ${name}` } }));
      const made = plan({ agents, agentEnv: { API_KEY: 'of all' } });
      expect(specOf(made, 0).agent?.env).to.deep.equal([reference('API_KEY', 'agent-oracle.API_KEY')]);
      expect(specOf(made, 1).agent?.env).to.deep.equal([reference('API_KEY', 'agent-nop.API_KEY')]);
      expect(secretOf(made)).to.include({
        'agent-oracle.API_KEY': 'of oracle',
        'agent-nop.API_KEY': 'of nop',
      });
    });

    it('refuses what is not set', async () => {
      expect(refusal({ agentEnv: { A: '${NOPE}' } })).to.include({ code: 'SB-E035' });
      const tasks = [await selected('[verifier.env]\nA = "${NOPE}"\n')];
      expect(refusal({}, { tasks }).why).to.match(/needs the variable NOPE, which is not set/);
    });

    it('gives an agent that takes MCP servers what their headers ask for, and nobody else', async () => {
      const toml =
        '[[environment.mcp_servers]]\nname = "s"\nurl = "https://s"\nheaders = { Authorization = "Bearer ${TOKEN}", X-Level = "${LEVEL:-1}" }\n';
      const tasks = [await selected(toml)];
      const agents = [{ name: 'custom', run: 'true' }, { name: 'oracle' }];
      const made = plan({ agents }, { tasks, environment: { TOKEN: 'hush-token' } });
      expect(specOf(made, 0).agent?.env).to.deep.equal([reference('TOKEN', 'var.TOKEN')]);
      expect(specOf(made, 1).agent?.env).to.equal(undefined);
      expect(texts(made)).to.not.match(/hush/);
      expect(refusal({ agents: [{ name: 'custom', run: 'true' }] }, { tasks }).why).to.match(
        /mcp_servers\[0\]\.headers\.Authorization needs the variable TOKEN, which is not set/,
      );
      const asked = hostVariables({
        tasks,
        contenders: agents.map((agent) => ({ agent })),
        options: {},
        envFile: {},
        environment: { TOKEN: 'x' },
        allowed: [],
      });
      expect(asked).to.deep.equal([{ name: 'TOKEN', by: [tasks[0]?.task.name] }]);
    });

    it('needs no Secret where nothing is secret', () => {
      expect(plan({ agentEnv: { A: 'b' } }).secret).to.equal(undefined);
      expect(secretNote(plan())).to.equal(undefined);
    });
  });

  it('sums up what it will cost', async () => {
    const ready = await selected(
      '[task]\nname = "acme/ready"\n[environment]\ndocker_image = "debian:13"\ncpus = 2\n',
    );
    const made = plan({ attempts: 2 }, { tasks: [hello, ready] });
    expect(summary(made)).to.deep.include({
      tasks: 2,
      trials: 4,
      images: ['debian:13'],
      requests: { cores: 5, memoryBytes: 4 * 512 * 2 ** 20, storageBytes: 4 * 8 * 2 ** 30 },
    });
    expect(summary(made).builds).to.have.length(1);
  });
});
