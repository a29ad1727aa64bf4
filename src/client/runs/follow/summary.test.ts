import { expect } from 'chai';
import { rewardedNop } from './summary.ts';

const line = (agent: string, task: string, reward?: number) => ({
  agent,
  task,
  ...(reward !== undefined && { reward }),
});

describe('A nop that earns a reward', () => {
  it('is warned of by its tasks, each once', () => {
    expect(rewardedNop([line('nop', 'b', 1), line('nop', 'a', 0.2), line('nop', 'b', 1)])).to.include(
      'the tests of a, b give',
    );
    const many = Array.from({ length: 7 }, (_, at) => line('nop', `t${at}`, 1));
    expect(rewardedNop(many)).to.include('t4 and 2 more give');
  });

  it('is none where the agent did something, or got nothing', () => {
    expect(rewardedNop([line('oracle', 'a', 1), line('nop', 'a', 0), line('nop', 'b')])).to.equal(undefined);
  });
});
