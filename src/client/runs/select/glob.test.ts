import { expect } from 'chai';
import { fits } from './glob.ts';

describe('A pattern for task names', () => {
  const cases: [string, string, boolean][] = [
    ['*', 'org/hello', true],
    ['hello', 'hello', true],
    ['hello', 'hello-world', false],
    ['hello-*', 'hello-world', true],
    ['org/*', 'org/a/b', true],
    ['h?llo', 'hello', true],
    ['h?llo', 'hllo', false],
    ['[a-c]*', 'beta', true],
    ['[!a-c]*', 'beta', false],
    ['[!a-c]*', 'delta', true],
    ['[]]x', ']x', true],
    ['[-a]x', '-x', true],
    ['[c-a]x', 'bx', false],
    ['a.c', 'abc', false],
    ['a[', 'a[', true],
    ['Hello', 'hello', false],
    ['?', '🦊', true],
    ['(a|b)', 'a', false],
  ];
  for (const [pattern, name, expected] of cases)
    it(`${pattern} ${expected ? 'fits' : 'does not fit'} ${name}`, () => {
      expect(fits(name, pattern)).to.equal(expected);
    });
});
