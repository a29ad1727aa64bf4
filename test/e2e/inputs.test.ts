import { expect } from 'chai';
import { Job } from '../../src/kube/kinds.ts';
import { s3 } from './cluster/index.ts';
import { trial } from './support/stories.ts';
import { rewardIf } from './support/task.ts';
import { world } from './support/world.ts';

const s3Task = (path: string, bucket: string = s3.bucket) => ({
  task: { name: 'e2e/lost', s3: { uri: `s3://${bucket}/${path}` } },
});

describe('what a Trial needs and does not find', () => {
  const uri = `s3://${s3.bucket}/tasks/e2e/lost/000000000000/`;
  const object = trial('task-object-missing', { spec: s3Task('tasks/e2e/lost/000000000000/') });
  const elsewhere = trial('task-outside', { spec: s3Task('trials/e2e/other/') });
  const foreign = trial('task-foreign-bucket', { spec: s3Task('tasks/e2e/lost/', 'another-bucket') });
  const configMap = trial('task-configmap-missing', {
    spec: { task: { name: 'e2e/lost', configMap: { name: 'nobody-made-this' } } },
  });
  const agentSecret = trial('secret-missing', {
    agent: 'true',
    spec: { agent: { env: [{ name: 'KEY', secretKeyRef: { name: 'nobody-made-this', key: 'key' } }] } },
  });
  const sharedSecret = trial('secret-missing-for-all', {
    spec: {
      environment: { env: [{ name: 'KEY', secretKeyRef: { name: 'nobody-made-this', key: 'key' } }] },
    },
  });

  it('a task object that is missing is TaskNotFound, with its URI', async () => {
    const done = await object.fails('TaskNotFound');
    expect(JSON.stringify(done.status?.conditions)).to.contain(uri);
  });
  it('a task outside tasks/ is TaskNotFound: results of Trials are no tasks', () =>
    elsewhere.fails('TaskNotFound', /tasks\//));
  it('a task of another bucket is TaskNotFound', () => foreign.fails('TaskNotFound', /another-bucket/));
  it('a ConfigMap that is missing is TaskNotFound, with its name', () =>
    configMap.fails('TaskNotFound', /nobody-made-this/));
  it('a Secret of the agent that is missing is SecretNotFound, with its name', () =>
    agentSecret.fails('SecretNotFound', /nobody-made-this/));
  it('a Secret of the environment that is missing is SecretNotFound, with its name', () =>
    sharedSecret.fails('SecretNotFound', /nobody-made-this/));
});

describe('variables', () => {
  const hard = [
    { name: 'P', value: '/opt' },
    { name: 'Q', value: 'a$$b' },
    { name: 'S', value: '$(P)/x $P $' },
    { name: 'E', value: '' },
    { name: 'L', value: 'two\nlines, ünïcode' },
  ];
  const asWritten =
    '[ "$Q" = \'a$$b\' ] && [ "$S" = \'$(P)/x $P $\' ] && [ "${E-unset}" = "" ] && [ "$L" = "$(printf \'two\\nlines, ünïcode\')" ]';
  const literal = trial('variables-literal', {
    agent: `if ${asWritten}; then touch /tmp/same; fi`,
    tests: rewardIf(`[ -e /tmp/same ] && ${asWritten}`),
    spec: { environment: { env: hard } },
  });
  const ofPhases = trial('variables-of-phases', {
    agent: `if ${asWritten}; then touch /tmp/same; fi`,
    tests: rewardIf(`[ -e /tmp/same ] && ${asWritten}`),
    spec: { agent: { env: hard }, verifier: { env: hard } },
  });

  it('of the environment are what the user wrote, dollar signs included', () => literal.earns(1));
  it('of agent and verifier are, too', () => ofPhases.earns(1));
});

describe('tasks that cannot be run', () => {
  const syntax = trial('toml-syntax', { toml: '[agent\ntimeout_sec = 3\n' });
  const value = trial('toml-value', { toml: '[agent]\ntimeout_sec = "soon"\n' });
  const steps = trial('toml-steps', { agent: 'true', toml: '[[steps]]\nname = "first"\n' });
  const noTests = trial('no-tests', { files: { 'tests__test.sh': '' } });
  const unsolved = trial('no-solution', { spec: { agent: { name: 'oracle' } } });

  it('a task.toml that does not parse is TaskInvalid, with its line', () =>
    syntax.fails('TaskInvalid', /task\.toml.*1/s));
  it('a task.toml with a wrong value is TaskInvalid, with its field', () =>
    value.fails('TaskInvalid', /agent\.timeout_sec/));
  it('a step without its instruction is TaskInvalid, with the file', () =>
    steps.fails('TaskInvalid', /steps\/first\/instruction\.md/));
  it('an oracle without a solution is TaskInvalid', () => unsolved.fails('TaskInvalid', /solve\.sh/));
  it('an empty test script leaves no reward', () => noTests.fails('RewardMissing'));
});

describe('Jobs that cannot be made', () => {
  const rejected = trial('job-rejected', {
    spec: { scheduling: { nodeSelector: { 'no label!': 'x' } } },
  });
  const taken = trial('name-taken', {
    given: ({ namespace, name }) =>
      world().kube.create(Job, {
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { namespace, name: `${name}-1` },
        spec: {
          suspend: true,
          template: {
            spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'debian:bookworm-slim' }] },
          },
        },
      }),
  });

  it('what the API server refuses is JobRejected, with its reason', () =>
    rejected.fails('JobRejected', /nodeSelector/));

  it('a foreign Job of the name that is needed is NameConflict, and is left alone', async () => {
    await taken.fails('NameConflict', /name-taken-1|Job/);
    const { namespace } = taken.key;
    expect(await world().kube.get(Job, { namespace, name: 'name-taken-1' })).to.be.an('object');
  });
});
