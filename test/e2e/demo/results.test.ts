import { expect } from 'chai';
import type { TrialStatus } from '../../../src/crds/trial-status.ts';
import { aTrial, stampOf, T0 } from '../../support/builders/objects.ts';
import { planTrials } from './plan.ts';
import { disappointments, resultTable } from './report.ts';

const succeeded = (status: 'True' | 'False' | 'Unknown', reason: string, message = 'why') => ({
  conditions: [{ type: 'Succeeded', status, reason, message, lastTransitionTime: stampOf(T0) }],
});

const result = (status: TrialStatus) => ({
  trial: aTrial({ status }),
  seconds: 3.21,
  folder: '/jobs/a',
});
const rewarded = result({
  ...succeeded('True', 'RewardObtained'),
  reward: 0.75,
  rewards: { reward: 0.75, n: 3 },
});
const failed = result(succeeded('False', 'OOMKilled', 'the task container exceeded its memory limit'));

describe('The demo’s report', () => {
  it('shows reward, keys and seconds without control codes', () => {
    const table = resultTable([rewarded, failed]);
    expect(table).to.include('reward 0.75, n 3').and.include('3.2 s').and.include('OOMKilled');
    expect(table.includes('\u001b')).to.equal(false);
  });

  it('is disappointed by a Trial without a result, and by an example with another reward than it must have', () => {
    const expected = { text: 'the reward 1', holds: ({ reward }: TrialStatus) => reward === 1 };
    expect(disappointments([rewarded])).to.deep.equal([]);
    expect(disappointments([failed, { ...rewarded, expected }])).to.have.length(2);
  });
});

describe('The demo’s plan', () => {
  const wish = { folders: [], agents: [], keep: false };

  it('runs the examples: hello with oracle and nop, fraction with oracle', async () => {
    const { trials, run } = await planTrials(wish, T0);
    expect(run).to.equal('demo-20260101-000000');
    expect(trials.map(({ manifest }) => manifest.metadata.name)).to.deep.equal([
      'hello-oracle-20260101-000000',
      'hello-nop-20260101-000000',
      'fraction-oracle-20260101-000000',
    ]);
  });

  it('names every problem of every bad folder', async () => {
    const bad = { ...wish, folders: ['/nowhere', '/no/where'], agents: ['oracle'] };
    const error = await planTrials(bad, T0).then(String, (reason: Error) => reason.message);
    expect(error).to.include('/nowhere').and.include('/no/where');
  });
});
