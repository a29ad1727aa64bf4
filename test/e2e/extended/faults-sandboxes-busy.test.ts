import { expect } from 'chai';
import { setTimeout as sleep } from 'node:timers/promises';
import { inParallel } from '../../../src/async/in-parallel.ts';
import type { Session } from '../../../src/client/index.ts';
import type { SandboxEnvironment } from '../../../src/client/sandbox/environment.ts';
import { seeded } from '../../support/random.ts';
import { keepBusy, type Tally } from '../support/busy.ts';
import { killReplicas, operatorIsWell, operatorPods } from '../support/faults.ts';
import { small, userSession } from '../support/sandboxes.ts';

/** `SB_BUSY_SANDBOXES` up to 100, where the cluster has room for them; `SB_BUSY_MINUTES`; `SB_BUSY_SEED` for the same kills again. */
const COUNT = Number(process.env['SB_BUSY_SANDBOXES'] ?? 20);
const MINUTES = Number(process.env['SB_BUSY_MINUTES'] ?? 10);
const SEED = Number(process.env['SB_BUSY_SEED'] ?? Date.now() % 1e6);
const MINUTE_MS = 60_000;
/** Later kills would leave no time to see what comes of them. */
const QUIET_MS = 20_000;
/** Of what went wrong, in its order. */
const SHOWN = 40;

describe('Sandboxes that a program keeps busy while replicas of the operator are killed at random', () => {
  let session: Session;
  let sandboxes: SandboxEnvironment[];

  before(async function () {
    this.timeout(300_000);
    session = userSession();
    const names = Array.from({ length: COUNT }, (_, index) => `busy-${index}`);
    sandboxes = await inParallel(names, (name) => small(session, name).init(), { width: 5 });
  });

  after(async function () {
    this.timeout(120_000);
    await Promise.all((sandboxes ?? []).map((sandbox) => sandbox.teardown()));
    await session.close();
  });

  /** One replica, sometimes all; the next once they are back, and sometimes before. Resolves with how many were killed. */
  async function kill(until: number, random: () => number): Promise<number> {
    let killed = 0;
    while (Date.now() < until) {
      const pods = await operatorPods();
      const chosen = random() < 0.25 ? pods : [pods[Math.floor(random() * pods.length)]!];
      await killReplicas(chosen).then(
        () => (killed += chosen.length),
        // It had not begun yet.
        () => {},
      );
      if (random() < 0.7) await operatorIsWell();
      await sleep(random() * 8000);
    }
    return killed;
  }

  it('lose no command, no exit code and no byte, and run nothing twice', async function () {
    this.timeout(MINUTES * MINUTE_MS + 300_000);
    const tally: Tally = { commands: 0, bytes: 0, wrong: [] };
    const until = Date.now() + MINUTES * MINUTE_MS;
    const [killed] = await Promise.all([
      kill(until - QUIET_MS, seeded(SEED)),
      ...sandboxes.map((sandbox, index) =>
        keepBusy(sandbox, tally, { until, random: seeded(SEED + index + 1) }),
      ),
    ]);
    const { commands, bytes, wrong } = tally;
    process.stdout.write(
      `      seed ${SEED}: ${COUNT} Sandboxes, ${MINUTES} minutes, ${commands} commands, ${Math.round(bytes / 1e6)} MB, ${killed} replicas killed, ${wrong.length} wrong\n`,
    );
    // Chai would count them and say no more.
    expect(wrong.slice(0, SHOWN).join('\n')).to.equal('');
    expect(killed).to.be.above(0);
    expect(commands).to.be.above(COUNT);
    await operatorIsWell();
  });
});
