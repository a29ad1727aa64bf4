import { reindex } from '../../cli/runs/reindex.ts';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { expect } from 'chai';
import { writeFile } from 'node:fs/promises';
import { load } from 'js-yaml';
import { aSandbox } from '../../../test/support/sandbox/objects.ts';
import { Sandbox as SandboxKind } from '../../crds/kinds.ts';
import { join } from 'node:path';
import type { TrialStatus } from '../../crds/trial-status.ts';
import { documentsOf } from '../../cli/commands/command.ts';
import { everythingFine, REVIEWS } from '../../../test/support/client/doctor.ts';
import { active, broken, collected, rewarded, RUN } from '../../../test/support/builders/run-trials.ts';
import { printTrialLog } from '../../cli/runs/logs.ts';
import { showSteps } from '../../cli/runs/trial.ts';
import { trialPrefix } from '../../results/keys.ts';
import { RunView } from '../runs/follow/view.ts';
import { printOutcome, printSubmitted } from '../../cli/launch/conclude.ts';
import { storeTrial } from '../../../test/support/client/stored-trial.ts';
import { CliError } from '../failures/error.ts';
import { parseRunFile } from '../runs/plan/run-file.ts';
import { callOf, everyCommand, program, run } from '../../cli/program.ts';
import { printDocument } from '../../cli/render/output.ts';
import { progress } from '../../cli/render/progress/progress.ts';
import { attachRun } from '../../cli/launch/cloud-run.ts';
import { downloadRun } from '../runs/mirror/download.ts';
import { world, type World } from '../../../test/support/client/world.ts';
import {
  add as addResearcher,
  budget,
  list as listResearchers,
  remove as removeResearcher,
} from '../../cli/cloud/researcher.ts';
import { publishedSchema, schemaNames, type SchemaName } from './index.ts';
import { pushTasks } from '../tasks/push.ts';
import { fixedApi } from '../../../test/support/client/api.ts';
import { testCluster, type TestCluster } from '../../../test/support/client/cluster.ts';
import { folderOf, GOOD_TASK, type Folder } from '../../../test/support/folder.ts';
import { recordedIo } from '../../../test/support/terminal/recorded.ts';

const commands = everyCommand(program({ io: recordedIo(), finish: () => undefined }));
const documents = commands.flatMap((command) =>
  Object.entries(documentsOf(command)).map(([options, schema]) => ({
    what: `${callOf(command)} ${options}`,
    schema,
  })),
);

const ADA = { monthly: '200', cpu: '64', memory: '256Gi', gpus: '0', storage: '500Gi' };

/** What a command about researchers prints. */
async function researchers(
  act: (printing: { io: ReturnType<typeof recordedIo>; format: 'json' }) => Promise<void>,
): Promise<unknown[]> {
  const io = recordedIo();
  await act({ io, format: 'json' });
  return [JSON.parse(io.terminal.stdout)];
}

describe('What programs read', () => {
  let folder: Folder;
  let cluster: TestCluster;
  let w: World;
  before(async () => {
    const { 'task.toml': _toml, ...task } = GOOD_TASK;
    folder = await folderOf({ ...task, 'task.toml': '[environment]\ncpus = 2\n' });
  });
  after(() => folder.remove());
  beforeEach(async () => {
    [cluster, w] = [await testCluster(), await world()];
    const trials = [
      rewarded(1, { name: 'a', agent: { model: 'm' }, status: EVERYTHING }),
      broken('NodeLost', { name: 'b' }),
      active('Unschedulable', { name: 'c', message: '2 Insufficient cpu.' }),
    ];
    cluster.have(...trials);
    cluster.server.collection(SandboxKind).objects.set('default/box', aSandbox());
    w.have(...trials.slice(0, 2));
  });
  afterEach(async () => void (await Promise.all([cluster.close(), w.close()])));

  const ajv = formats.default(new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true }));
  const checks = new Map(schemaNames.map((name) => [name, ajv.compile(publishedSchema(name))]));
  /** Programs must take fields that are added; what sb prints today is all named. */
  const closed = (name: SchemaName): object =>
    JSON.parse(
      JSON.stringify(publishedSchema(name), (key, value: unknown) =>
        key === 'additionalProperties' && value === true ? false : value,
      ),
    ) as object;
  const fits = (name: SchemaName, document: unknown): void => {
    const check = ajv.compile(closed(name));
    expect(check(document), ajv.errorsText(check.errors)).to.equal(true);
  };

  const parsed = (text: string): unknown[] => [JSON.parse(text)];
  const lines = (text: string): unknown[] =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
  const sb = async (...args: string[]): Promise<unknown[]> => parsed((await cluster.sb(...args)).out);
  /** Without a cluster. */
  const local = async (...args: string[]): Promise<unknown[]> => {
    const io = recordedIo({ env: { HOME: '/nonexistent' } });
    await run(args, io);
    return parsed(io.terminal.stdout);
  };
  const attached = async (output: 'json' | 'jsonl'): Promise<string> => {
    const io = recordedIo();
    const jobsDir = join(folder.path, 'jobs');
    await attachRun(w.session, { io, run: RUN, jobsDir, output, quiet: true, followAgents: false });
    return io.terminal.stdout;
  };
  const logged = async (output: 'json' | 'jsonl'): Promise<string> => {
    const io = recordedIo();
    const files = { 'agent/oracle.txt': 'one\n\u001b[1mtwo', 'verifier/test-stdout.txt': '' };
    const trial = rewarded(1, { name: 'logged' });
    w.have(trial);
    await storeTrial(w.store, trial, files);
    await printTrialLog(w.session, { io, trial: 'logged', wish: { follow: false }, output });
    return io.terminal.stdout;
  };
  const view = (): RunView => {
    const seen = new RunView({ run: RUN, expected: 2 });
    seen.take({ trial: rewarded(0.5), deleted: false });
    return seen;
  };
  const error = new CliError('SB-E040', { what: 'w', why: 'y', fix: 'f' });
  const submitted = {
    tasks: { stored: 1, present: 0, bytes: 1 },
    created: 1,
    unchanged: 0,
    refused: [{ name: 't', error }],
  };

  /** What each command really prints. */
  const printed: Record<string, () => Promise<unknown[]>> = {
    'sb run ls -o json': () => sb('run', 'ls', '-o', 'json'),
    'sb run show -o json': () => sb('run', 'show', '-o', 'json'),
    'sb run show -o jsonl': async () => lines((await cluster.sb('run', 'show', '-o', 'jsonl')).out),
    'sb run reindex -o json': async () => {
      const { signal, terminal } = recordedIo();
      await printDocument(terminal, 'json', await reindex(w.session, { run: RUN, terminal, signal }));
      return parsed(terminal.stdout);
    },
    'sb run cancel -o json': () => sb('run', 'cancel', '--yes', '-o', 'json'),
    'sb run delete -o json': () => sb('run', 'delete', RUN, '--yes', '-o', 'json'),
    'sb run rerun -o json': () => sb('run', 'rerun', '-o', 'json'),
    'sb run regrade --detach -o json': async () => {
      cluster.have(collected(1, { name: 'd' }));
      return sb('run', 'regrade', '--detach', '-o', 'json');
    },
    'sb run regrade -o json': async () => parsed(await attached('json')),
    'sb run regrade -o jsonl': async () => lines(await attached('jsonl')),
    'sb trial regrade --detach -o json': async () => {
      cluster.have(collected(1, { name: 'd' }));
      return sb('trial', 'regrade', 'd', '--detach', '-o', 'json');
    },
    'sb trial regrade -o json': async () => parsed(await attached('json')),
    'sb trial regrade -o jsonl': async () => lines(await attached('jsonl')),
    'sb trial show -o json': async () =>
      Promise.all(['a', 'b', 'c'].map(async (name) => (await sb('trial', 'show', name, '-o', 'json'))[0])),
    'sb trial show --steps -o json': async () => {
      const io = recordedIo();
      const trial = rewarded(1, { name: 'a' });
      const trajectory = {
        schema_version: 'ATIF-v1.8',
        agent: { name: 'a', version: '1' },
        steps: [{ step_id: 1, source: 'user', message: 'go' }],
      };
      await w.store.put(`${trialPrefix(trial)}agent/trajectory.json`, JSON.stringify(trajectory));
      await showSteps(w.session, { trial, format: 'json', full: false, io, jobsDir: folder.path });
      return parsed(io.terminal.stdout);
    },
    'sb trial logs -o json': async () => parsed(await logged('json')),
    'sb trial logs -o jsonl': async () => lines(await logged('jsonl')),
    'sb trial explain -o json': () => sb('trial', 'explain', 'c', '-o', 'json'),
    'sb trial cancel -o json': async () => [
      ...(await sb('trial', 'cancel', 'c', '--yes', '-o', 'json')),
      ...(await sb('trial', 'cancel', 'a', '-o', 'json')),
    ],
    'sb sandbox create -o json': () =>
      sb('sandbox', 'create', 'new', '--image', 'debian:13', '--no-wait', '-o', 'json'),
    'sb sandbox ls -o json': () => sb('sandbox', 'ls', '-o', 'json'),
    'sb sandbox explain -o json': () => sb('sandbox', 'explain', 'box', '-o', 'json'),
    'sb sandbox suspend -o json': () => sb('sandbox', 'suspend', 'box', '-o', 'json'),
    'sb sandbox resume -o json': () => sb('sandbox', 'resume', 'box', '-o', 'json'),
    'sb sandbox extend -o json': () => sb('sandbox', 'extend', 'box', '2h', '-o', 'json'),
    'sb sandbox rm -o json': () => sb('sandbox', 'rm', 'box', 'none', '--yes', '-o', 'json'),
    'sb task check -o json': () => local('task', 'check', '--strict', '-o', 'json', folder.path),
    'sb task hash -o json': () => local('task', 'hash', '-o', 'json', folder.path),
    'sb task pack -o json': () =>
      local('task', 'pack', folder.path, '--to', join(folder.path, 'out'), '-o', 'json'),
    'sb task push -o json': async () => {
      const { signal, terminal } = recordedIo();
      const options = { paths: [folder.path], cwd: '/', signal };
      await printDocument(terminal, 'json', await pushTasks(w.session, options));
      return parsed(terminal.stdout);
    },
    'sb agent ls -o json': () => local('agent', 'ls', '-o', 'json'),
    'sb agent show -o json': () => local('agent', 'show', 'custom', '-o', 'json'),
    'sb agent check -o json': async () => {
      const file = join(folder.path, 'mine.yaml');
      await writeFile(file, 'run: go\nproviders: [anthropic]\n');
      const check = ['agent', 'check', '-a', file, '-a', 'nop', '-m', 'large', '-o', 'json'];
      return [...(await local(...check)), ...(await local(...check, '--ae', 'ANTHROPIC_API_KEY=x'))];
    },
    'sb version -o json': async () => [
      ...(await local('version', '-o', 'json')),
      ...(await sb('version', '-o', 'json')),
    ],
    'sb doctor -o json': async () => {
      const api = await fixedApi({ ...everythingFine(''), [REVIEWS]: { status: { allowed: false } } });
      const there = await folderOf({ config: api.kubeconfig });
      const said = await local('doctor', '-o', 'json', '--kubeconfig', join(there.path, 'config'));
      await Promise.all([api.close(), there.remove()]);
      return [...said, ...(await local('doctor', '-o', 'json'))];
    },
    'sb run download -o json': async () => {
      await storeTrial(w.store, rewarded(1, { name: 'a' }), { 'agent/oracle.txt': 'a' });
      const { signal, terminal } = recordedIo();
      const jobsDir = join(folder.path, 'jobs');
      const done = await downloadRun(w.session, { run: RUN, jobsDir, signal, onProblem: () => undefined });
      await printDocument(terminal, 'json', done);
      return parsed(terminal.stdout);
    },
    'sb run attach -o json': async () => parsed(await attached('json')),
    'sb run attach -o jsonl': async () => lines(await attached('jsonl')),
    'sb cloud run -o json': async () => {
      const { terminal } = recordedIo();
      const seen = view();
      const report = { trials: 1, files: 1, kept: 0, bytes: 1, problems: [] };
      const summary = seen.summary(new Date());
      const rest = {
        ending: 'over',
        folder: '/jobs',
        report,
        cancelled: 0,
        run: RUN,
        namespace: 'n',
      } as const;
      await printOutcome(terminal, 'json', { ...rest, summary, submitted, trials: [...seen.trials()] });
      return parsed(terminal.stdout);
    },
    'sb cloud run -o jsonl': async () => {
      const { terminal } = recordedIo();
      const seen = view();
      const { clock } = w.session.kubeParts;
      const shown = progress({ terminal, view: seen, mode: 'jsonl', now: () => new Date(), clock });
      for (const line of seen.trials()) shown.news({ line });
      shown.note('the API server does not answer');
      shown.finish();
      return lines(terminal.stdout);
    },
    'sb cloud run --detach -o json': async () => {
      const { terminal } = recordedIo();
      await printSubmitted(terminal, 'json', { run: RUN, namespace: 'default', submitted });
      return parsed(terminal.stdout);
    },
    'sb cloud run --dry-run -o json': async () => {
      const dry = ['cloud', 'run', '-t', folder.path, '--dry-run', '-o', 'json'];
      return [
        ...(await local(...dry, '--force-build', '--cpus', '2')),
        ...(await local(...dry, '--separate-verifier')),
      ];
    },
    'sb cloud researcher add -o json': async () =>
      researchers((printing) => addResearcher(w.session, 'ada', { flags: ADA, ...printing })),
    'sb cloud researcher ls -o json': async () => {
      await researchers((printing) => addResearcher(w.session, 'ada', { flags: ADA, ...printing }));
      return researchers((printing) => listResearchers(w.session, printing));
    },
    'sb cloud researcher budget -o json': async () => {
      await researchers((printing) => addResearcher(w.session, 'ada', { flags: ADA, ...printing }));
      return researchers((printing) => budget(w.session, 'ada', { monthly: '5', ...printing }));
    },
    'sb cloud researcher rm -o json': async () => {
      await researchers((printing) => addResearcher(w.session, 'ada', { flags: ADA, ...printing }));
      return researchers((printing) =>
        removeResearcher(w.session, 'ada', { flags: { confirm: 'ada' }, ...printing }),
      );
    },
    'sb cloud run -c <file>': async () => RUN_FILES.taken.map((text) => load(text)),
  };

  for (const { what, schema } of documents)
    it(`${what} keeps to the schema ${schema}`, async () => {
      const seen = await printed[what]?.();
      expect(seen, 'documents that the command printed').to.be.an('array').with.length.above(0);
      for (const document of seen ?? []) fits(schema, document);
    });

  it('has a schema wherever there is -o json, and no schema that nothing keeps to', () => {
    const json = commands.filter(({ options }) =>
      options.some(({ long, argChoices }) => long === '--output' && argChoices?.includes('json')),
    );
    for (const command of json) expect(documentsOf(command), callOf(command)).to.have.property('-o json');
    expect(new Set(documents.map(({ schema }) => schema))).to.deep.equal(new Set(schemaNames));
  });

  for (const name of schemaNames)
    it(`is not just anything: ${name} refuses something else`, () =>
      expect(checks.get(name)?.({ surprise: true })).to.equal(false));

  it('allows in a run file what sb takes, and nothing else', () => {
    for (const text of RUN_FILES.taken) {
      expect(parseRunFile(text, 'run.yaml'), text).to.be.an('object');
      fits('run-file', load(text));
    }
    for (const text of RUN_FILES.refused) {
      expect(() => parseRunFile(text, 'run.yaml'), text).to.throw(CliError);
      expect(checks.get('run-file')?.(load(text)), text).to.equal(false);
    }
  });
});

const at = '2026-01-01T00:00:00Z';
const EVERYTHING: TrialStatus = {
  exception: { type: 'AgentTimeoutError', message: 'no end' },
  attempts: [
    { number: 1, jobName: 'a-1', podName: 'a-1-x', nodeName: 'n', startTime: at, completionTime: at },
  ],
  image: 'i',
  imageDigest: 'sha256:0',
  taskBuild: 'b',
  s3TaskUri: 's3://b/tasks/',
  s3TrialUri: 's3://b/trials/',
  logs: { url: 'https://logs', group: 'g', stream: 's' },
  timings: { agentExecution: { startTime: at, completionTime: at } },
  usage: { inputTokens: 1, costUsd: 0.5 },
  integrity: { verdict: 'Suspicious', findings: [{ code: 'PreloadPlanted', message: 'f' }] },
  regraded: {
    trial: 'first__1234567',
    uri: 's3://b/trials/first__1234567/',
    reward: 0.5,
    rewards: { reward: 0.5 },
  },
};

const RUN_FILES = {
  taken: [
    '{ tasks: t, agents: oracle, models: m, include: "a*", exclude: [b, c], cpus: 2, memory: 4Gi }',
    '{ agents: [nop, { name: custom, run: ./agent.sh, models: [x], env: { PORT: 80, DEBUG: true } }] }',
    '{ agents: [{ name: custom, title: mine, run: x, providers: [openai], maxCost: 0.5 }], maxTokens: 5, modelAccess: Proxy, baseUrl: "http://gate:4000/v1", agentVersion: 2.1.0 }',
    '{ agents: { name: custom, run: x }, agentEnv: { A: 1 }, verifierEnv: { B: b }, cpus: 500m }',
    '{ runName: r, attempts: 3, failUnder: 0.5, waitTimeout: 2h, detach: true, scheduling: { queueName: q } }',
  ],
  refused: [
    '{ attempt: 3 }',
    '{ attempts: many }',
    '{ memory: 4 }',
    '{ maxCost: 0 }',
    '{ baseUrl: gate }',
    '{ agents: [{ name: custom, run: x, providers: [nobody] }] }',
    '{ agents: [{ run: x }] }',
    '{ agents: [{ name: oracle, kwargs: {} }] }',
    '{ agentEnv: { A: [1] } }',
    '{ scheduling: { node: a } }',
    '[a list]',
  ],
};
