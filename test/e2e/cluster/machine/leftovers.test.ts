import { expect } from 'chai';
import { containerLinks, mountsBelow, ruleRemovals } from './leftovers.ts';

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
});
