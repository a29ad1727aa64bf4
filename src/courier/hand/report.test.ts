import { expect } from 'chai';
import fc from 'fast-check';
import { lineSplitter, parseReport } from './report.ts';

const TOKEN = '0123456789abcdef01234567';

describe('parseReport', () => {
  it('reads what run.sh writes', () => {
    expect(parseReport('0 - hello')).to.deep.equal({ kind: 'hello' });
    expect(parseReport(`3 ${TOKEN} done 137 2 0 4`)).to.deep.equal({
      kind: 'done',
      sequence: 3,
      token: TOKEN,
      code: 137,
      oomKills: 2,
      numbers: [0, 4],
    });
    expect(parseReport(`3 ${TOKEN} refused user`)).to.deep.include({ kind: 'refused', refusal: 'user' });
  });

  for (const line of [
    '',
    'hello',
    `3 ${TOKEN} done`,
    `3 ${TOKEN} done 1 2 x`,
    `3 short done 0 0`,
    `-3 ${TOKEN} done 0 0`,
    `3 ${TOKEN} refused everything`,
  ])
    it(`reads nothing from ${JSON.stringify(line)}`, () => {
      expect(parseReport(line)).to.equal(undefined);
    });
});

describe('lineSplitter', () => {
  it('gives the same lines however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (chunks) => {
        const lines: string[] = [];
        const split = lineSplitter((line) => lines.push(line));
        for (const chunk of chunks) split(chunk);
        expect(lines).to.deep.equal(chunks.join('').split('\n').slice(0, -1));
      }),
    );
  });

  it('keeps no endless line in memory', () => {
    const lines: string[] = [];
    const split = lineSplitter((line) => lines.push(line));
    for (let i = 0; i < 100; i += 1) split('x'.repeat(10_000));
    split('\nafter\n');
    expect(lines.map(({ length }) => length)).to.deep.equal([16_384, 5]);
  });
});
