import { expect } from 'chai';
import { isInternet, NOT_INTERNET } from './ranges.ts';

describe('the addresses of the internet', () => {
  const others: [string, string][] = [
    ['10.1.2.3', 'a private network'],
    ['172.31.255.255', 'a private network'],
    ['192.168.0.1', 'a private network'],
    ['100.64.0.1', 'a provider’s own'],
    ['127.0.0.1', 'loopback'],
    ['169.254.169.254', 'the metadata of clouds'],
    ['169.254.170.23', 'EKS Pod Identity'],
    ['240.0.0.1', 'reserved'],
    ['::1', 'loopback'],
    ['fd00:ec2::254', 'the metadata of AWS'],
    ['fd00:ec2::23', 'EKS Pod Identity'],
    ['fe80::1', 'link-local'],
    ['::ffff:10.0.0.1', 'IPv4 in IPv6'],
    ['2002:a00:1::', 'IPv4 through 6to4'],
    ['64:ff9b::a9fe:a9fe', 'the metadata of clouds through NAT64'],
    ['64:ff9b::7f00:1', 'loopback through NAT64'],
  ];
  for (const [address, what] of others)
    it(`do not include ${address}: ${what}`, () => expect(isInternet(address)).to.equal(false));

  for (const address of ['1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '64:ff9b::808:808'])
    it(`include ${address}`, () => expect(isInternet(address)).to.equal(true));

  it('are left over by ranges as Kubernetes takes them: the first address and its bits', () => {
    expect(NOT_INTERNET.ipv6).to.include.members(['64:ff9b::/104', '64:ff9b::a9fe:0/112', 'fc00::/7']);
  });
});
