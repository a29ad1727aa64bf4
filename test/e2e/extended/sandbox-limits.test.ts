import { expect } from 'chai';
import { SandboxError } from '../../../src/client/sandbox/errors.ts';
import { becomes, LITTLE, small, userSession } from '../support/sandboxes.ts';

describe('a Sandbox', () => {
  it('says EphemeralStorageExceeded where it fills its disk, and its command is no success', async function () {
    this.timeout(240_000);
    const session = userSession();
    const limits = { memory: '256Mi', 'ephemeral-storage': '100Mi' };
    const sandbox = await small(session, 'filling', { resources: { ...LITTLE, limits } }).init();
    try {
      const running = sandbox.runCommand('head -c 300M /dev/zero > /full; sleep 3600');
      const failure: unknown = await running.catch((error: unknown) => error);
      expect(failure).to.be.instanceOf(SandboxError);
      await becomes('filling', 'EphemeralStorageExceeded');
    } finally {
      await sandbox.teardown();
      await session.close();
    }
  });
});
