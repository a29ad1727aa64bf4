import { expect } from 'chai';
import { closing, reasonOf, sum } from './totals.ts';

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

  it('tells all of a reason, and where it is from, to whoever sees only the end of a log', () => {
    const screen = Array.from({ length: 40 }, (_, row) => `row ${row}`);
    const lines = reasonOf(new Error(['not within 60 s: ready', ...screen].join('\n'))).split('\n');
    expect(lines).to.have.length(31);
    expect(lines.slice(0, 2)).to.deep.equal(['not within 60 s: ready', '    row 0']);
    expect(lines.at(-1)).to.match(/^ {4}at .*totals\.test\.ts:\d+:\d+\)?$/);
  });

  it('is one line where nothing failed, silent about skipped tests where there are none', () => {
    expect(closing({ passed: 1, failed: [], skipped: 0 })).to.equal('1 passed, 0 failed');
  });
});
