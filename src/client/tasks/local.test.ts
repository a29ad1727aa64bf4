import { expect } from 'chai';
import { CliError } from '../failures/error.ts';
import { assertRules } from './local.ts';

describe('the rules of sb task check', () => {
  it('refuse a rule that does not exist, and say which one is meant', () => {
    expect(() => assertRules({ select: ['unpined-image'] }))
      .to.throw(CliError)
      .and.have.property('why')
      .that.includes('did you mean unpinned-image?');
  });

  it('take ALL where rules are chosen, not where they are ignored', () => {
    expect(() => assertRules({ select: ['ALL'] })).not.to.throw();
    expect(() => assertRules({ ignore: ['ALL'] })).to.throw(CliError);
  });
});
