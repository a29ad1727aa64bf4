import { expect } from 'chai';
import { parseTaskToml } from '../toml/parse.ts';
import { limitProblems } from './limits.ts';

describe('The limits of a task', () => {
  const messages = (files: { path: string; size: number }[]): string[] =>
    limitProblems({ name: 'a', config: parseTaskToml(''), files }).map(({ message }) => message);

  it('are met by a gibibyte in 65,535 files', () => {
    const files = Array.from({ length: 65_535 }, (_, index) => ({ path: `f${index}`, size: 16_384 }));
    expect(messages(files)).to.deep.equal([]);
    expect(messages([...files, { path: 'one', size: 0 }])).to.deep.equal([
      'the task has 65536 files; expected at most 65535: put them into an image',
    ]);
  });
});
