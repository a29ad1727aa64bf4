import { expect } from 'chai';
import fc from 'fast-check';
import { anyCharacter } from '../../test/support/any-character.ts';
import { hostOf, mayReach, problemOfAllowedHost } from './network.ts';

const listed = (...hosts: string[]) => ({ mode: 'Allowlist' as const, hosts });

/** Forms that resolvers and browsers read as an address, or as another name than they seem to be. */
const DISGUISED = [
  '0177.1',
  '0177.0.0.1',
  '2130706433',
  '0x7f000001',
  '0x7f.1',
  '127.1',
  '127.0.0.0x1',
  '1.2.3.4.5',
  'a.org.0x',
  'fe80::1%eth0',
  '::1%25lo',
  '[::1]',
  '%31%32%37.0.0.1',
  'a.org%00.evil.org',
  'a.org\0',
  'a.org ',
  ' a.org',
  'a.org\r\nx',
  'a..org',
  '.a.org',
  'a.org..',
  '-a.org',
  'a-.org',
  '*.a.org',
  'a.org:443',
  'a.org/',
  'user@a.org',
  'a。org',
  'ａ.org',
  'ÀÉ.org',
  'ſ.org',
  '\u212a.org',
  'a'.repeat(64),
  `${'a.'.repeat(127)}a`,
  '',
  '.',
];

describe('A list of hosts', () => {
  it('denies all where it is empty', () => {
    for (const host of ['a.org', '192.0.2.1', '::1']) expect(mayReach(listed(), host)).to.equal(false);
  });

  it('means a host by its name, whatever its case, with the dot of the root or without', () => {
    for (const [entry, host] of [
      ['a.org', 'A.ORG.'],
      ['A.org.', 'a.org'],
      [' a.org ', 'a.org'],
      ['xn--bcher-kva.example', 'XN--BCHER-KVA.example'],
      ['localhost', 'LocalHost'],
    ] as const)
      expect(mayReach(listed(entry), host), `${entry} ${host}`).to.equal(true);
    for (const host of ['b.org', 'x.a.org', 'a.org.evil.org', 'aa.org', 'a.orgs'])
      expect(mayReach(listed('a.org'), host), host).to.equal(false);
  });

  it('means by *. all names below one, not that itself', () => {
    const allowed = (host: string) => mayReach(listed('*.a.org'), host);
    expect(['x.a.org', 'y.x.A.org.', 'my_bucket.a.org'].map(allowed)).to.deep.equal([true, true, true]);
    expect(['a.org', 'xa.org', 'x.a.org.evil', '*.a.org', '.a.org'].some(allowed)).to.equal(false);
  });

  it('means addresses by their value', () => {
    for (const [entry, host] of [
      ['192.0.2.1', '::ffff:192.0.2.1'],
      ['::ffff:192.0.2.1', '192.0.2.1'],
      ['2001:db8::1', '2001:DB8:0::1'],
      ['192.0.2.0/24', '192.0.2.255'],
      ['192.0.2.0/24', '::ffff:c000:2ff'],
      ['2001:db8::/32', '2001:db8:ffff::'],
      ['::/0', '2001:db8::1'],
    ] as const)
      expect(mayReach(listed(entry), host), `${entry} ${host}`).to.equal(true);
    for (const [entry, host] of [
      ['192.0.2.0/24', '192.0.3.0'],
      ['::/0', '192.0.2.1'],
      ['0.0.0.0/0', '2001:db8::1'],
      ['0.0.0.0/0', 'a.org'],
      ['a.org', '192.0.2.1'],
      ['*.1', '192.0.2.1'],
    ] as const)
      expect(mayReach(listed(entry), host), `${entry} ${host}`).to.equal(false);
  });

  for (const text of DISGUISED)
    it(`neither means nor finds ${JSON.stringify(text.slice(0, 70))}`, () => {
      expect(hostOf(text)).to.equal(undefined);
      expect(mayReach(listed(text, '0.0.0.0/0', '::/0', '*.org', '*.1'), text)).to.equal(false);
      expect(mayReach({ mode: 'Public', hosts: [] }, text)).to.equal(false);
    });

  it('finds what it has, and nothing that is not below or in it', () => {
    const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,8}[a-z0-9])?$/);
    const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
    fc.assert(
      fc.property(name, name, label, (one, other, below) => {
        expect(mayReach(listed(one), other)).to.equal(one === other);
        expect(mayReach(listed(`*.${one}`), `${below}.${one}`.toUpperCase())).to.equal(true);
        expect(mayReach(listed(`*.${one}`), other)).to.equal(other.endsWith(`.${one}`));
        expect(mayReach(listed('0.0.0.0/0', '::/0'), one)).to.equal(false);
      }),
    );
  });

  it('never throws, and never lets through what is no plain host', () => {
    const text = fc.oneof(
      fc.string({ unit: anyCharacter }),
      fc.string(),
      fc.constantFrom(...DISGUISED),
      fc.domain(),
    );
    fc.assert(
      fc.property(text, fc.array(text), (host, hosts) => {
        const reached = mayReach(listed(...hosts), host);
        if (reached) expect(host).to.match(/^[\w.:-]+$/);
        if (reached) expect(hostOf(host)).to.not.equal(undefined);
        expect(mayReach({ mode: 'None', hosts }, host)).to.equal(false);
      }),
    );
  });
});

describe('An entry of a list of hosts', () => {
  for (const good of [
    'a.org',
    '*.a.org',
    'A.ORG.',
    ' a.org ',
    '192.0.2.1',
    '2001:db8::1',
    '192.0.2.0/24',
    '::/0',
  ])
    it(`may be ${good}`, () => {
      expect(problemOfAllowedHost(good)).to.equal(undefined);
    });

  const forms = 'a host, *.host, an IP address or a range such as 192.0.2.0/24, without scheme, port or path';
  for (const bad of [
    'https://a.org',
    'a.org:443',
    'a.org/path',
    '*',
    '*.',
    '*.*.org',
    'a.*.org',
    '*a.org',
    '*.192.0.2.1',
    'my_bucket.org',
    '[2001:db8::1]',
    'fe80::1%eth0',
    '10.0.0.0/33',
    '10.0.0.0/8/8',
    ...DISGUISED.filter((text) => !['a.org ', ' a.org', '*.a.org'].includes(text)),
  ])
    it(`is not ${JSON.stringify(bad.slice(0, 70))}`, () => {
      expect(problemOfAllowedHost(bad)).to.equal(
        `is ${JSON.stringify(bad.slice(0, 253))}; expected ${forms}`,
      );
    });

  it('is no range that begins in its middle, as in Harbor', () => {
    for (const bad of ['192.0.2.1/24', '2001:db8::1/32'])
      expect(problemOfAllowedHost(bad)).to.equal(
        `is "${bad}"; expected the first address of the range before its /, as in 192.0.2.0/24`,
      );
  });
});
