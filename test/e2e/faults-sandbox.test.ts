import { expect } from 'chai';
import type { Session } from '../../src/client/index.ts';
import type { SandboxEnvironment } from '../../src/client/sandbox/environment.ts';
import { killOperator, operatorIsWell } from './support/faults.ts';
import { small, userSession } from './support/sandboxes.ts';

const LINES = 300;
/** Numbered lines for half a minute, an exit code of its own, and nothing else. */
const COUNTING = `i=0; while [ $i -lt ${LINES} ]; do echo line $i; i=$((i + 1)); sleep 0.1; done; exit 9`;
const COUNTED = Array.from({ length: LINES }, (_, index) => `line ${index}\n`).join('');

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

  async function survives(fault: () => Promise<unknown>): Promise<void> {
    const running = sandbox.runCommand(COUNTING);
    await sandbox.runCommand('sleep 1');
    await fault();
    const { exitCode, stdout } = await running;
    expect({ exitCode, whole: stdout === COUNTED, bytes: stdout.length }).to.deep.equal({
      exitCode: 9,
      whole: true,
      bytes: COUNTED.length,
    });
  }

  it('loses no byte when the broker that it goes through is killed, and then the others', async function () {
    this.timeout(180_000);
    await survives(() => killOperator('every replica'));
    await operatorIsWell();
  });
});
