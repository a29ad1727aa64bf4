import { expect } from 'chai';
import { createHash } from 'node:crypto';
import type { Session } from '../../../src/client/index.ts';
import type { SandboxEnvironment } from '../../../src/client/sandbox/environment.ts';
import { killApiServer, apiServerAnswers, killOperator, operatorIsWell } from '../support/faults.ts';
import { commandSurvives, small, userSession } from '../support/sandboxes.ts';

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

  it('gives a gigabyte in constant memory', async function () {
    this.timeout(300_000);
    const MIB = 2 ** 20;
    const count = 1024;
    const [hash, expected] = [createHash('sha256'), createHash('sha256')];
    let peak = 0;
    const before = process.memoryUsage.rss();
    const { exitCode } = await sandbox.runCommand(`head -c ${count}M /dev/zero`, {
      maxOutputBytes: 1024,
      onStdout: (chunk) => {
        hash.update(chunk);
        peak = Math.max(peak, process.memoryUsage.rss());
      },
    });
    for (let piece = 0; piece < count; piece += 1) expected.update(Buffer.alloc(MIB));
    expect(exitCode).to.equal(0);
    expect(hash.digest('hex')).to.equal(expected.digest('hex'));
    expect((peak - before) / MIB).to.be.below(300);
  });

  it('loses no byte when the API server restarts', async function () {
    this.timeout(240_000);
    await commandSurvives(sandbox, async () => {
      await killApiServer();
      await apiServerAnswers();
    });
  });

  it('may be one of many, while replicas of the operator are killed at random', async function () {
    this.timeout(300_000);
    const stop = Date.now() + 45_000;
    let commands = 0;
    const wrong: string[] = [];
    const busy = async (worker: number): Promise<void> => {
      while (Date.now() < stop) {
        const code = (commands += 1) % 200;
        const size = (commands * 7919) % 100_000;
        const result = await sandbox.runCommand(`head -c ${size} /dev/zero; exit ${code}`);
        if (result.exitCode !== code || result.stdout.length !== size)
          wrong.push(`${worker}: ${result.exitCode} for ${code}, ${result.stdout.length} of ${size} bytes`);
      }
    };
    const killing = (async (): Promise<void> => {
      while (Date.now() < stop - 15_000) {
        await killOperator('the leader');
        await operatorIsWell();
      }
    })();
    await Promise.all([killing, ...Array.from({ length: 5 }, (_, worker) => busy(worker))]);
    expect(wrong).to.deep.equal([]);
    expect(commands).to.be.above(50);
    await operatorIsWell();
  });
});
