import { expect } from 'chai';
import Value from 'typebox/value';
import { broken, rewarded } from '../../test/support/builders/run-trials.ts';
import type { Trial } from '../crds/trial.ts';
import { recordOf, recordOfResult, TrialRecord } from './record.ts';
import { trialResult } from './trial-result.ts';

const TRIALS: Record<string, Trial> = {
  'with a reward': rewarded(0.5, { rewards: { a: 0, b: 1 } }),
  'of a version, an agent with a model, and usage': rewarded(1, {
    task: { name: 'org/one', version: '0123456789ab' },
    agent: { name: 'custom', model: 'acme/large' },
    status: {
      usage: { inputTokens: 7, costUsd: 0.25 },
      s3TrialUri: 's3://b/trials/x/',
      exception: { type: 'AgentTimeoutError', message: 'late' },
    },
  }),
  'of a regrade': rewarded(1, {
    status: { regraded: { trial: 'first__1234567', uri: 's3://b/x', reward: 0.5, rewards: { reward: 0.5 } } },
  }),
  'of a regrade of a Trial without a reward': rewarded(1, {
    status: { regraded: { trial: 'first__1234567', uri: 's3://b/x' } },
  }),
  'that was lost': broken('OOMKilled'),
  'that was cancelled': broken('Cancelled'),
};

const resultOf = (trial: Trial): unknown =>
  JSON.parse(JSON.stringify(trialResult({ trial, status: trial.status ?? {} })));

describe('Record of a Trial', () => {
  for (const [what, trial] of Object.entries(TRIALS))
    it(`is the same whether the object tells it or its result.json: one ${what}`, () => {
      const record = recordOf(trial);
      expect(record).to.satisfy((value: unknown) => Value.Check(TrialRecord, value));
      expect(recordOfResult(resultOf(trial))).to.deep.equal(record);
      expect(JSON.stringify(recordOfResult(resultOf(trial))), 'as a text').to.equal(JSON.stringify(record));
    });

  it('is not made of what is no result', () => {
    const result = resultOf(rewarded(1)) as Record<string, unknown>;
    const forged = [null, [], {}, { ...result, namespace: 7 }, { ...result, trial_name: '../x__1234567' }];
    for (const value of forged) expect(recordOfResult(value)).to.equal(undefined);
  });

  it('is bounded, however long the keys of a reward file are', () => {
    const rewards = Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`${n}${'k'.repeat(200)}`, 0.5]));
    const record = recordOf(rewarded(0.5, { rewards }));
    expect(record?.rewards).to.deep.equal({ reward: 0.5 });
    expect(recordOfResult(resultOf(rewarded(0.5, { rewards })))).to.deep.equal(record);
  });
});
