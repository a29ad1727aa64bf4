import { expect } from 'chai';
import { timeOf } from './revisions.ts';

describe('the time of a revision', () => {
  const ticks = [
    { revision: 100, at: 1000 },
    { revision: 110, at: 1100 },
    { revision: 111, at: 1300 },
  ];

  it('is between those of the ticks before and after it', () => {
    expect([100, 105, 110, 111].map((revision) => timeOf(ticks, revision))).to.deep.equal([
      1000, 1050, 1100, 1300,
    ]);
  });

  it('is that of the nearest tick before the first and after the last, and none without any', () => {
    expect([timeOf(ticks, 1), timeOf(ticks, 200)]).to.deep.equal([1000, 1300]);
    expect(timeOf([], 1)).to.be.NaN;
  });
});
