import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { buildAttacker } from '../../../../test/support/sbd-container.ts';
import { useSbd } from '../../../../test/support/sbd-courier.ts';
import type { Refused } from '../../../hand/stream.ts';

describe('a container without root or any capability', function () {
  const container = useSbd({ uid: 1000 });

  it('runs commands as its own user, by name or number, and as nobody else', async () => {
    const { said, hand } = container();
    for (const user of [undefined, 'agent', '1000'])
      expect((await said({ argv: ['id', '-u'], ...(user && { user }) })).stdout).to.equal('1000\n');
    const error = await hand
      .run({ id: 'root', argv: ['id'], user: '0' })
      .catch((thrown: Refused) => thrown.reason);
    expect(error).to.equal('NotPermitted');
  });

  it('has terminals', async () => {
    const { hand, text } = container();
    const argv = ['sh', '-c', 'stty size; echo "$0" > "$(tty)"', 'said'];
    const running = await hand.run({ id: 'pty', argv, pty: { rows: 3, columns: 4 } });
    expect((await text(running.stdout)).replaceAll('\r', '')).to.equal('3 4\nsaid\n');
    running.close();
  });

  it('works with files', async () => {
    const { hand } = container();
    for (const user of [{}, { user: 'agent' }]) {
      await hand.writeFile({ path: '/app/file', ...user }, Buffer.from('text'));
      expect(await hand.stat({ path: '/app/file', ...user })).to.include({ uid: 1000, size: 4 });
      expect(
        await hand.remove({ path: '/etc/passwd', ...user }).catch(({ reason }: Refused) => reason),
      ).to.equal('NotPermitted');
    }
  });

  it('cannot take over its first process though that runs as the same user', async () => {
    const { pod, said } = container();
    chmodSync(pod.tools, 0o755);
    buildAttacker(pod.tools);
    chmodSync(join(pod.tools, 'attacker'), 0o755);
    const { stdout } = await said({ argv: ['/tools/attacker'] });
    expect(stdout).to.match(/^mem EACCES\nmaps EACCES\nenviron EACCES\n/);
    expect(stdout).not.to.match(/open|seen/);
  });

  it('is frozen, and goes on', async () => {
    const { hand, said, start } = container();
    const running = await start({
      argv: ['sh', '-c', 'setsid sleep 100 & sleep 100'],
      stdout: 'null',
      stderr: 'null',
    });
    expect(await hand.freeze()).to.equal(0);
    expect(await running.exited).to.include({ signal: 9 });
    expect((await said({ argv: ['echo', 'well'] })).stdout).to.equal('well\n');
  });
});
