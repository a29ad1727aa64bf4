import { expect } from 'chai';
import { closingLine, sum } from './totals.ts';

describe('the closing line of a test run', () => {
  it('adds up all suites', () => {
    const parts = [
      { passed: 3, failed: 0, skipped: 1 },
      { passed: 4, failed: 2, skipped: 0 },
    ];
    expect(closingLine(sum(parts))).to.equal('7 passed, 2 failed, 1 skipped');
  });

  it('is silent about skipped tests where there are none', () => {
    expect(closingLine({ passed: 1, failed: 0, skipped: 0 })).to.equal('1 passed, 0 failed');
  });
});
