import { expect } from 'chai';
import { anOutcome, aTrial } from '../../../test/support/builders.ts';
import { harborValidator } from '../../../test/support/harbor.ts';
import { trialConfig, trialResult } from './result.ts';

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

  it('tells of a secret its name alone', () => {
    expect(JSON.stringify(trialConfig(trial))).to.contain('"KEY":"${api}"');
  });

  it('is valid by Harbor’s own schemas', async function () {
    const validate = await harborValidator(this);
    validate('trial-result', trialResult({ trial, status, outcome: anOutcome() }));
    validate('trial-result', trialResult({ trial: aTrial(), status: { s3TrialUri: 's3://a/b' } }));
    validate('trial-config', trialConfig(trial));
    validate('trial-config', trialConfig(aTrial()));
  });
});
