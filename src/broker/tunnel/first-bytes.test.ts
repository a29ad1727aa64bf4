import { expect } from 'chai';
import fc from 'fast-check';
import {
  clientHello,
  inRecords,
  plainHello,
  serverName,
  WARNING,
} from '../../../test/support/broker/hello.ts';
import { targetOf } from '../../wire/tunnel.ts';
import { judge } from './first-bytes.ts';
import type { Judgement } from './first-bytes.ts';

const NETWORK = { mode: 'Allowlist' as const, hosts: ['a.org', '*.b.org', '192.0.2.0/24'] };

interface Given {
  to?: string;
  ended?: boolean;
}
const judged = (bytes: Buffer | string, { to = 'a.org:443', ended = false }: Given = {}): Judgement =>
  judge(Buffer.from(bytes as string, 'latin1'), { network: NETWORK, target: targetOf(to)!, ended });
const kind = (bytes: Buffer | string, given?: Given): Judgement['kind'] => judged(bytes, given).kind;
const why = (bytes: Buffer | string, given?: Given): string => {
  const judgement = judged(bytes, given);
  return judgement.kind === 'refused' ? judgement.why : judgement.kind;
};

/** Judged byte by byte, it must be `more` until it is judged as a whole. */
function inPieces(bytes: Buffer): Judgement['kind'] {
  for (let length = 0; length < bytes.length; length++) {
    const soFar = kind(bytes.subarray(0, length));
    if (soFar !== 'more') return soFar;
  }
  return kind(bytes);
}

describe('The first bytes of a client that speaks TLS', () => {
  const hello = (servername?: string): Promise<Buffer> =>
    clientHello(servername === undefined ? { host: '192.0.2.1' } : { servername });

  it('pass with a name of the list, also another one than the tunnel leads to', async () => {
    for (const name of ['a.org', 'A.ORG', 'x.b.org', 'y.x.b.org'])
      expect(kind(await hello(name)), name).to.equal('pass');
  });

  it('do not pass with another name, be it near', async () => {
    for (const name of ['evil.org', 'b.org', 'a.org.evil.org', 'xa.org'])
      expect(why(await hello(name))).to.equal(
        `the server name (SNI) of TLS is "${name}", which is not allowed`,
      );
  });

  it('pass without a name to an address of the list alone', async () => {
    expect(kind(await hello(), { to: '192.0.2.1:443' })).to.equal('pass');
    expect(why(await hello())).to.equal(
      'there is no server name (SNI) of TLS, and a connection to a.org needs one',
    );
    expect(kind(await hello('evil.org'), { to: '192.0.2.1:443' })).to.equal('refused');
  });

  it('are read however they are cut into segments and records', async () => {
    for (const [name, verdict] of [
      ['a.org', 'pass'],
      ['evil.org', 'refused'],
    ] as const) {
      const whole = await hello(name);
      for (const bytes of [whole, inRecords(whole, 1), inRecords(whole, 3), inRecords(whole, 1000)])
        expect(inPieces(bytes), name).to.equal(verdict);
    }
  });

  it('are the same to older versions, to more extensions and to GREASE', async () => {
    expect(kind(await clientHello({ servername: 'a.org', maxVersion: 'TLSv1.2' }))).to.equal('pass');
    const grease: [number, Buffer] = [0x0a0a, Buffer.alloc(0)];
    const another: [number, Buffer] = [0xfafa, Buffer.from([0])];
    const padding: [number, Buffer] = [21, Buffer.alloc(4000)];
    expect(kind(plainHello(grease, serverName('a.org'), another, padding))).to.equal('pass');
    expect(kind(plainHello(grease, padding, serverName('evil.org'), another))).to.equal('refused');
  });

  it('do not pass where somebody could read another name in them', () => {
    const refused: [string, Buffer][] = [
      ['two names', plainHello(serverName('a.org', 'evil.org'))],
      ['the extension twice', plainHello(serverName('a.org'), serverName('evil.org'))],
      ['a name of another kind', plainHello(serverName([1, 'a.org']))],
      ['an empty list', plainHello(serverName())],
      ['an empty name', plainHello(serverName(''))],
      ['a name with a NUL', plainHello(serverName('a.org\0.evil.org'))],
      ['a name with an address', plainHello(serverName('192.0.2.1.evil.org'))],
      ['a list longer than its extension', plainHello([0, Buffer.from([0, 9, 0, 0, 1, 97])])],
      ['an alert before', Buffer.concat([WARNING, plainHello(serverName('evil.org'))])],
      [
        'an alert before, though the name is right',
        Buffer.concat([WARNING, plainHello(serverName('a.org'))]),
      ],
      [
        'an alert between',
        Buffer.concat([inRecords(plainHello(serverName('a.org')), 40).subarray(0, 45), WARNING]),
      ],
      ['an empty record', Buffer.concat([Buffer.from([22, 3, 1, 0, 0]), plainHello(serverName('a.org'))])],
      ['another message', Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 0])],
      ['SSL 2', Buffer.from([0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0, 0, 0x10])],
    ];
    for (const [what, bytes] of refused) expect(kind(bytes), what).to.equal('refused');
  });

  it('do not pass unfinished, nor without end', () => {
    const begun = plainHello(serverName('a.org')).subarray(0, 40);
    expect(why(begun, { ended: true })).to.equal('the first bytes name no host to their end');
    const endless = Buffer.concat([
      Buffer.from([22, 3, 1, 0x3f, 0xff, 1, 0xff, 0xff, 0xff]),
      Buffer.alloc(33_000),
    ]);
    expect(kind(endless)).to.equal('refused');
  });
});

describe('The first bytes of a client that speaks HTTP without TLS', () => {
  const get = (...headers: string[]): string => ['GET /x HTTP/1.1', ...headers, '', ''].join('\r\n');

  it('pass with a Host of the list, with its port or without', () => {
    for (const host of ['a.org', 'A.org:80', 'x.b.org', '192.0.2.9:8080', 'a.org.'])
      expect(kind(get('Accept: */*', `hOsT:  ${host} `)), host).to.equal('pass');
    expect(kind('POST http://a.org/x?q HTTP/1.1\r\nHost: a.org\r\n\r\nbody')).to.equal('pass');
    expect(kind('\r\n\nOPTIONS * HTTP/1.0\nHost: a.org\n\n')).to.equal('pass');
  });

  const refused: [string, string][] = [
    ['another Host', get('Host: evil.org')],
    ['a Host twice, once another', get('Host: a.org', 'Host: evil.org')],
    ['two in one', get('Host: a.org, evil.org')],
    ['an absolute target of another host', 'GET http://evil.org/ HTTP/1.1\r\nHost: a.org\r\n\r\n'],
    ['a user before it', 'GET http://a.org@evil.org/ HTTP/1.1\r\nHost: a.org\r\n\r\n'],
    ['a backslash in it', 'GET http://a.org\\@evil.org/ HTTP/1.1\r\nHost: a.org\r\n\r\n'],
    ['a CONNECT elsewhere', 'CONNECT evil.org:443 HTTP/1.1\r\nHost: a.org\r\n\r\n'],
    ['a Host with a user', get('Host: a.org@evil.org')],
    ['a Host with a path', get('Host: a.org/evil.org')],
    ['an empty Host', get('Host:')],
    ['none at all', get('Accept: */*')],
    ['a folded header', get('Host: a.org', ' evil.org')],
    ['a folded Host', get('Host:', ' evil.org', 'X: y')],
    ['a space before the colon', get('Host : evil.org', 'Host: a.org')],
    ['a header that is none', get('Host: a.org', 'evil')],
    ['a lone CR', get('X: y\rHost: evil.org', 'Host: a.org')],
    ['a NUL', get('X: \0', 'Host: a.org')],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['HTTP/0.9', 'GET /\r\n\r\n'],
    ['HTTP/0.9 of another host', 'GET http://evil.org/\r\n\r\n'],
    ['something behind the version', 'POST / HTTP/1.1 x\r\nHost: a.org\r\n\r\n'],
    ['tabs', 'POST\t/\tHTTP/1.1\r\nHost: a.org\r\n\r\n'],
    ['another Host behind empty lines', `\r\n\r\n${get('Host: evil.org')}`],
    ['a line of a proxy before', `PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n${get('Host: evil.org')}`],
  ];
  for (const [what, text] of refused)
    it(`do not pass with ${what}`, () => {
      expect(kind(text)).to.equal('refused');
      expect(inPieces(Buffer.from(text, 'latin1'))).to.be.oneOf(['refused', 'more']);
    });

  it('say what is wrong in HTTP', () => {
    expect(judged(get('Host: evil.org'))).to.deep.equal({
      kind: 'refused',
      why: 'the Host of the request is "evil.org", which is not allowed',
      http: true,
    });
  });

  it('are judged at the end of the head, not before', () => {
    const request = Buffer.from(get('Accept: */*', 'Host: a.org'));
    expect(inPieces(request)).to.equal('pass');
    expect(kind(request.subarray(0, -2))).to.equal('more');
    expect(kind(request.subarray(0, -2), { ended: true })).to.equal('refused');
    expect(kind(`GET / HTTP/1.1\r\nHost: a.org\r\nX: ${'y'.repeat(40_000)}`)).to.equal('refused');
  });
});

describe('The first bytes of a client that speaks neither', () => {
  for (const [what, text] of [
    ['SSH', 'SSH-2.0-OpenSSH_9.9\r\n'],
    ['PostgreSQL', '\0\0\0\x08\x04\xd2\x16\x2f'],
    ['Redis', '*1\r\n$4\r\nPING\r\n'],
    ['SMTP', 'EHLO a.org\r\n'],
    ['git', '0033git-upload-pack /x.git\0host=a.org\0'],
    ['MQTT', '\x10\x1d\0\x04MQTT'],
    ['NATS', 'CONNECT {"verbose":false}\r\n'],
    ['a binary protocol', '\x80\x00\x00\x00'],
    ['a handshake of something else', '\x16\x01'],
  ] as const)
    it(`pass: ${what}`, () => {
      expect(kind(text)).to.equal('pass');
    });

  it('are judged without an exception, whatever they are', () => {
    const head = fc.constantFrom(
      '\x16\x03\x01',
      '\x16\x03\x01\x00\x08\x01\x00\x00',
      'GET ',
      'GET / HTTP/1.1\r\n',
      '\x80\x01\x01\x03',
      '',
    );
    fc.assert(
      fc.property(head, fc.uint8Array({ maxLength: 300 }), (beginning, rest) => {
        const bytes = Buffer.concat([Buffer.from(beginning, 'latin1'), rest]);
        expect(kind(bytes)).to.be.oneOf(['more', 'pass', 'refused']);
        expect(kind(bytes, { ended: true })).to.be.oneOf(['pass', 'refused']);
      }),
      { numRuns: 2000 },
    );
  });

  it('let no name of a ClientHello through that the list does not have', () => {
    const name = fc.oneof(fc.domain(), fc.string({ maxLength: 40 }), fc.constantFrom('a.org', 'x.b.org'));
    fc.assert(
      fc.property(name, fc.integer({ min: 1, max: 300 }), (servername, size) => {
        const bytes = inRecords(plainHello(serverName(servername)), size);
        const isListed = /^(?:a\.org|(?:[\w-]+\.)+b\.org)\.?$/i.test(servername);
        expect(kind(bytes)).to.equal(isListed ? 'pass' : 'refused');
      }),
    );
  });
});
