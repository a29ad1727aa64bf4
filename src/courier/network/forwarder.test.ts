import { expect } from 'chai';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { over, TOKEN, useForwarder } from '../../../test/support/forwarder-world.ts';
import { until } from '../../../test/support/kube.ts';

const AGENT = { phase: 'agent', step: 0, mode: 'Allowlist' } as const;
const curl = async (port: number, ...words: string[]): Promise<string> => {
  const args = ['-sS', '--max-time', '10', '-x', `http://127.0.0.1:${port}`, ...words];
  const { stdout, stderr } = await promisify(execFile)('curl', args).catch(
    (error: { stdout: string; stderr: string }) => error,
  );
  return stdout + stderr;
};

describe('the forwarder', () => {
  const world = useForwarder();

  it('brings curl to a server, by CONNECT and by plain HTTP, in the name of phase and step', async () => {
    const { broker, forwarder, begin, http } = world();
    await http('files.test:80', (request, response) => response.end(`${request.method} ${request.url}\n`));
    await begin({ ...AGENT, step: 3 });
    expect(await curl(forwarder.port, 'http://files.test/a?b')).to.equal('GET /a?b\n');
    expect(await curl(forwarder.port, '--proxytunnel', 'http://files.test/c')).to.equal('GET /c\n');
    for (const { authority, purpose } of broker.asked)
      expect({ authority, purpose }).to.deep.equal({
        authority: 'files.test:80',
        purpose: { kind: 'phase', phase: 'agent', step: 3 },
      });
    expect(broker.asked).to.have.length(2);
  });

  it('takes bodies of any kind to the server, and brings them back', async () => {
    const { forwarder, begin, http } = world();
    await http('files.test:80', (request, response) => {
      const hash = createHash('sha256');
      request.on('data', (chunk: Buffer) => hash.update(chunk));
      request.on('end', () =>
        response.end(`${request.headers['transfer-encoding']} ${hash.digest('hex')}\n`),
      );
    });
    await begin(AGENT);
    const digest = createHash('sha256').update('x=1').digest('hex');
    const url = 'http://files.test/';
    expect(await curl(forwarder.port, '-d', 'x=1', url)).to.equal(`undefined ${digest}\n`);
    const chunked = ['-H', 'Transfer-Encoding: chunked', '-H', 'Expect: 100-continue', '-d', 'x=1'];
    expect(await curl(forwarder.port, ...chunked, url)).to.equal(`chunked ${digest}\n`);
  });

  it('passes on why the broker refuses, so that curl shows it', async () => {
    const { broker, forwarder, begin } = world();
    broker.rules.refusal = () => ({ status: 403, error: 'evil.test is not allowed in the phase agent' });
    await begin(AGENT);
    expect(await curl(forwarder.port, 'http://evil.test/')).to.equal(
      'evil.test is not allowed in the phase agent\n',
    );
    expect(await curl(forwarder.port, '-v', 'https://evil.test/')).to.include(
      'HTTP/1.1 403 evil.test is not allowed in the phase agent',
    );
    broker.rules.refusal = () => ({ status: 500, error: 'broken' });
    expect(await curl(forwarder.port, '-w', '%{http_code}', 'http://evil.test/')).to.equal('broken\n502');
  });

  it('passes the end of one direction on, and keeps the other', async () => {
    const { begin, client, tcp } = world();
    await tcp('echo.test:7', (socket) => {
      let all = '';
      socket.on('data', (chunk: Buffer) => (all += String(chunk)));
      socket.once('end', () => void socket.end(`you said ${all}`));
    });
    await begin(AGENT);
    const socket = client();
    socket.write('CONNECT echo.test:7 HTTP/1.1\r\n\r\nearly ');
    await once(socket, 'data');
    socket.end('late');
    expect(await text(socket)).to.equal('you said early late');
  });

  it('passes on what a server says by itself', async () => {
    const { begin, said, tcp } = world();
    await tcp('ssh.test:22', (socket) => void socket.end('SSH-2.0-test\r\n'));
    await begin(AGENT);
    expect(await said('CONNECT ssh.test:22 HTTP/1.1\r\n\r\n')).to.match(
      /^HTTP\/1\.1 200 .*\r\n\r\nSSH-2\.0-test/,
    );
  });

  it('refuses outside of phases, and in a phase that has no network, without asking the broker', async () => {
    const { broker, begin, said } = world();
    const connecting = 'CONNECT a.test:80 HTTP/1.1\r\n\r\n';
    expect(await said(connecting)).to.match(/^HTTP\/1\.1 403 no phase/);
    const end = await begin({ ...AGENT, mode: 'None' });
    expect(await said(connecting)).to.match(/^HTTP\/1\.1 403 the phase agent has no network/);
    expect(await said('GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n')).to.match(/^HTTP\/1\.1 403/);
    await end();
    expect(broker.asked).to.deep.equal([]);
  });

  it('ends every connection with its phase', async () => {
    const { broker, begin, client, tcp, http } = world();
    await tcp('echo.test:7', (socket) => void socket.pipe(socket));
    await http('slow.test:80', (_request, response) => void response.write('begun'));
    const end = await begin({ phase: 'environment', step: 0, mode: 'Public' });
    const [tunnel, plain] = [client(), client()];
    tunnel.write('CONNECT echo.test:7 HTTP/1.1\r\n\r\n');
    plain.write('GET http://slow.test/ HTTP/1.1\r\nHost: slow.test\r\n\r\n');
    await Promise.all([once(tunnel, 'data'), once(plain, 'data')]);
    expect(broker.open.size).to.equal(2);
    await end();
    await begin(AGENT);
    tunnel.write('still there?');
    await Promise.all([over(tunnel), over(plain)]);
    await until('the broker', () => broker.open.size === 0);
  });

  it('ends no connection between works of the same phase', async () => {
    const { phases, begin, client, tcp } = world();
    await tcp('echo.test:7', (socket) => void socket.pipe(socket));
    const environment = { phase: 'environment', step: 0, mode: 'Public' } as const;
    const end = await begin({ ...environment, goesOn: true });
    const socket = client();
    socket.write('CONNECT echo.test:7 HTTP/1.1\r\n\r\n');
    await once(socket, 'data');
    await end();
    expect(phases.mode).to.equal('Public');
    await phases.during(environment, async () => {
      socket.write('still there?');
      expect(String((await once(socket, 'data'))[0])).to.equal('still there?');
    });
    await over(socket);
  });

  it('opens nothing for a phase that ended while the broker was asked', async () => {
    const { broker, begin, client, tcp } = world();
    const { promise, resolve } = Promise.withResolvers<void>();
    await tcp('late.test:80', () => {});
    broker.rules.refusal = () => {
      resolve();
      return undefined;
    };
    const end = await begin({ phase: 'environment', step: 0, mode: 'Public' });
    const socket = client();
    socket.write('CONNECT late.test:80 HTTP/1.1\r\n\r\n');
    await promise;
    await end();
    expect(await text(socket)).to.match(/^HTTP\/1\.1 403 the phase that asked has ended/);
    await until('the broker', () => broker.open.size === 0);
  });

  it('shows the token to the broker alone', async () => {
    const { broker, forwarder, begin, http } = world();
    const seen: string[] = [];
    await http('echo.test:80', (request, response) => {
      seen.push(JSON.stringify(request.rawHeaders));
      response.end();
    });
    await begin(AGENT);
    const answers = [
      await curl(forwarder.port, '-i', 'http://echo.test/'),
      await curl(forwarder.port, '-i', '-p', 'http://echo.test/'),
      await curl(forwarder.port, '-i', 'http://none.test/'),
    ];
    expect(broker.asked[0]?.headers.authorization).to.equal(`Bearer ${TOKEN}`);
    expect([...seen, ...answers].join('\n')).not.to.match(/token-of|authorization|sb-p/i);
  });
});
