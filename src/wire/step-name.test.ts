import { expect } from 'chai';
import { stepNameFault, stepNameKey } from './step-name.ts';

describe('names of steps', () => {
  for (const name of ['a', 'create-file', 'Schritt 1', 'ä', 'x'.repeat(255)])
    it(`allow ${name.slice(0, 20)}`, () => {
      expect(stepNameFault(name)).to.equal(undefined);
    });

  for (const name of [
    '',
    ' ',
    '.',
    '..',
    'a/b',
    'a\\b',
    'a:',
    'a.',
    'a ',
    'nul',
    'COM1.txt',
    'a\n',
    'x'.repeat(256),
  ])
    it(`refuse ${JSON.stringify(name.slice(0, 20))}`, () => {
      expect(stepNameFault(name)).to.be.a('string');
    });

  it('are one name where only case or Unicode form differs', () => {
    expect(stepNameKey('\u00c4')).to.equal(stepNameKey('a\u0308'));
  });
});
