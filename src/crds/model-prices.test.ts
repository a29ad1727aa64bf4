import { expect } from 'chai';
import { costOf, MODEL_PRICES, priceOf } from './model-prices.ts';

describe('the price of a model', () => {
  it('is that of its name, of dated ones too, and of no model to come', () => {
    expect(priceOf('claude-sonnet-4-5-20250929')).to.include({ input: 3, cached: 0.3, output: 15 });
    expect(priceOf('anthropic/claude-sonnet-4-5')).to.include({ input: 3 });
    expect(priceOf('claude-opus-5-5')).to.include({ cached: 0.2, cacheWrite: 5 });
    expect(priceOf('claude-fable-5-1')).to.include({ cached: 0.25, cacheWrite: 12.5 });
    expect(priceOf('gpt-6.1-sol')).to.include({ cached: 0.1, cacheWrite: 2.5 });
    expect(priceOf('gpt-5')).to.include({ input: 1.25 });
    expect(priceOf('gpt-5-mini-2025-08-07')).to.include({ input: 0.25 });
    for (const unknown of ['gpt-5-pro', 'gpt-5.9', 'claude-opus-4-9', '', 'o3-pro'])
      expect(priceOf(unknown), unknown).to.equal(undefined);
  });

  it('is what the installation says before what is built in', () => {
    const own = [{ model: 'gpt-*', input: 9, cached: 9, output: 9 }];
    expect(priceOf('gpt-5', own)?.input).to.equal(9);
    expect(priceOf('o3', own)?.input).to.equal(2);
  });

  it('is taken for every token once', () => {
    const price = { model: 'x', input: 10, cached: 1, output: 100 };
    const million = { plain: 1e6, cached: 1e6, cacheWrite: 1e6, output: 1e6 };
    expect(costOf(million, price)).to.equal(121);
    expect(costOf(million, { ...price, cacheWrite: 12 })).to.equal(123);
  });

  it('is listed so that no pattern hides a later one', () => {
    for (const [index, { model }] of MODEL_PRICES.entries())
      expect(MODEL_PRICES.indexOf(priceOf(model.replace('*', '')) ?? MODEL_PRICES[0]!), model).to.equal(
        index,
      );
  });
});
