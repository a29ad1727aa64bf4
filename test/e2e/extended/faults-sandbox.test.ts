import { expect } from 'chai';
import { createHash } from 'node:crypto';
import type { Session } from '../../../src/client/index.ts';
import type { SandboxEnvironment } from '../../../src/client/sandbox/environment.ts';
import { killApiServer, apiServerAnswers } from '../support/faults.ts';
import { filesGoThere } from '../support/files.ts';
import { commandSurvives, small, userSession } from '../support/sandboxes.ts';

describe('a Sandbox', () => {
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

  it('gives a gigabyte of a command’s output in constant memory', async function () {
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

  it('takes ten thousand files, and gives them back as they were', async function () {
    this.timeout(300_000);
    await filesGoThere(sandbox, 10_000);
  });

  it('loses no byte of a command when the API server restarts', async function () {
    this.timeout(240_000);
    await commandSurvives(sandbox, async () => {
      await killApiServer();
      await apiServerAnswers();
    });
  });
});
