import { expect } from 'chai';
import { ProviderError } from '../errors.ts';
import { imageRegistryContract } from './contract.ts';
import { memoryImageRegistry } from './memory.ts';

describe('memory ImageRegistry', () => {
  const registry = memoryImageRegistry();
  imageRegistryContract(() => ({
    registry,
    push: async (reference, image) => registry.add(reference, image).digest,
  }));

  it('forgets a tag that was removed, but not its digest', async () => {
    const { digest } = registry.add('some/gone:1');
    registry.remove('some/gone:1');
    expect(await registry.resolve('some/gone:1')).to.equal(undefined);
    expect((await registry.resolve(`some/gone@${digest}`))?.digest).to.equal(digest);
  });

  it('throws the faults that a test scripts', async () => {
    const down = memoryImageRegistry({ fault: () => new ProviderError('Unavailable', 'down') });
    expect(await down.resolve('a:1').catch((error: unknown) => error)).to.include({ reason: 'Unavailable' });
  });
});
