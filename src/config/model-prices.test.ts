import { expect } from 'chai';
import { modelPricesOf } from './model-prices.ts';

describe('prices of models, as an installation says them', () => {
  it('are taken with their defaults', () => {
    expect(modelPricesOf([{ model: 'm*', input: 2, output: 3 }])).to.deep.equal([
      { model: 'm*', input: 2, cached: 2, output: 3 },
    ]);
    const all = [{ model: 'team/m', input: 0, cached: 0, output: 0, cacheWrite: 1 }];
    expect(modelPricesOf(all)).to.deep.equal(all);
  });

  const wrong: [string, unknown][] = [
    ['no list', {}],
    ['no object', ['m']],
    ['without a model', [{ input: 1, output: 1 }]],
    ['a star in the middle', [{ model: 'a*b', input: 1, output: 1 }]],
    ['below nothing', [{ model: 'a', input: -1, output: 1 }]],
    ['a text', [{ model: 'a', input: '1', output: 1 }]],
    ['a field that it does not know', [{ model: 'a', input: 1, output: 1, price: 1 }]],
    ['too many', Array.from({ length: 257 }, () => ({ model: 'a', input: 1, output: 1 }))],
  ];
  for (const [what, value] of wrong)
    it(`are refused: ${what}`, () => expect(modelPricesOf(value)).to.equal(undefined));
});
