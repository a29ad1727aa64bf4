import { expect } from 'chai';
import { attachSandbox } from '../../../src/client/index.ts';
import { SandboxError } from '../../../src/client/sandbox/errors.ts';
import { eventually } from '../../support/eventually.ts';
import {
  CONTROL_PLANE,
  moveDnsTo,
  operatorIsWell,
  withFrozenNode,
  withOnlyNode,
  WORKER,
} from '../support/faults.ts';
import { becomes, podOf, seen, small, userSession } from '../support/sandboxes.ts';

describe('a node that is lost while Sandboxes are on it', function () {
  this.timeout(600_000);
  before(() => moveDnsTo(CONTROL_PLANE ?? ''));

  it('costs the command, which never passes for a success; the Sandbox gets another Pod where recreatePolicy is OnLoss', async () => {
    const session = userSession();
    const again = small(session, 'node-again', { recreatePolicy: 'OnLoss' });
    const never = small(session, 'node-never');
    try {
      await withOnlyNode(WORKER ?? '', async () => void (await Promise.all([again.init(), never.init()])));
      const first = await podOf('node-again');
      const running = again.runCommand('sleep 3600').catch((error: unknown) => error);
      await withFrozenNode(WORKER ?? '', async () => {
        await becomes('node-never', 'NodeLost', { seconds: 300 });
        await eventually(
          'it has another Pod',
          async () => {
            const { status } = (await seen('node-again')) ?? {};
            return status?.startedTime && status.podName !== first.metadata.name ? status : undefined;
          },
          180,
        );
        const sandbox = attachSandbox(session, 'node-again');
        expect((await sandbox.runCommand('echo alive')).stdout).to.equal('alive\n');
        sandbox.close();
        expect(await running).to.be.instanceOf(SandboxError);
      });
      const { status } = (await seen('node-again'))!;
      expect(status?.attempts).to.have.length(2);
      expect(status?.attempts?.[0]).to.include({ number: 1, reason: 'NodeLost', nodeName: WORKER });
      expect(status?.attempts?.[1]).to.include({ number: 2, nodeName: CONTROL_PLANE });
      await operatorIsWell(180);
      // The node that is back takes nothing away from it.
      await becomes('node-again', 'Ready');
      await becomes('node-never', 'NodeLost');
    } finally {
      await Promise.all([again.teardown(), never.teardown()]);
      await session.close();
    }
  });
});
