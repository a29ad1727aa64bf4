import { expect } from 'chai';
import { totalUsage } from './usage.ts';

describe('what steps of a task used', () => {
  it('adds up over steps, by model, and is an agent’s word where any of it is', () => {
    expect(totalUsage([])).to.equal(undefined);
    expect(
      totalUsage([
        { inputTokens: 1, models: [{ model: 'a', inputTokens: 1 }], countedBy: 'Courier' },
        {
          inputTokens: 2,
          costUsd: 1,
          models: [{ model: 'a', inputTokens: 2, costUsd: 1 }],
          countedBy: 'Agent',
        },
      ]),
    ).to.deep.equal({
      inputTokens: 3,
      costUsd: 1,
      models: [{ model: 'a', inputTokens: 3, costUsd: 1 }],
      countedBy: 'Agent',
    });
  });
});
