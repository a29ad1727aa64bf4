import { expect } from 'chai';
import { ProviderError } from '../errors.ts';
import { costsContract } from './contract.ts';
import { memoryCosts } from './memory.ts';

describe('memory Costs', () => {
  costsContract(() => {
    const costs = memoryCosts();
    return { costs, charge: (charge) => costs.charge(charge) };
  });

  it('throw the faults that a test scripts', async () => {
    const down = memoryCosts({ fault: () => new ProviderError('Unavailable', 'down') });
    expect(await down.ofMonth(new Date()).catch((error: unknown) => error)).to.include({
      reason: 'Unavailable',
    });
  });
});
