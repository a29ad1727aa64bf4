import { expect } from 'chai';
import { NO_RULES } from '../../test/support/builders.ts';
import { present } from '../crds/present.ts';
import { taskKey } from '../providers/artifact-store/port.ts';
import { archiveKey, assignmentOf } from './assignment.ts';
import { IMAGE, trialWith } from './testing/objects.ts';

const subject = (trial = trialWith()) => ({ trial, attempt: 2, image: IMAGE });

describe('assignment', () => {
  it('says what is to be done, and leaves out what task.toml decides', () => {
    expect(
      assignmentOf(subject(), { archiveUrl: 'https://s3/task.zip?signed', rules: NO_RULES }),
    ).to.deep.equal({
      trial: { namespace: 'evals', name: 'solve', uid: '0a1b2c3d-trial', attempt: 2 },
      task: { name: 'hello', source: { kind: 'archive', url: 'https://s3/task.zip?signed' } },
      image: IMAGE,
      environmentVariables: [],
      agent: { name: 'oracle', env: [], setupTimeoutSeconds: 360, backgroundProcesses: 'Keep' },
      verifier: { disabled: false, env: [] },
      artifacts: [],
      upload: true,
    });
  });

  it('carries what the Trial decides', () => {
    const trial = trialWith({
      agent: {
        name: 'custom',
        model: 'm',
        timeoutSeconds: 9,
        setupTimeoutSeconds: 8,
        backgroundProcesses: 'Stop',
        user: 'agent',
        install: 'i',
        run: 'r',
      },
      verifier: { mode: 'Shared', disabled: true, timeoutSeconds: 7, user: 'root' },
      artifacts: [{ source: '/app/out' }],
      uploadResults: false,
    });
    trial.spec.environment.env = [{ name: 'MODE', value: 'fast' }];
    const assignment = assignmentOf(subject(trial), { rules: NO_RULES });
    expect(assignment.environmentVariables).to.deep.equal(['MODE']);
    expect(assignment.task.source).to.deep.equal({ kind: 'configMap' });
    expect(assignment.task.version).to.equal(undefined);
    trial.spec.task.version = '0123456789ab';
    expect(assignmentOf(subject(trial), { rules: NO_RULES }).task.version).to.equal('0123456789ab');
    expect(assignment.agent).to.deep.equal({ ...trial.spec.agent, env: [] });
    expect(assignment.verifier).to.deep.equal({ disabled: true, env: [], timeoutSeconds: 7, user: 'root' });
    expect([assignment.artifacts, assignment.upload]).to.deep.equal([[{ source: '/app/out' }], false]);
  });

  it('has what the agent left running stopped where the Trial or its namespace says so', () => {
    const of = (own?: 'Keep' | 'Stop', namespace?: 'Keep' | 'Stop') => {
      const trial = trialWith({
        agent: { name: 'oracle', setupTimeoutSeconds: 1, ...present({ backgroundProcesses: own }) },
      });
      const rules = { ...NO_RULES, ...present({ backgroundProcesses: namespace }) };
      return assignmentOf(subject(trial), { rules }).agent.backgroundProcesses;
    };
    expect([of(), of('Keep', 'Keep'), of(undefined, 'Keep')]).to.deep.equal(['Keep', 'Keep', 'Keep']);
    expect([of('Stop'), of('Keep', 'Stop'), of(undefined, 'Stop')]).to.deep.equal(['Stop', 'Stop', 'Stop']);
  });

  it('names the courier’s variable in place of a secret value', () => {
    const secretKeyRef = { name: 'keys', key: 'api' };
    const trial = trialWith({
      agent: {
        name: 'oracle',
        setupTimeoutSeconds: 360,
        env: [
          { name: 'MODE', value: 'fast' },
          { name: 'API_KEY', secretKeyRef },
          { name: 'EMPTY', value: '' },
        ],
      },
      verifier: { mode: 'Shared', disabled: false, env: [{ name: 'JUDGE_KEY', secretKeyRef }] },
    });
    const assignment = assignmentOf(subject(trial), { rules: NO_RULES });
    expect(assignment.agent.env).to.deep.equal([
      { name: 'MODE', value: 'fast' },
      { name: 'API_KEY', courierVariable: 'SB_SECRET_AGENT_1' },
      { name: 'EMPTY', value: '' },
    ]);
    expect(assignment.verifier.env).to.deep.equal([
      { name: 'JUDGE_KEY', courierVariable: 'SB_SECRET_VERIFIER_0' },
    ]);
  });

  it('finds the archive under the task’s prefix, with or without the closing slash', () => {
    const withUri = (uri: string) =>
      archiveKey(trialWith({ task: { name: 'a', dataset: 'local', s3: { uri } } }), 'bucket');
    expect(withUri('s3://bucket/tasks/a/b/c/')).to.equal('tasks/a/b/c/task.zip');
    expect(withUri('s3://bucket/tasks/a/b/c')).to.equal('tasks/a/b/c/task.zip');
    expect(withUri('s3://bucket/trials/run/solve__1/')).to.equal(undefined);
  });

  it('takes nothing from outside tasks/ of its own bucket', () => {
    for (const uri of [
      's3://other/tasks/a',
      's3://bucket2/tasks/a',
      's3://bucket/tasks',
      's3://bucket/tasks/',
      's3://bucket/tasks/../trials/run',
      's3://bucket/tasks/./a',
      's3://bucket/tasks//a',
      's3://bucket//tasks/a',
      'https://bucket/tasks/a',
      '',
    ])
      expect(taskKey(uri, 'bucket'), uri).to.equal(undefined);
  });
});
