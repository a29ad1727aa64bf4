import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventuallyTrue } from '../../../support/eventually.ts';
import { containerdsOf, containerLinks, endContainerdsOf, mountsBelow, ruleRemovals } from './leftovers.ts';

/** A process that does not hear SIGTERM, and one that it has started; resolves their ids. */
async function stubborn(argv0: string, argument: string): Promise<number[]> {
  const script = `
    process.on('SIGTERM', () => {});
    const child = require('node:child_process').spawn('sleep', ['1000']);
    console.log(process.pid + ' ' + child.pid);
    setInterval(() => {}, 1000);`;
  const started = spawn(process.execPath, ['-e', script, argument], {
    argv0,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [said] = (await once(started.stdout, 'data')) as [Buffer];
  return said.toString().trim().split(' ').map(Number);
}

const lives = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe('what the engine leaves on the machine', () => {
  const rules = `-P FORWARD DROP
-N DOCKER
-N DOCKER-USER
-N KEEP
-A FORWARD -j DOCKER-USER
-A FORWARD -o br-1234 -m comment --comment "two words" -j ACCEPT
-A FORWARD -i eth0 -j KEEP
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER-USER -j RETURN`;

  it('removes rules of chains and bridges of the engine before the chains, and no rule of anyone else', () => {
    expect(ruleRemovals(rules, ['docker0', 'br-1234'])).to.deep.equal([
      ['-D', 'FORWARD', '-j', 'DOCKER-USER'],
      ['-D', 'FORWARD', '-o', 'br-1234', '-m', 'comment', '--comment', 'two words', '-j', 'ACCEPT'],
      ['-D', 'POSTROUTING', '-s', '172.17.0.0/16', '!', '-o', 'docker0', '-j', 'MASQUERADE'],
      ['-D', 'DOCKER-USER', '-j', 'RETURN'],
      ['-X', 'DOCKER'],
      ['-X', 'DOCKER-USER'],
    ]);
  });

  it('finds mounts at and below a folder, the deepest first, and none of a folder whose name only begins alike', () => {
    const mounts = 'a /run/sb x\nb /run/sb/netns/default x\nc /run/sb-other x\nd / x\n';
    expect(mountsBelow('/run/sb', mounts)).to.deep.equal(['/run/sb/netns/default', '/run/sb']);
  });

  it('finds the links of containers on Docker’s bridges, and no link of anyone else', () => {
    const links = [
      { ifname: 'veth1', master: 'br-65799c18f5a3' },
      { ifname: 'veth2', master: 'docker0' },
      { ifname: 'veth3', master: 'br-lan' },
      { ifname: 'veth4' },
      {},
    ];
    expect(containerLinks(JSON.stringify(links))).to.deep.equal(['veth1', 'veth2']);
    expect(containerLinks('')).to.deep.equal([]);
  });

  it('ends a shim that was left behind with its container, and nobody of another folder or program', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sb-engine-'));
    const shim = await stubborn('/usr/bin/containerd-shim-runc-v2', `${folder}/containerd.sock`);
    const others = [
      await stubborn('/usr/bin/containerd-shim-runc-v2', `${folder}-of-others/containerd.sock`),
      await stubborn('/usr/bin/less', `${folder}/log`),
    ].flat();
    try {
      expect(containerdsOf(folder)).to.deep.equal(shim.slice(0, 1));
      await endContainerdsOf(folder);
      await eventuallyTrue('it has ended, and what it had started', () => !shim.some(lives));
      expect(others.filter(lives)).to.deep.equal(others);
    } finally {
      for (const pid of [...shim, ...others].filter(lives)) process.kill(pid, 'SIGKILL');
      rmSync(folder, { recursive: true });
    }
  });
});
