import { expect } from 'chai';
import { ProviderError } from '../errors.ts';
import { artifactStoreContract } from './contract.ts';
import { memoryArtifactStore } from './memory.ts';

describe('memory ArtifactStore', () => {
  let now = 0;
  const store = memoryArtifactStore({ now: () => now });
  artifactStoreContract(() => ({
    store,
    send: (request) => store.send(request),
    async pass(seconds) {
      now += seconds * 1000;
    },
  }));

  it('throws the faults that a test scripts', async () => {
    const refusing = memoryArtifactStore({
      fault: (operation) => (operation === 'put' ? new ProviderError('Throttled', 'slow down') : undefined),
    });
    expect(await refusing.put('a', 'b').catch((error: unknown) => error)).to.include({ reason: 'Throttled' });
    expect(await refusing.get('a', 1)).to.equal(undefined);
  });
});
