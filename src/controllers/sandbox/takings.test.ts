import { expect } from 'chai';
import { burstLeftMs, Takings } from './takings.ts';

describe('Pods that are taken of a pool', () => {
  it('are one burst while each comes within a second of the one before', () => {
    const takings = new Takings();
    for (const at of [1000, 1900, 2800]) takings.note('pool', at);
    takings.note('other', 5000);
    expect(takings.of('pool')).to.deep.equal({ since: 1000, last: 2800 });
    takings.note('pool', 3800);
    expect(takings.of('pool')).to.deep.equal({ since: 3800, last: 3800 });
  });

  it('are forgotten with their pool', () => {
    const takings = new Takings();
    takings.note('pool', 1000);
    takings.forget('pool');
    expect(takings.of('pool')).to.equal(undefined);
  });

  it('hold nothing up where the clock was put back', () => {
    const takings = new Takings();
    takings.note('pool', 1_000_000);
    expect(burstLeftMs(takings.of('pool')!, new Date(500_000))).to.equal(undefined);
    takings.note('pool', 500_000);
    expect(takings.of('pool')).to.deep.equal({ since: 500_000, last: 500_000 });
  });
});
