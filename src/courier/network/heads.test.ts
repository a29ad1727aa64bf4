import { expect } from 'chai';
import fc from 'fast-check';
import { authorityOf } from '../../wire/tunnel.ts';
import { endToEnd, onwardOf } from './heads.ts';
import { reasonPhrase } from './refusal.ts';

const onward = (url: string, rawHeaders: string[] = [], method = 'GET') => {
  const found = onwardOf({ method, url, rawHeaders });
  return 'problem' in found ? found.problem : { ...found, target: authorityOf(found.target) };
};

describe('the head of a request to the proxy', () => {
  it('goes on to the host of its URL', () => {
    expect(onward('http://Example.org/a?b', ['Accept', '*/*'])).to.deep.equal({
      target: 'example.org:80',
      path: '/a?b',
      headers: ['host', 'Example.org', 'Accept', '*/*'],
    });
    expect(onward('http://example.org:8080')).to.deep.include({ target: 'example.org:8080', path: '/' });
    expect(onward('http://example.org?q')).to.deep.include({ path: '/?q' });
    expect(onward('http://[2001:db8::1]/')).to.deep.include({ target: '[2001:db8::1]:80' });
  });

  it('names the host of its URL, whatever host it named before', () => {
    expect(onward('http://allowed.test/', ['Host', 'hidden.test', 'HOST', 'other.test'])).to.deep.include({
      headers: ['host', 'allowed.test'],
    });
  });

  it('keeps to itself what is the connection’s, and what the connection’s headers name', () => {
    const raw =
      'Connection: close, X-Own\nX-Own: 1\nProxy-Authorization: Basic eA==\nTE: trailers\nUpgrade: h2c\nX-Kept: 2';
    const pairs = raw.split('\n').flatMap((line) => line.split(': '));
    expect(endToEnd(pairs)).to.deep.equal(['X-Kept', '2']);
  });

  it('keeps the length of the body where the connection’s headers claim it', () => {
    const { headers } = onward('http://a.test/', ['Connection', 'Content-Length', 'Content-Length', '5']) as {
      headers: string[];
    };
    expect(headers).to.deep.equal(['host', 'a.test', 'Content-Length', '5']);
  });

  it('says how long the body is in one way alone', () => {
    const headers = (raw: string[], method: string) =>
      (onward('http://a.test/', raw, method) as { headers: string[] }).headers.slice(2);
    expect(headers(['Transfer-Encoding', 'Chunked'], 'POST')).to.deep.equal(['transfer-encoding', 'chunked']);
    expect(headers([], 'POST')).to.deep.equal(['content-length', '0']);
    expect(headers([], 'GET')).to.deep.equal([]);
    expect(onward('http://a.test/', ['Transfer-Encoding', 'gzip, chunked'])).to.match(/not passed on$/);
  });

  const refused = [
    '/',
    '*',
    'https://a.test/',
    'wss://a.test/',
    'ftp://a.test/',
    'http://user:secret@a.test/',
    'http://a.test@b.test/',
    'http:///etc',
    'http://a.test:0/',
    'http://a.test:99999/',
    'http://a.test:80:80/',
    'http://a.test\\@b.test/',
    'http://a.test/#b',
    'http://a_b..test/',
    'http://0177.0.0.1/',
    'http://2130706433/',
    'http://[::1%25lo]/',
    'http://a%2etest/',
    'http://bücher.test/',
    'http://a.test/ HTTP/1.1\r\nHost: b.test',
  ];
  for (const url of refused)
    it(`is refused for ${JSON.stringify(url)}`, () => {
      expect(onward(url)).to.be.a('string');
    });

  it('never becomes two, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.nat(255).map((code) => String.fromCodePoint(code)) }), (rest) => {
        const found = onwardOf({ url: `http://a.test${rest}`, rawHeaders: [] });
        if ('path' in found) expect(found.path + authorityOf(found.target)).to.match(/^[\u0021-\u007e]+$/);
      }),
    );
  });
});

describe('a sentence as a reason phrase', () => {
  it('is one line of ASCII', () => {
    expect(reasonPhrase('the agent’s\r\nSet-Cookie: x\u0000 – no')).to.equal("the agent's Set-Cookie: x no");
    expect(reasonPhrase('x'.repeat(1000))).to.have.length(300);
  });
});
