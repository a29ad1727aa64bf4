import { expect } from 'chai';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { over, TOKEN, useForwarder } from '../../../test/support/forwarder-world.ts';
import { until } from '../../../test/support/kube.ts';

const PUBLIC = { phase: 'agent', step: 0, mode: 'Public' } as const;
const get = (url: string, ...lines: string[]): string =>
  ['GET', url, 'HTTP/1.1\r\n'].join(' ') + [...lines, '', ''].join('\r\n');

describe('the forwarder, to a hostile container', () => {
  const world = useForwarder();

  /** What a server behind it gets of these bytes, and what the container gets back. */
  const exchanged = async (bytes: string): Promise<{ seen: string; said: string }> => {
    const { begin, said, tcp } = world();
    let seen = '';
    await tcp('allowed.test:80', (socket) => {
      socket.on('data', (chunk: Buffer) => (seen += String(chunk)));
      setTimeout(() => socket.end('HTTP/1.1 204 No Content\r\nconnection: keep-alive\r\n\r\n'), 100);
    });
    const end = await begin(PUBLIC);
    const answer = await said(bytes);
    await end();
    return { seen, said: answer };
  };

  const malformed: [string, string][] = [
    ['two lengths', 'Content-Length: 3\r\nContent-Length: 30'],
    ['a length and chunks', 'Content-Length: 3\r\nTransfer-Encoding: chunked'],
    ['chunks that are not last', 'Transfer-Encoding: chunked, identity'],
    ['a transfer encoding within a line that is folded', 'X: y\r\n Transfer-Encoding: chunked'],
    ['a space before the colon', 'Content-Length : 3'],
    ['a bare line feed', 'X: y\nContent-Length: 3'],
    ['a NUL in a header', 'X: y\u0000z'],
  ];
  for (const [what, lines] of malformed)
    it(`smuggles no request behind ${what}`, async () => {
      const second = 'GET http://allowed.test/smuggled HTTP/1.1\r\nHost: allowed.test\r\n\r\n';
      const { seen, said } = await exchanged(
        `POST http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\n${lines}\r\n\r\nabc${second}`,
      );
      expect(said).to.match(/^HTTP\/1\.1 400/);
      expect(seen).to.equal('');
    });

  it('takes nothing that follows a request for another one', async () => {
    const one = get('http://allowed.test/one', 'Host: allowed.test');
    const { seen } = await exchanged(one + get('http://allowed.test/two', 'Host: allowed.test'));
    expect(seen)
      .to.match(/^GET \/one HTTP\/1\.1\r\n/)
      .and.not.include('two');
  });

  it('asks no host under the name of another', async () => {
    const { seen } = await exchanged(get('http://allowed.test/', 'Host: hidden.test', 'X-Kept: 1'));
    expect(seen)
      .to.match(/\r\nhost: allowed\.test\r\n/)
      .and.not.include('hidden');
  });

  it('keeps what is meant for a proxy, and all that the connection’s headers name', async () => {
    const { seen } = await exchanged(
      get(
        'http://allowed.test/',
        'Host: allowed.test',
        'Connection: keep-alive, X-Secret',
        'X-Secret: 1',
        'Proxy-Authorization: Basic eDp5',
        'Proxy-Connection: keep-alive',
        'Upgrade: websocket',
        'TE: trailers',
      ),
    );
    expect(seen).to.equal('GET / HTTP/1.1\r\nhost: allowed.test\r\nConnection: close\r\n\r\n');
  });

  it('passes no headers of a CONNECT on to the broker', async () => {
    const { broker, begin, said } = world();
    await begin(PUBLIC);
    const forged = 'Authorization: Bearer mine\r\nsb-purpose: store\r\nsb-phase: environment\r\nsb-step: 7';
    await said(`CONNECT none.test:443 HTTP/1.1\r\n${forged}\r\n\r\n`);
    const [asked] = broker.asked;
    expect(asked?.purpose).to.deep.equal({ kind: 'phase', phase: 'agent', step: 0 });
    expect(asked?.headers.authorization).to.equal(`Bearer ${TOKEN}`);
  });

  const targets = [
    'none.test',
    'none.test:0',
    'none.test:65536',
    'none.test:80:80',
    'user@none.test:80',
    'http://none.test:80/',
    '/v1/assignment',
    '[::1',
    '::1:80',
    '0x7f.1:80',
    'none.test:80%0d%0asb-purpose:store',
  ];
  for (const target of targets)
    it(`asks the broker for no tunnel to ${target}`, async () => {
      const { broker, begin, said } = world();
      await begin(PUBLIC);
      expect(await said(`CONNECT ${target} HTTP/1.1\r\n\r\n`)).to.match(/^HTTP\/1\.1 400/);
      expect(broker.asked).to.deep.equal([]);
    });

  it('is no server of its own', async () => {
    const { begin, said } = world();
    await begin(PUBLIC);
    for (const path of ['/', '/v1/assignment', '*', 'http://user:pw@a.test/', 'https://a.test/'])
      expect(await said(get(path, 'Host: 127.0.0.1')), path).to.match(/^HTTP\/1\.1 400/);
  });

  it('refuses heads that are too long, in one line or in many', async () => {
    const { begin, said } = world();
    await begin(PUBLIC);
    const long = 'x'.repeat(65_536);
    for (const head of [
      get(`http://a.test/${long}`),
      get('http://a.test/', `X: ${long}`),
      get('http://a.test/', ...Array.from({ length: 5000 }, (_, index) => `X${index}: y`)),
      `CONNECT ${long}:80 HTTP/1.1\r\n\r\n`,
    ])
      expect(await said(head).catch(String)).to.match(/^HTTP\/1\.1 4\d\d|ECONNRESET/);
  });

  it('waits for no head longer than ten seconds, be it one that drips or none at all', async () => {
    const { client } = world();
    const [silent, slow] = [client(), client()];
    slow.write('GET http://a.test/ HTTP/1.1\r\n');
    const drip = setInterval(() => slow.write('X: y\r\n'), 500);
    const began = performance.now();
    await Promise.all([over(silent), over(slow)]);
    clearInterval(drip);
    expect(performance.now() - began).to.be.within(9000, 20_000);
  });

  it('outlives a flood of connections, and serves whoever comes afterwards', async () => {
    const { begin, client, said, http } = world();
    await http('allowed.test:80', (_request, response) => response.end('served'));
    await begin(PUBLIC);
    const flood = Array.from({ length: 500 }, () => client());
    for (const socket of flood) socket.write('GET http://allowed.test/ HTTP/1.1\r\nHo');
    await until('the flood', () => flood.filter(({ closed }) => closed).length > 400);
    for (const socket of flood) socket.destroy();
    let answer = '';
    for (let tries = 0; tries < 100 && !answer.includes('served'); tries += 1)
      answer = await said(get('http://allowed.test/', 'Host: allowed.test')).catch(String);
    expect(answer).to.include('served');
  });

  it('lets go of tunnels whose clients are gone', async () => {
    const { broker, begin, client, tcp } = world();
    await tcp('echo.test:7', (socket) => void socket.pipe(socket));
    await begin(PUBLIC);
    const clients = Array.from({ length: 20 }, () => client());
    for (const socket of clients) socket.write('CONNECT echo.test:7 HTTP/1.1\r\n\r\n');
    await Promise.all(clients.map((socket) => once(socket, 'data')));
    expect(broker.open.size).to.equal(20);
    for (const socket of clients) socket.resetAndDestroy();
    await until('the broker', () => broker.open.size === 0);
  });

  it('does not answer for a server that answers badly', async () => {
    const { begin, said, tcp } = world();
    const answers: Record<string, (socket: Socket) => void> = {
      'nothing.test:80': (socket) => socket.end(),
      'noise.test:80': (socket) => void socket.end('SSH-2.0-x\r\n\r\n'),
      'switch.test:80': (socket) =>
        void socket.write('HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'),
      'long.test:80': (socket) => void socket.write(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(65_536)}\r\n\r\n`),
      'split.test:80': (socket) => void socket.write('HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n'),
    };
    for (const [authority, answer] of Object.entries(answers)) await tcp(authority, answer);
    await begin(PUBLIC);
    for (const authority of Object.keys(answers))
      expect(await said(get(`http://${authority}/`, `Host: ${authority}`)), authority).to.match(
        /^HTTP\/1\.1 502 the other end does not answer/,
      );
  });

  it('does not pass off half of an answer as the whole', async () => {
    const { begin, said, tcp } = world();
    await tcp(
      'half.test:80',
      (socket) => void socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'),
    );
    await begin(PUBLIC);
    const answer = await said(get('http://half.test/', 'Host: half.test')).catch(String);
    expect(answer).to.match(/Content-Length: 10|aborted|ECONNRESET/);
  });

  it('speaks WebSocket through CONNECT alone', async () => {
    const { begin, client, tcp } = world();
    await tcp('ws.test:80', (socket) => {
      socket.once('data', (head: Buffer) => {
        if (String(head).includes('Upgrade: websocket')) socket.write('HTTP/1.1 101 Switching\r\n\r\nframes');
      });
    });
    await begin(PUBLIC);
    const socket = client();
    socket.write('CONNECT ws.test:80 HTTP/1.1\r\n\r\n');
    await once(socket, 'data');
    socket.write('GET / HTTP/1.1\r\nHost: ws.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    expect(String((await once(socket, 'data'))[0])).to.include('frames');
  });
});
