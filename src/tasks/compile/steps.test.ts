import { expect } from 'chai';
import { parseTaskToml } from '../toml/parse.ts';
import { compile, filledIn, refusalOf } from './compile.ts';
import { refusedBySpec, refusedOf, storedSpec } from './refusals.ts';
import type { CompilableTask } from './types.ts';

const FILES = [
  'task.toml',
  'environment/Dockerfile',
  'tests/test.sh',
  'steps/one/instruction.md',
  'steps/one/solution/solve.sh',
  'steps/two/instruction.md',
  'steps/two/solution/solve.sh',
  'steps/two/tests/test.sh',
];
const CONTEXT = { uri: 's3://b/tasks/x/context.zip', sha256: 'a'.repeat(64) };
const TWO = '[[steps]]\nname = "one"\n[[steps]]\nname = "two"\n';

const aTask = (toml = TWO, without: string[] = []): CompilableTask => ({
  config: parseTaskToml(toml),
  files: FILES.filter((path) => !without.includes(path)).map((path) => ({ path })),
  context: CONTEXT,
});
const specOf = (spec: object = {}) =>
  storedSpec({ task: { name: 'org/hello', s3: { uri: 's3://b/tasks/x' } }, ...spec });
const compiled = (spec: object = {}, task = aTask()) => compile(specOf(spec), task);
const steps = (...input: Parameters<typeof compiled>) => compiled(...input).steps;
const messages = (...input: Parameters<typeof compiled>) =>
  compiled(...input)
    .problems.filter(({ reason }) => reason === 'TaskInvalid')
    .map(({ message }) => message);

const PUBLIC = { mode: 'Public', hosts: [] };
const ALL_PUBLIC = { environment: PUBLIC, agent: PUBLIC, verifier: PUBLIC };

const SAID = `
multi_step_reward_strategy = "final"
artifacts = ["/all"]
[agent]
timeout_sec = 10
user = "all"
[verifier]
timeout_sec = 20
user = "judges"
env = { A = "task", B = "task", C = "task" }
[[verifier.collect]]
command = "every"
[[steps]]
name = "one"
[[steps]]
name = "two"
min_reward = 0.5
artifacts = ["/own"]
healthcheck = { command = "up" }
[steps.agent]
timeout_sec = 11
user = 7
[steps.verifier]
timeout_sec = 21
user = "judge"
env = { B = "step", C = "step" }
[[steps.verifier.collect]]
command = "own"
user = 3
`;

describe('compile of several steps', () => {
  it('makes one step of a task with an empty list', () => {
    const toml = 'steps = []';
    const [first, ...others] = steps({ agent: { name: 'nop' } }, aTask(toml));
    expect([first.name, others.length]).to.deep.equal([undefined, 0]);
    expect(messages({ agent: { name: 'nop' } }, aTask(toml))).to.deep.equal([]);
  });

  it('takes what the step says before what the task says of all', () => {
    const made = compiled({}, aTask(SAID));
    expect(made.rewardStrategy).to.equal('Final');
    expect(made.steps).to.deep.equal([
      {
        name: 'one',
        agent: { name: 'oracle', setupTimeoutSeconds: 360, timeoutSeconds: 10, user: 'all', env: [] },
        verifier: {
          mode: 'Shared',
          disabled: false,
          // Harbor's default: the limit under [verifier] is that of no step.
          timeoutSeconds: 600,
          user: 'judges',
          env: ['A', 'B', 'C'].map((name) => ({ name, value: 'task' })),
        },
        hooks: [{ command: 'every', timeoutSeconds: 60 }],
        artifacts: [{ source: '/all', into: 'all' }],
        networks: ALL_PUBLIC,
      },
      {
        name: 'two',
        healthcheck: {
          command: 'up',
          intervalSeconds: 5,
          timeoutSeconds: 30,
          startPeriodSeconds: 0,
          startIntervalSeconds: 5,
          retries: 3,
        },
        agent: { name: 'oracle', setupTimeoutSeconds: 360, timeoutSeconds: 11, user: '7', env: [] },
        verifier: {
          mode: 'Shared',
          disabled: false,
          timeoutSeconds: 21,
          user: 'judge',
          env: [
            { name: 'A', value: 'task' },
            { name: 'B', value: 'step' },
            { name: 'C', value: 'step' },
          ],
        },
        hooks: [
          { command: 'every', timeoutSeconds: 60 },
          { command: 'own', timeoutSeconds: 60, user: '3' },
        ],
        artifacts: [
          { source: '/all', into: 'all' },
          { source: '/own', into: 'own' },
        ],
        minRewards: { reward: 0.5 },
        networks: ALL_PUBLIC,
      },
    ]);
  });

  it('lets what the Trial says of all steps go before what the task says of one', () => {
    const spec = {
      agent: { timeoutSeconds: 1, user: 'a' },
      verifier: { timeoutSeconds: 2, user: 'v', env: [{ name: 'B', value: 'trial' }] },
      artifacts: [{ source: '/trial' }],
      rewardStrategy: 'Mean',
    };
    const made = compiled(spec, aTask(SAID));
    expect(made.rewardStrategy).to.equal('Mean');
    for (const { agent, verifier, artifacts } of made.steps) {
      expect(agent).to.deep.include({ timeoutSeconds: 1, user: 'a' });
      expect(verifier).to.deep.include({ timeoutSeconds: 2, user: 'v' });
      expect(verifier.env).to.deep.include({ name: 'B', value: 'trial' });
      expect(artifacts).to.deep.equal([{ source: '/trial', into: 'trial' }]);
    }
  });

  it('lets what the Trial says of one step go before everything else', () => {
    const spec = {
      agent: { timeoutSeconds: 1, user: 'a' },
      verifier: { timeoutSeconds: 2, user: 'v', env: [{ name: 'B', value: 'trial' }] },
      steps: [
        {
          name: 'two',
          agent: { timeoutSeconds: 3, user: 'a2' },
          verifier: { timeoutSeconds: 4, user: 'v2', env: [{ name: 'B', value: 'own' }] },
          minReward: 0.9,
        },
      ],
    };
    const [one, two] = steps(spec, aTask(SAID));
    expect(one.agent).to.deep.include({ timeoutSeconds: 1, user: 'a' });
    expect(two?.agent).to.deep.include({ timeoutSeconds: 3, user: 'a2' });
    expect(two?.verifier).to.deep.include({ timeoutSeconds: 4, user: 'v2' });
    expect(two?.verifier.env).to.deep.equal([
      { name: 'B', value: 'own' },
      { name: 'A', value: 'task' },
      { name: 'C', value: 'step' },
    ]);
    expect(two?.minRewards).to.deep.equal({ reward: 0.9 });
  });

  it('knows least rewards by key', () => {
    const toml = `${TWO}min_reward = { a = 1, b = 0.5 }`;
    expect(steps({}, aTask(toml))[1]?.minRewards).to.deep.equal({ a: 1, b: 0.5 });
    const spec = { steps: [{ name: 'two', minRewards: { c: 2 } }] };
    expect(steps(spec, aTask(toml))[1]?.minRewards).to.deep.equal({ c: 2 });
  });

  it('takes the test and the solution of all steps where a step has none', () => {
    const bare = aTask(TWO, ['steps/one/solution/solve.sh']);
    expect(messages({}, { ...bare, files: [...bare.files, { path: 'solution/solve.sh' }] })).to.deep.equal(
      [],
    );
  });

  it('names the files that a step needs and has not', () => {
    const bare = aTask(TWO, ['steps/one/solution/solve.sh', 'steps/two/instruction.md', 'tests/test.sh']);
    expect(messages({}, bare)).to.deep.equal([
      'steps/one/solution/solve.sh is missing; the agent oracle needs it',
      'steps/one/tests/test.sh is missing; the verifier needs it',
    ]);
    expect(messages({ agent: { name: 'custom', run: 'x' } }, bare)).to.deep.equal([
      'steps/one/tests/test.sh is missing; the verifier needs it',
      'steps/two/instruction.md is missing; the agent custom needs it',
    ]);
    expect(messages({ agent: { name: 'nop' }, verifier: { disabled: true } }, bare)).to.deep.equal([]);
  });

  it('refuses a Trial that names a step which the task has not', () => {
    const spec = { steps: [{ name: 'two' }, { name: 'three' }] };
    expect(refusalOf({ problems: compiled(spec).problems.slice(-1) })).to.deep.equal({
      reason: 'TaskInvalid',
      message: 'spec.steps names the step "three", which the task has not',
    });
  });

  it('says of each variable once who asks for it', () => {
    const toml = `[verifier]\nenv = { A = "\${X}", B = "\${Y}" }\n${TWO}[steps.verifier]\nenv = { B = "\${Z}" }`;
    const needs = (field: string, variable: string): string =>
      `${field} needs the variable ${variable}: set ${field.slice(-1)} in the Trial, or give a default as in \${${variable}:-value}`;
    expect(messages({}, aTask(toml))).to.deep.equal([
      needs('verifier.env.A', 'X'),
      needs('verifier.env.B', 'Y'),
      needs('steps[1].verifier.env.B', 'Z'),
    ]);
    const env = [{ name: 'A', value: '' }];
    const spec = {
      verifier: { env },
      steps: [{ name: 'one', verifier: { env: [{ name: 'B', value: '' }] } }],
    };
    expect(messages(spec, aTask(toml))).to.deep.equal([needs('steps[1].verifier.env.B', 'Z')]);
  });

  it('counts the variables of all steps', () => {
    const table = `A = "${'x'.repeat(32_000)}"`;
    const toml = Array.from(
      { length: 5 },
      (_, at) => `[[steps]]\nname = "s${at}"\n[steps.verifier.env]\n${table}\n`,
    );
    expect(messages({ agent: { name: 'nop' } }, aTask(toml.join('')))).to.deep.equal([
      'the variables of task.toml have 160005 bytes; expected at most 131072: put what is large into files of the task',
    ]);
  });

  it('locates what the API would refuse in the step that says it', () => {
    const fields = (toml: string): string[] => refusedOf(aTask(toml)).map(({ field }) => field);
    const long = 'x'.repeat(4097);
    expect(fields(`${TWO}agent = { user = "a b", timeout_sec = 1e9 }`)).to.deep.equal([
      'steps[1].agent.timeout_sec',
      'steps[1].agent.user',
    ]);
    expect(fields(`[agent]\nuser = "a b"\n${TWO}`)).to.deep.equal(['agent.user']);
    expect(fields(`${TWO}verifier = { timeout_sec = 1e9, env = { "a b" = "\${X}" } }`)).to.deep.equal([
      'steps[1].verifier.timeout_sec',
      'steps[1].verifier.env."a b"',
    ]);
    expect(
      fields(`artifacts = ["/a"]\n${TWO}artifacts = ["/${long}"]\nhealthcheck = { command = "" }`),
    ).to.deep.equal(['steps[1].healthcheck.command', 'steps[1].artifacts[0].source']);
    expect(fields(TWO)).to.deep.equal([]);
  });

  it('names fields of the Trial’s own as such', () => {
    const spec = specOf({ steps: [{ name: 'two', agent: { user: 'a b' } }] });
    const task = aTask();
    expect(refusedBySpec(filledIn(spec, compile(spec, task)), task)[0]?.field).to.match(/^spec\./);
  });
});
