import { expect } from 'chai';
import { closing, sum } from './totals.ts';

describe('the end of a test run', () => {
  it('adds up all suites, and names what failed', () => {
    const parts = [
      { passed: 3, failed: [], skipped: 1 },
      { passed: 4, failed: ['lint', 'a Trial ends: timeout'], skipped: 0 },
    ];
    expect(closing(sum(parts))).to.equal(
      'FAILED: lint\nFAILED: a Trial ends: timeout\n7 passed, 2 failed, 1 skipped',
    );
  });

  it('is one line where nothing failed, silent about skipped tests where there are none', () => {
    expect(closing({ passed: 1, failed: [], skipped: 0 })).to.equal('1 passed, 0 failed');
  });
});
