import { expect } from 'chai';
import { FINDINGS, verdictOf, type FindingCode } from '../../crds/findings.ts';
import { findings } from './findings.ts';

describe('findings', () => {
  it('keeps each once, short and printable, and of each code three', () => {
    const found = findings();
    found.add('StrangerConnected', 'a\u001b[31m');
    found.add('StrangerConnected', 'a\u001b[31m');
    found.add('StrangerConnected', 'b'.repeat(1000));
    const both = [
      { code: 'StrangerConnected', message: 'a?[31m' },
      { code: 'StrangerConnected', message: 'b'.repeat(256) },
    ];
    expect(found.list()).to.deep.equal(both);
    for (let i = 0; i < 100; i += 1) found.add('StrangerConnected', `stranger ${i}`);
    expect(found.list()).to.deep.equal([
      ...both,
      { code: 'StrangerConnected', message: '100 more of this kind' },
    ]);
  });

  it('lists sixteen, what looked like tampering first, so that no flood of others hides it', () => {
    const found = findings();
    found.add('AgentWasRoot', 'the agent was root');
    for (const code of Object.keys(FINDINGS) as FindingCode[])
      for (const message of ['one', 'another']) found.add(code, message);
    const listed = found.list();
    expect(listed).to.have.length(16);
    expect(verdictOf(listed.slice(0, 1))).to.equal('Suspicious');
    expect(listed.map(({ code }) => code)).to.include('AgentWasRoot');
    expect(new Set(listed.map(({ code }) => code)).size).to.equal(16);
  });
});
