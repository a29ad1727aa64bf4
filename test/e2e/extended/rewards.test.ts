import { trial } from '../support/stories.ts';
import { reward, rewardJson } from '../support/task.ts';

describe('a reward that is none, by what the verifier wrote', () => {
  const nan = trial('reward-nan', { tests: reward('nan') });
  const infinite = trial('reward-infinite', { tests: reward('-inf') });
  const bare = trial('reward-bare', { tests: rewardJson('0.5') });
  const hollow = trial('reward-hollow', { tests: rewardJson('{}') });
  const boolean = trial('reward-boolean', { tests: rewardJson('{"reward": true}') });
  const string = trial('reward-string', { tests: rewardJson('{"reward": "1"}') });
  const list = trial('reward-list', { tests: rewardJson('[1]') });

  it('is RewardNotFinite for NaN in reward.txt', () => nan.fails('RewardNotFinite'));
  it('is RewardNotFinite for infinity', () => infinite.fails('RewardNotFinite'));
  it('is RewardInvalid for a bare number in reward.json', () => bare.fails('RewardInvalid', /object/));
  it('is RewardInvalid for an object without keys', () => hollow.fails('RewardInvalid'));
  it('is RewardInvalid for a boolean', () => boolean.fails('RewardInvalid', /boolean/));
  it('is RewardInvalid for a string', () => string.fails('RewardInvalid', /text/));
  it('is RewardInvalid for a list', () => list.fails('RewardInvalid', /list|array/));
});
