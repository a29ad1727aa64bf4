import type { Session } from '../../src/client/index.ts';
import type { SandboxEnvironment } from '../../src/client/sandbox/environment.ts';
import { killOperator, operatorIsWell } from './support/faults.ts';
import { commandSurvives, small, userSession } from './support/sandboxes.ts';

describe('a command in a Sandbox', () => {
  let session: Session;
  let sandbox: SandboxEnvironment;

  before(async () => {
    session = userSession();
    sandbox = await small(session, 'through-faults').init();
  });

  after(async () => {
    await sandbox.teardown();
    await session.close();
  });

  it('loses no byte when the broker that it goes through is killed, and then the others', async function () {
    this.timeout(180_000);
    await commandSurvives(sandbox, () => killOperator('every replica'));
    await operatorIsWell();
  });
});
