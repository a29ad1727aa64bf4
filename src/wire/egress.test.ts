import { expect } from 'chai';
import fc from 'fast-check';
import { addressOf, isInRange, rangeOf } from './addresses.ts';
import { egressRuleOf, mayConnect, NEVER_REACHED, PRIVATE } from './egress.ts';
import type { EgressRule } from './egress.ts';

const reached = (text: string, allowed: EgressRule[] = [], refused: string[] = []): boolean =>
  mayConnect(addressOf(text) ?? expect.fail(text), 443, { allowed, refused });

describe('Trials', () => {
  for (const address of [
    '1.1.1.1',
    '8.8.8.8',
    '223.255.255.255',
    '172.32.0.1',
    '100.128.0.1',
    '2606:4700::1',
    '64:ff9b::808:808',
  ])
    it(`reach ${address}`, () => {
      expect(reached(address)).to.equal(true);
    });

  for (const address of [
    '0.0.0.0',
    '10.96.0.1',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.255.254',
    '168.63.129.16',
    '169.254.169.254',
    '172.31.255.255',
    '192.0.0.192',
    '192.168.1.1',
    '198.19.0.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::127.0.0.1',
    '::ffff:10.0.0.1',
    '::ffff:169.254.169.254',
    '64:ff9b::a00:1',
    '64:ff9b::169.254.169.254',
    '64:ff9b::7f00:1',
    '64:ff9b:1::1',
    '100::1',
    '2001::1',
    '2001:db8::1',
    '2002:7f00:1::',
    'fc00::1',
    'fd00:ec2::254',
    'fe80::1',
    'fec0::1',
    'ff02::1',
  ])
    it(`do not reach ${address}`, () => {
      expect(reached(address)).to.equal(false);
    });

  it('reach what the installation allows, at its port, however the address is written', () => {
    const allowed = [{ cidr: '10.0.5.0/24', port: 443 }, { cidr: 'fd00:5::/64' }];
    expect(reached('10.0.5.7', allowed)).to.equal(true);
    expect(reached('64:ff9b::10.0.5.7', allowed)).to.equal(true);
    expect(reached('fd00:5::1', allowed)).to.equal(true);
    expect(reached('10.0.6.7', allowed)).to.equal(false);
    expect(mayConnect(addressOf('10.0.5.7')!, 80, { allowed, refused: [] })).to.equal(false);
  });

  it('do not reach public addresses of the cluster itself', () => {
    expect(reached('1.1.1.1', [], ['1.1.1.1'])).to.equal(false);
    expect(reached('64:ff9b::1.1.1.1', [], ['1.1.1.1'])).to.equal(false);
    expect(reached('1.1.1.2', [], ['1.1.1.1'])).to.equal(true);
  });

  it('reach no IPv6 address but global ones', () => {
    const nat64 = rangeOf('64:ff9b::/96')!;
    const global = rangeOf('2000::/3')!;
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const address = addressOf(text)!;
        fc.pre(address.family === 6 && !isInRange(address, nat64));
        if (reached(text)) expect(isInRange(address, global)).to.equal(true);
      }),
    );
  });

  it('are kept from nothing by an entry that is none', () => {
    for (const text of [...NEVER_REACHED, ...PRIVATE]) expect(rangeOf(text), text).to.not.equal(undefined);
  });
});

describe('An exception for the addresses of Trials', () => {
  it('is a range or an address, with a port or without', () => {
    for (const [entry, rule] of [
      ['10.0.5.0/24', { cidr: '10.0.5.0/24' }],
      ['10.0.5.7', { cidr: '10.0.5.7/32' }],
      ['10.0.5.7/32:443', { cidr: '10.0.5.7/32', port: 443 }],
      ['fd00:5::/64', { cidr: 'fd00:5::/64' }],
      ['fd00:5::7', { cidr: 'fd00:5::7/128' }],
      ['[fd00:5::/64]:443', { cidr: 'fd00:5::/64', port: 443 }],
    ] as const)
      expect(egressRuleOf(entry), entry).to.deep.equal(rule);
  });

  for (const bad of [
    'a.org',
    '10.0.5.7/24',
    '10.0.5.0/24:0',
    '10.0.5.0/24:65536',
    '10.0.5.0/24:',
    '[10.0.5.0/24]',
    '::ffff:10.0.0.0/104',
    '10.0.5',
  ])
    it(`is not ${bad}`, () => {
      expect(egressRuleOf(bad)).to.match(/^is not a range/);
    });

  it('is none for loopback, link or metadata, and no range that holds them', () => {
    for (const bad of [
      '127.0.0.1',
      '169.254.169.254:80',
      '0.0.0.0/0',
      '128.0.0.0/1',
      '::/0',
      'fd00::/8',
      '[fe80::1]:443',
    ])
      expect(egressRuleOf(bad), bad).to.match(/^holds addresses of .*, which no Trial may reach$/);
  });
});
