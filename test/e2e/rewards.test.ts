import { expect } from 'chai';
import { conditionOf } from '../../src/crds/conditions.ts';
import type { StoredOutcome } from '../../src/wire/outcome.ts';
import { harborValidator } from '../support/harbor.ts';
import { checkedManifest, storedJson, storedText } from './support/stored.ts';
import { trial } from './support/stories.ts';
import { REWARD, reward, rewardJson } from './support/task.ts';

describe('the reward of a Trial', () => {
  const one = trial('reward-one', { solution: 'echo solved', tests: 'echo tested; echo 1 > ' + REWARD });
  const keys = trial('reward-keys', { tests: rewardJson('{"accuracy": 0.5, "speed": 0.25}') });
  const named = trial('reward-named', { tests: rewardJson('{"reward": 0.75, "passed": 3}') });
  const both = trial('reward-both', { tests: `${rewardJson('{"reward": 0.5}')}; ${reward(1)}` });
  const negative = trial('reward-negative', { tests: reward('-2.5') });

  it('is what the verifier wrote, and the files in the bucket say the same', async () => {
    const done = await one.earns(1);
    expect(done.status?.rewards).to.deep.equal({ reward: 1 });
    expect((await storedText(done, 'verifier/reward.txt')).trim()).to.equal('1');
    expect(await storedText(done, 'agent/oracle.txt')).to.contain('solved');
    expect(await storedText(done, 'verifier/test-stdout.txt')).to.contain('tested');
    const { files } = await checkedManifest(done);
    const { outcome } = await storedJson<StoredOutcome>(done, 'outcome.json');
    expect(files.map(({ path }) => path)).to.include('verifier/reward.txt');
    expect(outcome.result).to.deep.equal({ kind: 'rewarded', reward: 1, rewards: { reward: 1 } });
  });

  it('brings all conditions with it', async () => {
    const done = await one.earns(1);
    const state = ['ImageReady', 'Started', 'AgentFinished', 'Verified', 'Uploaded', 'Succeeded'].map(
      (type) => `${type}=${conditionOf(done, type)?.status}`,
    );
    expect(state).to.deep.equal([
      'ImageReady=True',
      'Started=True',
      'AgentFinished=True',
      'Verified=True',
      'Uploaded=True',
      'Succeeded=True',
    ]);
    expect(done.status?.attempts).to.have.lengthOf(1);
    expect(done.status?.attempts?.[0]).to.include({ number: 1, jobName: 'reward-one-1' });
    // Its agent was root beside the verifier.
    expect(done.status?.integrity?.verdict).to.equal('Unknown');
  });

  it('is told in result.json and config.json by Harbor’s field names', async function () {
    const validate = await harborValidator(this);
    const done = await one.earns(1);
    const result = await storedJson(done, 'result.json');
    validate('trial-result', result);
    validate('trial-config', await storedJson(done, 'config.json'));
    expect(result).to.deep.include({ verifier_result: { rewards: { reward: 1 } }, exception_info: null });
    expect(result).to.include({ s3_trial_uri: done.status?.s3TrialUri, task_name: 'e2e/reward-one' });
  });

  it('is the mean of all keys where none is called reward', async () => {
    expect((await keys.earns(0.375)).status?.rewards).to.deep.equal({ accuracy: 0.5, speed: 0.25 });
  });

  it('is the key reward where there is one, and the other keys are kept', async () => {
    expect((await named.earns(0.75)).status?.rewards).to.deep.equal({ reward: 0.75, passed: 3 });
  });

  it('comes from reward.json where both files are there, and their disagreement is recorded', async () => {
    expect((await both.earns(0.5)).status?.integrity?.verdict).to.equal('Suspicious');
  });

  it('may be negative', async () => {
    await negative.earns(-2.5);
  });
});

describe('a reward that is none', () => {
  const missing = trial('reward-missing', { tests: 'true' });
  const empty = trial('reward-empty', { tests: `: > ${REWARD}` });
  const words = trial('reward-words', { tests: reward('excellent') });
  const broken = trial('reward-broken-json', { tests: rewardJson('{"reward": ') });
  const nan = trial('reward-nan-json', { tests: rewardJson('{"reward": NaN}') });
  const link = trial('reward-link', { tests: `echo 1 > /tmp/reward; ln -s /tmp/reward ${REWARD}` });
  const secretLink = trial('reward-secret-link', { tests: `ln -s /etc/shadow ${REWARD}` });
  const fifo = trial('reward-fifo', { tests: `mkfifo ${REWARD}` });

  it('is RewardMissing where the verifier wrote no file', () => missing.fails('RewardMissing'));
  it('is RewardEmpty where the file is empty', () => empty.fails('RewardEmpty'));
  it('is RewardUnparsable where reward.txt is no number', () => words.fails('RewardUnparsable'));
  it('is RewardUnparsable where reward.json is no JSON', () => broken.fails('RewardUnparsable'));
  it('is RewardNotFinite for NaN in reward.json', () => nan.fails('RewardNotFinite'));
  it('is RewardInvalid for a FIFO', () => fifo.fails('RewardInvalid'));
  it('is RewardInvalid for a link, whatever it points to', async () => {
    await link.fails('RewardInvalid', /link/);
    await secretLink.fails('RewardInvalid', /link/);
  });

  it('leaves its files and a result.json that says why', async function () {
    const done = await missing.fails('RewardMissing');
    await checkedManifest(done);
    const result = await storedJson(done, 'result.json');
    expect(result).to.include({ verifier_result: null });
    expect(result['exception_info']).to.be.an('object');
    (await harborValidator(this))('trial-result', result);
  });
});
