import { expect } from 'chai';
import { anOutcome, aTaskBuild, aTrial } from '../../test/support/builders/objects.ts';
import { harborValidator } from '../../test/support/harbor.ts';
import { trialConfig, trialResult } from './trial-result.ts';

const status = {
  s3TrialUri: 's3://artifacts/trials/adhoc/hello__1234567/',
  rewards: { reward: 1 },
  reward: 1,
  finishedAt: '2026-01-01T00:00:09Z',
  exception: { type: 'AgentTimeoutError', message: 'after 3 s' },
};

const trial = aTrial({
  spec: {
    run: 'nightly',
    task: {
      name: 'org/hello',
      dataset: 'local',
      version: '0123456789ab',
      s3: { uri: 's3://artifacts/tasks/local/hello/0123456789ab' },
    },
    agent: {
      name: 'custom',
      model: 'vendor/large',
      run: 'x',
      setupTimeoutSeconds: 360,
      env: [{ name: 'KEY', secretKeyRef: { name: 'keys', key: 'api' } }],
    },
    artifacts: [{ source: '/app/out' }],
  },
});

describe('result.json', () => {
  it('knows the version by the key that the task lies under, where the Trial does not name it', () => {
    const { version: _, ...task } = trial.spec.task;
    const unnamed = { ...trial, spec: { ...trial.spec, task } };
    expect(trialResult({ trial: unnamed, status })).to.include({
      task_version: '0123456789ab',
      task_checksum: '0123456789ab',
    });
    const made = {
      ...unnamed,
      spec: { ...unnamed.spec, task: { ...task, s3: { uri: 's3://b/tasks/mine' } } },
    };
    expect(trialResult({ trial: made, status })).to.include({ task_version: null });
  });

  it('has Harbor’s field names and ours beside them', () => {
    const result = trialResult({ trial, status, outcome: anOutcome() }) as Record<string, unknown>;
    expect(result).to.deep.include({
      task_name: 'org/hello',
      trial_name: 'hello__1234567',
      task_version: '0123456789ab',
      verifier_result: { rewards: { reward: 1 } },
      agent_execution: { started_at: '2026-01-01T00:00:01Z', finished_at: '2026-01-01T00:00:02Z' },
      agent_setup: null,
    });
  });

  it('names context, image and build of its TaskBuild', () => {
    const attempt = { number: 1, token: 't', buildId: 'abundant-sb-build:1', consoleUrl: 'https://console' };
    const taskBuild = aTaskBuild({ status: { image: 'registry/sandboxes:hello-1', attempts: [attempt] } });
    const built = { ...status, image: 'registry/sandboxes@sha256:1' };
    expect(trialResult({ trial, status: built, taskBuild })).to.include({
      s3_task_context_uri: 's3://artifacts/tasks/local/hello/0123/context.zip',
      image_uri: 'registry/sandboxes:hello-1',
      codebuild_build_id: 'abundant-sb-build:1',
      codebuild_console_url: 'https://console',
    });
  });

  it('names the image that was run where nothing was built', () => {
    const image = 'docker.io/library/debian@sha256:1';
    const without = { s3_task_context_uri: null, codebuild_build_id: null, codebuild_console_url: null };
    expect(trialResult({ trial, status: { ...status, image } })).to.include({ image_uri: image, ...without });
    const attempt = { number: 1, token: 't', buildId: 'default/t' };
    const taskBuild = aTaskBuild({ status: { image, attempts: [attempt] } });
    expect(trialResult({ trial, status: { ...status, image }, taskBuild }), 'BuildKit').to.include({
      codebuild_build_id: null,
    });
  });

  it('names where the log is', () => {
    const logs = { url: 'https://logs', group: '/sb/eks/logs', stream: '/hello__1234567' };
    expect(trialResult({ trial, status: { ...status, logs } })).to.include({
      pod_logs_url: 'https://logs',
      pod_log_group: '/sb/eks/logs',
      pod_log_stream: '/hello__1234567',
    });
  });

  it('tells of a secret its name alone', () => {
    expect(JSON.stringify(trialConfig(trial))).to.contain('"KEY":"${api}"');
  });

  it('names the task by its path alone, as Harbor’s own check demands', () => {
    expect(trialConfig(trial)).to.have.property('task').that.has.all.keys('path', 'source');
  });

  const steps = {
    ran: 3,
    skipped: ['four'],
    stopped: 'step three was obstructed',
    listed: [
      {
        name: 'one',
        result: { kind: 'rewarded' as const, reward: 1, rewards: { reward: 1 } },
        timings: { verifier: { startTime: '2026-01-01T00:00:00.000Z' } },
        usage: { inputTokens: 7 },
      },
      {
        name: 'two',
        result: { kind: 'failed' as const, reason: 'RewardMissing' as const, message: 'none' },
        exception: { type: 'RewardFileNotFoundError', message: 'none', phase: 'verifier' as const },
        timings: {},
      },
    ],
  };

  const used = {
    inputTokens: 9,
    costUsd: 0.5,
    models: [{ model: 'large', inputTokens: 9, costUsd: 0.5 }, { model: 'small' }],
    countedBy: 'Courier' as const,
  };

  it('tells what each model was used for, who counted, and which agent it was', () => {
    const { spec } = trial;
    const mine = { ...trial, spec: { ...spec, agent: { ...spec.agent, title: 'mine', version: '2.1' } } };
    const result = trialResult({ trial: mine, status: { ...status, usage: used } });
    expect(result).to.have.property('agent_info').that.includes({ name: 'mine', version: '2.1' });
    expect(result).to.have.nested.property('config.agent.name', 'custom');
    expect(result)
      .to.have.property('agent_result')
      .that.deep.equals({
        n_input_tokens: 9,
        n_cache_tokens: null,
        n_output_tokens: null,
        cost_usd: 0.5,
        model_usage: {
          large: { n_input_tokens: 9, n_cache_tokens: 0, n_output_tokens: 0, cost_usd: 0.5 },
          small: { n_input_tokens: 0, n_cache_tokens: 0, n_output_tokens: 0, cost_usd: null },
        },
        counted_by: 'Courier',
      });
  });

  it('tells of each step as Harbor does, and how many ran', () => {
    const result = trialResult({ trial, status, outcome: anOutcome({ steps }) });
    expect(result).to.deep.include({
      steps_run: 3,
      steps_skipped: ['four'],
      steps_stopped: 'step three was obstructed',
      agent_result: null,
      agent_execution: null,
      verifier: null,
      verifier_environment_mode: null,
    });
    const [one, two] = (result as { step_results: object[] }).step_results;
    expect(one).to.deep.equal({
      step_name: 'one',
      agent_result: { n_input_tokens: 7, n_cache_tokens: null, n_output_tokens: null, cost_usd: null },
      verifier_result: { rewards: { reward: 1 } },
      exception_info: null,
      agent_execution: null,
      verifier: { started_at: '2026-01-01T00:00:00.000Z', finished_at: null },
    });
    expect(two).to.deep.include({ step_name: 'two', agent_result: null, verifier_result: null });
    expect(two).to.have.nested.property('exception_info.exception_type', 'RewardFileNotFoundError');
  });

  const regrade = aTrial({ spec: { regrade: { trial: 'first' } } });
  const regraded = {
    trial: 'first__1234567',
    uri: 's3://b/trials/x/first__1234567/',
    reward: 0,
    rewards: { reward: 0 },
  };

  it('names the Trial that was judged again, and both rewards', () => {
    const result = trialResult({ trial: regrade, status: { ...status, regraded } });
    expect(result).to.deep.include({
      verifier_result: { rewards: { reward: 1 } },
      regraded_from: {
        trial_name: 'first__1234567',
        s3_trial_uri: regraded.uri,
        reward: 0,
        rewards: { reward: 0 },
      },
    });
    expect(trialConfig(regrade, { regraded })).to.deep.include({
      source_trial: { action: 'regrade', type: 'local', path: regraded.uri },
    });
    expect(trialConfig(regrade)).to.have.nested.property('source_trial.path', 'trial/first');
    expect(trialConfig(trial)).not.to.have.property('source_trial');
  });

  it('says where its verifier ran, and what a regrade has to know of its files', () => {
    const stored = { files: 3, bytes: 42, skipped: 0, collected: 1, manifestSha256: 'b'.repeat(64) };
    const of = (over: object, images: { role: 'agent' | 'verifier' }[] = []) =>
      trialResult({
        trial,
        status: { ...status, images },
        outcome: anOutcome({ stored: { ...stored, ...over } }),
      });
    expect(of({ sharedVerifier: true })).to.deep.include({
      verifier_environment_mode: 'shared',
      stored: {
        files: 3,
        bytes: 42,
        skipped: 0,
        collected: 1,
        shared_verifier: true,
        manifest_sha256: 'b'.repeat(64),
      },
    });
    expect(of({}, [{ role: 'agent' }, { role: 'verifier' }])).to.include({
      verifier_environment_mode: 'separate',
    });
    expect(trialResult({ trial, status, outcome: anOutcome() })).to.include({ stored: null });
  });

  it('is valid by Harbor’s own schemas', async function () {
    const validate = await harborValidator(this);
    validate('trial-result', trialResult({ trial: regrade, status: { ...status, regraded } }));
    validate('trial-config', trialConfig(regrade, { regraded }));
    validate('trial-result', trialResult({ trial, status: { ...status, usage: used } }));
    validate('trial-result', trialResult({ trial, status, outcome: anOutcome({ steps }) }));
    validate('trial-result', trialResult({ trial, status, outcome: anOutcome() }));
    validate('trial-result', trialResult({ trial: aTrial(), status: { s3TrialUri: 's3://a/b' } }));
    validate('trial-config', trialConfig(trial));
    validate('trial-config', trialConfig(aTrial()));
  });
});
