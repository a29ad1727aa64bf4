import { expect } from 'chai';
import type { EnvVar } from '../../crds/environment.ts';
import { parseTaskToml } from '../toml/parse.ts';
import { compile, filledIn, refusalOf } from './compile.ts';
import { storedSpec } from './refusals.ts';
import type { CompilableTask } from './types.ts';

const FILES = ['task.toml', 'instruction.md', 'environment/Dockerfile', 'solution/solve.sh', 'tests/test.sh'];
const CONTEXT = { uri: 's3://b/tasks/x/context.zip', sha256: 'a'.repeat(64) };

const aTask = (toml = '', over: Partial<CompilableTask> = {}): CompilableTask => ({
  config: parseTaskToml(toml),
  files: FILES.map((path) => ({ path })),
  context: CONTEXT,
  ...over,
});
const without = (path: string): CompilableTask =>
  aTask('', { files: FILES.filter((file) => file !== path).map((file) => ({ path: file })) });

const specOf = (spec: object = {}) =>
  storedSpec({ task: { name: 'org/hello', s3: { uri: 's3://b/tasks/x' } }, ...spec });
const compiled = (spec: object = {}, task = aTask()) => compile(specOf(spec), task);
const environment = (...input: Parameters<typeof compiled>) => compiled(...input).environments.agent;
const step = (...input: Parameters<typeof compiled>) => compiled(...input).steps[0];
const messages = (...input: Parameters<typeof compiled>) =>
  compiled(...input).problems.map(({ message }) => message);

describe('compile', () => {
  it('fills in Harbor’s defaults where neither Trial nor task say anything', () => {
    expect(compiled()).to.deep.equal({
      environments: {
        agent: {
          build: {
            context: { s3: CONTEXT },
            dockerfile: 'Dockerfile',
            tag: 'hello',
            timeoutSeconds: 600,
            queueTimeoutSeconds: 1800,
          },
          network: { enforcement: 'BestEffort' },
          allowPrivilegeEscalation: true,
          resources: {
            requests: { cpu: '500m', memory: '512Mi', 'ephemeral-storage': '8Gi' },
            limits: { 'ephemeral-storage': '16Gi' },
          },
          env: [],
        },
      },
      services: [],
      steps: [
        {
          agent: { name: 'oracle', setupTimeoutSeconds: 360, env: [] },
          verifier: { mode: 'Shared', disabled: false, timeoutSeconds: 600, env: [] },
          hooks: [],
          artifacts: [],
          networks: {
            environment: { mode: 'Public', hosts: [] },
            agent: { mode: 'Public', hosts: [] },
            verifier: { mode: 'Public', hosts: [] },
          },
        },
      ],
      rewardStrategy: 'Mean',
      notes: [],
      problems: [],
    });
  });

  const TOML = `
artifacts = ["/app/out", { source = "/a", destination = "b" }]
[agent]
timeout_sec = 0.5
user = 1000
[verifier]
timeout_sec = 30
user = "judge"
env = { JUDGE = "\${JUDGE:-none}" }
[[verifier.collect]]
command = "gather"
timeout_sec = 1.5
user = 7
[environment]
docker_image = "debian:bookworm-slim"
cpus = 0.5
memory_mb = 2048
storage_mb = 20480
gpus = 1
workdir = "/app"
env = { KEY = "k", PLAIN = "x" }
[environment.healthcheck]
command = "true"
interval_sec = 0.5
retries = 0
[solution.env]
ANSWER = "42"`;

  it('takes what the task says where the Trial is silent', () => {
    const made = compiled({}, aTask(TOML));
    const { network: _, ...rest } = made.environments.agent;
    expect(rest).to.deep.equal({
      image: 'debian:bookworm-slim',
      allowPrivilegeEscalation: true,
      resources: {
        requests: { cpu: '500m', memory: '2048Mi', 'ephemeral-storage': '2048Mi' },
        limits: { memory: '2048Mi', 'ephemeral-storage': '20480Mi' },
      },
      gpus: 1,
      workdir: '/app',
      env: [
        { name: 'KEY', value: 'k' },
        { name: 'PLAIN', value: 'x' },
      ],
      healthcheck: {
        command: 'true',
        intervalSeconds: 1,
        timeoutSeconds: 30,
        startPeriodSeconds: 0,
        startIntervalSeconds: 5,
        retries: 1,
      },
    });
    const [{ agent, verifier, hooks, artifacts }] = made.steps;
    expect(agent).to.deep.include({
      timeoutSeconds: 1,
      user: '1000',
      env: [{ name: 'ANSWER', value: '42' }],
    });
    expect(verifier).to.deep.include({
      timeoutSeconds: 30,
      user: 'judge',
      env: [{ name: 'JUDGE', value: 'none' }],
    });
    expect(hooks).to.deep.equal([{ command: 'gather', timeoutSeconds: 1.5, user: '7' }]);
    expect(artifacts).to.deep.equal([
      { source: '/app/out', into: 'app/out' },
      { source: '/a', into: 'b' },
    ]);
  });

  it('lets the Trial go before the task, value by value', () => {
    const secret: EnvVar = { name: 'KEY', secretKeyRef: { name: 's', key: 'k' } };
    const spec = {
      environment: { image: 'own:1', workdir: '/own', user: 'me', gpus: 0, env: [secret] },
      agent: { name: 'oracle', timeoutSeconds: 9, user: 'a', env: [{ name: 'ANSWER', value: '43' }] },
      verifier: { timeoutSeconds: 8, user: 'v', env: [{ name: 'JUDGE', value: 'j' }] },
      artifacts: [{ source: '/x' }],
    };
    const made = compiled(spec, aTask(TOML));
    expect(made.environments.agent).to.deep.include({
      image: 'own:1',
      workdir: '/own',
      user: 'me',
      gpus: 0,
      env: [secret, { name: 'PLAIN', value: 'x' }],
    });
    const [{ agent, verifier, artifacts }] = made.steps;
    expect(agent).to.deep.include(spec.agent);
    expect(verifier).to.deep.include(spec.verifier);
    expect(artifacts).to.deep.equal([{ source: '/x', into: 'x' }]);
  });

  it('puts the task’s variables after the Trial’s', () => {
    const own = [
      { name: 'B', value: 'b' },
      { name: 'A', secretKeyRef: { name: 's', key: 'k' } },
    ];
    const task = aTask('[verifier.env]\nC = "c"\nA = "a"');
    expect(step({ verifier: { env: own } }, task).verifier.env).to.deep.equal([
      ...own,
      { name: 'C', value: 'c' },
    ]);
  });

  it('decides request and limit of a resource together', () => {
    const task = aTask('[environment]\nmemory_mb = 2048\nstorage_mb = 1024');
    const of = (resources: object) => environment({ environment: { resources } }, task).resources;
    expect(of({ requests: { memory: '4Gi' } })).to.deep.equal({
      requests: { cpu: '500m', memory: '4Gi', 'ephemeral-storage': '1024Mi' },
      limits: { 'ephemeral-storage': '1024Mi' },
    });
    expect(of({ limits: { memory: '256Mi', cpu: 0.1 } })).to.deep.include({
      requests: { cpu: 0.1, memory: '256Mi', 'ephemeral-storage': '1024Mi' },
    });
    expect(of({ requests: { 'ephemeral-storage': '20Gi' } }).limits).to.deep.equal({
      memory: '2048Mi',
      'ephemeral-storage': '20Gi',
    });
  });

  it('takes the task’s variables of the solution for the oracle alone', () => {
    const task = aTask('[solution.env]\nA = "${X}"');
    expect(step({ agent: { name: 'nop' } }, task).agent.env).to.deep.equal([]);
    expect(messages({ agent: { name: 'nop' } }, task)).to.deep.equal([]);
    expect(messages({}, task)).to.deep.equal([
      'solution.env.A needs the variable X: set A in the Trial, or give a default as in ${X:-value}',
    ]);
  });

  it('leaves image and build alone where the Trial names a TaskBuild', () => {
    const spec = { environment: { buildRef: { name: 'b' } } };
    const { image, build } = environment(spec, aTask('[environment]\ndocker_image = "x"'));
    expect([image, build]).to.deep.equal([undefined, undefined]);
  });

  it('says where no image is known', () => {
    const { context: _, ...task } = aTask();
    expect(messages({}, task)[0]).to.match(/^neither spec\.environment nor the task says which image/);
    expect(messages({ environment: { image: 'x' } }, task)).to.deep.equal([]);
  });

  it('puts files beside an image that nothing builds into the workdir', () => {
    const files = (...paths: string[]) => ({
      files: [...FILES.slice(3), ...paths].map((path) => ({ path })),
    });
    const image = '[environment]\ndocker_image = "x"';
    const seeds = (toml: string, ...paths: string[]) => compiled({}, aTask(toml, files(...paths))).seeds;
    expect(seeds(image, 'environment/seed')).to.equal(true);
    expect(seeds(image)).to.equal(undefined);
    expect(seeds(image, 'environment/Dockerfile', 'environment/seed')).to.equal(undefined);
    expect(seeds(image, 'environment/docker-compose.yaml', 'environment/seed')).to.equal(undefined);
    expect(seeds('', 'environment/seed')).to.equal(undefined);
  });

  it('wants the version of the Trial, else that of the task', () => {
    const task = aTask('', { version: 'a'.repeat(12) });
    expect(compiled({}, task).version).to.equal('a'.repeat(12));
    const named = { name: 'x', version: 'b'.repeat(12), s3: { uri: 's3://b/tasks/x' } };
    expect(compiled({ task: named }, task).version).to.equal('b'.repeat(12));
  });

  it('fills the Trial’s spec in', () => {
    const spec = specOf({ run: 'r', verifier: { timeoutSeconds: 1 } });
    const made = compile(spec, aTask('[environment]\nworkdir = "/w"'));
    const filled = filledIn(spec, made);
    expect(filled.environment.workdir).to.equal('/w');
    expect(filled).to.deep.include({ run: 'r', task: spec.task });
  });

  const needs: [string, object][] = [
    ['solution/solve.sh is missing; the agent oracle needs it', {}],
    ['instruction.md is missing; the agent custom needs it', { agent: { name: 'custom', run: 'x' } }],
    ['tests/test.sh is missing; the verifier needs it', {}],
  ];
  for (const [message, spec] of needs)
    it(`says that ${message}`, () => {
      expect(refusalOf(compiled(spec, without(message.replace(/ .*/, ''))))).to.deep.equal({
        reason: 'TaskInvalid',
        message,
      });
    });

  it('names everything that is wrong, and first what this version does not run', () => {
    const task = aTask(
      '[environment]\ntpu = { type = "v4", topology = "2x2" }\nenv = { A = "${AA}", B = "${BB}" }\n[verifier.env]\nC = "${CC}"',
      { files: FILES.filter((path) => path !== 'solution/solve.sh').map((path) => ({ path })) },
    );
    const own = { environment: { env: [{ name: 'B', value: '' }] } };
    expect(messages(own, task)).to.deep.equal([
      'environment.tpu: TPUs are not supported',
      'solution/solve.sh is missing; the agent oracle needs it',
      'environment.env.A needs the variable AA: set A in the Trial, or give a default as in ${AA:-value}',
      'verifier.env.C needs the variable CC: set C in the Trial, or give a default as in ${CC:-value}',
    ]);
    expect(refusalOf(compiled(own, task))).to.deep.equal({
      reason: 'TaskUnsupported',
      message: 'environment.tpu: TPUs are not supported',
    });
  });

  it('refuses more variables than a Trial may have: they become part of every Job and Pod', () => {
    const table = (count: number): string =>
      Array.from({ length: count }, (_, at) => `A${at} = "${'x'.repeat(32_000)}"`).join('\n');
    const task = (count: number) => aTask(`[environment.env]\n${table(count)}`);
    expect(messages({}, task(4))).to.deep.equal([]);
    expect(messages({}, task(5))).to.deep.equal([
      'the variables of task.toml have 160010 bytes; expected at most 131072: put what is large into files of the task',
    ]);
  });

  it('never makes a message longer than the API takes', () => {
    const task = aTask(`[verifier.env]\n${'x'.repeat(5000)} = "\${Y}"`);
    expect(refusalOf(compiled({}, task))?.message).to.have.length(1024);
  });
});
