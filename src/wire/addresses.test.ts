import { expect } from 'chai';
import fc from 'fast-check';
import { BlockList } from 'node:net';
import { addressOf, isInRange, overlap, rangeOf } from './addresses.ts';

const family = (is: 4 | 6) => (is === 4 ? 'ipv4' : 'ipv6');

describe('An address', () => {
  it('is the same however IPv6 is written', () => {
    const forms = ['2001:db8::1', '2001:DB8:0:0:0:0:0:1', '2001:0db8::0001', '2001:db8::0.0.0.1'];
    expect(new Set(forms.map((form) => addressOf(form)?.value)).size).to.equal(1);
    expect(addressOf('::')?.value).to.equal(0n);
    expect(addressOf('1::')?.value).to.equal(1n << 112n);
  });

  it('is IPv4 where it is IPv4-mapped', () => {
    for (const form of ['::ffff:192.0.2.1', '::FFFF:c000:201', '0:0:0:0:0:ffff:192.0.2.1'])
      expect(addressOf(form)).to.deep.equal({ family: 4, value: 0xc0000201n, text: '192.0.2.1' });
  });

  for (const form of [
    '0177.0.0.1',
    '0x7f.0.0.1',
    '127.1',
    '2130706433',
    '127.0.0.01',
    '1.2.3.4.',
    '1.2.3',
    '256.1.1.1',
    'fe80::1%eth0',
    '::1%0',
    '[::1]',
    '1:2:3:4:5:6:7:8:9',
    '::1::',
    '',
    ' 1.2.3.4',
    '１.２.３.４',
  ])
    it(`is not ${JSON.stringify(form)}`, () => {
      expect(addressOf(form)).to.equal(undefined);
      expect(rangeOf(form)).to.equal(undefined);
    });
});

describe('A range', () => {
  it('begins with its first address', () => {
    expect(rangeOf('192.0.2.0/24')).to.deep.equal({ family: 4, first: 0xc0000200n, bits: 24 });
    for (const none of [
      '192.0.2.1/24',
      '2001:db8::1/32',
      '10.0.0.0/33',
      '::/129',
      '10.0.0.0/08',
      '10.0.0.0/',
    ])
      expect(rangeOf(none), none).to.equal(undefined);
    expect(rangeOf('192.0.2.7')?.bits).to.equal(32);
  });

  it('of IPv4-mapped addresses is one of IPv4', () => {
    expect(rangeOf('::ffff:10.0.0.0/104')).to.deep.equal(rangeOf('10.0.0.0/8'));
    expect(rangeOf('::ffff:0:0/95')).to.equal(undefined);
  });

  it('holds what Node says that it holds', () => {
    const v4 = fc.record({ text: fc.ipV4(), bits: fc.nat(32), is: fc.constant(4 as const) });
    const v6 = fc.record({ text: fc.ipV6(), bits: fc.nat(128), is: fc.constant(6 as const) });
    fc.assert(
      fc.property(
        fc.oneof(v4, v6),
        fc.oneof(fc.ipV4(), fc.ipV6()),
        fc.boolean(),
        ({ text, bits, is }, far, near) => {
          const from = addressOf(text);
          const other = addressOf(near ? text : far);
          fc.pre(from?.family === is && other !== undefined);
          const block = new BlockList();
          block.addSubnet(text, bits, family(is));
          const size = BigInt((is === 4 ? 32 : 128) - bits);
          const range = { family: is, first: (from.value >> size) << size, bits };
          // Node has `::/0` hold IPv4 as well.
          const held = other.family === is && block.check(other.text, family(is));
          expect(isInRange(other, range)).to.equal(held);
        },
      ),
    );
  });

  it('overlaps another where one holds the other', () => {
    const ranges = (one: string, other: string) => overlap(rangeOf(one)!, rangeOf(other)!);
    expect(ranges('10.0.0.0/8', '10.1.0.0/16')).to.equal(true);
    expect(ranges('10.1.0.0/16', '0.0.0.0/0')).to.equal(true);
    expect(ranges('10.0.0.0/9', '10.128.0.0/9')).to.equal(false);
    expect(ranges('::/0', '0.0.0.0/0')).to.equal(false);
  });
});
