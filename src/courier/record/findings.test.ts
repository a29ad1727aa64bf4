import { expect } from 'chai';
import { findings } from './findings.ts';

describe('findings', () => {
  it('keeps each finding once, short, printable, and no more than sixteen', () => {
    const found = findings();
    found.add('a\u001b[31m');
    found.add('a\u001b[31m');
    found.add('b'.repeat(1000));
    expect(found.list()).to.deep.equal(['a?[31m', 'b'.repeat(256)]);
    for (let i = 0; i < 100; i += 1) found.add(`finding ${i}`);
    expect(found.list()).to.have.length(16);
    expect(found.list().at(-1)).to.equal('87 more findings');
  });
});
