import { expect } from 'chai';
import fc from 'fast-check';
import { NETWORK_PHASES } from './network.ts';
import { authorityOf, headersOf, purposeOf, targetOf } from './tunnel.ts';
import type { TunnelPurpose } from './tunnel.ts';

describe('The target of a tunnel', () => {
  it('is a host and a port', () => {
    for (const [text, plain] of [
      ['PyPI.org.:443', 'pypi.org:443'],
      ['192.0.2.1:1', '192.0.2.1:1'],
      ['[2001:DB8::1]:65535', '[2001:db8::1]:65535'],
      ['[::ffff:192.0.2.1]:80', '192.0.2.1:80'],
    ] as const) {
      const target = targetOf(text);
      expect(target && authorityOf(target)).to.equal(plain);
    }
  });

  for (const bad of [
    'pypi.org',
    'pypi.org:',
    'pypi.org:0',
    'pypi.org:00443',
    'pypi.org:65536',
    'pypi.org:99999',
    'pypi.org:443:443',
    'pypi.org:+443',
    'pypi.org:443 ',
    'pypi.org:4e2',
    'https://pypi.org:443',
    'https://pypi.org/',
    '/v1/assignment',
    'user@pypi.org:443',
    '2001:db8::1:443',
    '[pypi.org]:443',
    '[192.0.2.1]:443',
    '[fe80::1%25eth0]:443',
    '0177.1:80',
    '2130706433:80',
    ':443',
    '*:443',
    '',
  ])
    it(`is not ${JSON.stringify(bad)}`, () => {
      expect(targetOf(bad)).to.equal(undefined);
    });

  it('reads the same again from what was written of it', () => {
    const host = fc.oneof(
      fc.domain(),
      fc.ipV4(),
      fc.ipV6().map((text) => `[${text}]`),
    );
    fc.assert(
      fc.property(host, fc.integer({ min: 1, max: 65_535 }), (name, port) => {
        const target = targetOf(`${name}:${port}`);
        fc.pre(target !== undefined);
        expect(targetOf(authorityOf(target))).to.deep.equal(target);
      }),
    );
  });
});

describe('The purpose of a tunnel', () => {
  it('is read as it was written', () => {
    const purposes: TunnelPurpose[] = [
      { kind: 'store' },
      { kind: 'sandbox' },
      ...NETWORK_PHASES.map((phase) => ({ kind: 'phase' as const, phase, step: 9999 })),
    ];
    for (const purpose of purposes) expect(purposeOf(headersOf(purpose))).to.deep.equal(purpose);
  });

  const phase = { 'sb-purpose': 'phase', 'sb-phase': 'agent', 'sb-step': '0' };
  for (const bad of [
    {},
    { 'sb-purpose': 'Store' },
    { 'sb-purpose': 'store, phase' },
    { 'sb-purpose': 'store', 'sb-phase': 'agent' },
    { 'sb-purpose': 'sandbox', 'sb-phase': 'agent', 'sb-step': '0' },
    { 'sb-purpose': 'phase' },
    { ...phase, 'sb-phase': 'constructor' },
    { ...phase, 'sb-phase': 'agent, verifier' },
    ...['', '-1', '00', '1.0', '1e3', '10000', ' 1', '0, 1'].map((step) => ({ ...phase, 'sb-step': step })),
  ])
    it(`is not ${JSON.stringify(bad)}`, () => {
      expect(purposeOf(bad)).to.equal(undefined);
    });
});
