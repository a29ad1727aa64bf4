import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { issueAuthority, issueLeaf } from '../../broker/tls/issue.ts';
import { hostOf } from '../../wire/network.ts';
import { startTunnelBroker } from '../../../test/support/tunnel-broker.ts';
import type { TunnelBroker } from '../../../test/support/tunnel-broker.ts';
import { until } from '../../../test/support/kube.ts';
import { download, send } from '../broker/http.ts';
import { agentsThrough } from './storage.ts';
import { TunnelRefused, tunnels } from './tunnel.ts';

const target = (name: string, port = 443) => {
  const host = hostOf(name);
  if (!host) throw new Error(name);
  return { host, port };
};
const purpose = { kind: 'store' } as const;

describe('a tunnel through the broker', () => {
  let folder: string;
  let tokenFile: string;
  let broker: TunnelBroker;
  const servers: Server[] = [];
  const serve = async (server: Server): Promise<number> => {
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  };
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sb-tunnel-'));
    tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, 'one\n');
    broker = await startTunnelBroker({ token: 'one', hosts: {} });
  });
  afterEach(async () => {
    await broker.stop();
    for (const server of servers.splice(0)) server.close();
    rmSync(folder, { recursive: true });
  });
  const open = (over = {}) => tunnels({ url: broker.url, ca: broker.ca, tokenFile, ...over });

  it('is refused with the broker’s own status and sentence', async () => {
    broker.rules.refusal = () => ({ status: 403, error: 'store.test is not the store' });
    const error = await open()({ target: target('store.test'), purpose }).catch((caught: unknown) => caught);
    expect(error)
      .to.be.instanceOf(TunnelRefused)
      .and.include({ status: 403, message: 'store.test is not the store' });
    expect(broker.asked).to.have.length(1);
  });

  it('is asked for again where the broker has too many now, and with the token as it is then', async () => {
    broker.rules.hosts['store.test:443'] = await serve(createHttpServer());
    broker.rules.refusal = () => {
      writeFileSync(tokenFile, 'two');
      broker.rules.token = 'two';
      delete broker.rules.refusal;
      return { status: 429, error: 'too many' };
    };
    const socket = await open()({ target: target('store.test'), purpose });
    socket.destroy();
    expect(broker.asked.map(({ headers }) => headers.authorization)).to.deep.equal([
      'Bearer one',
      'Bearer two',
    ]);
  });

  it('knows the broker by its name, at the address that it is told', async () => {
    broker.rules.hosts['store.test:443'] = await serve(createHttpServer());
    const named = broker.url.replace('127.0.0.1', 'broker.test');
    const socket = await open({ url: named, address: '127.0.0.1' })({
      target: target('store.test'),
      purpose,
    });
    socket.destroy();
    const other = broker.url.replace('127.0.0.1', 'other.test');
    const stop = new AbortController();
    const refused = open({ url: other, address: '127.0.0.1' })({
      target: target('broker.test'),
      purpose,
      signal: stop.signal,
    }).catch(String);
    expect(await refused).to.match(/other\.test.* is not in the cert/);
    expect(broker.asked).to.have.length(1);
  });

  it('tells a broker of another authority no token', async () => {
    const { cert } = await issueAuthority(new Date());
    expect(await open({ ca: cert })({ target: target('a.test'), purpose }).catch(String)).to.match(
      /certificate/,
    );
    expect(broker.asked).to.deep.equal([]);
  });

  it('is not waited for by whoever no longer wants it', async () => {
    const stop = new AbortController();
    broker.rules.refusal = () => {
      stop.abort(new Error('enough'));
      return undefined;
    };
    broker.rules.hosts['a.test:443'] = await serve(createHttpServer());
    const wish = { target: target('a.test'), purpose, signal: stop.signal };
    expect(await open()(wish).catch(String)).to.equal('Error: enough');
    await until('the broker', () => broker.open.size === 0);
  });

  it('carries what goes to a storage with TLS and to one without, each connection more than once', async () => {
    const bodies: string[] = [];
    const answering = (request: NodeJS.ReadableStream, response: { end(text: string): void }): void => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += String(chunk)));
      request.on('end', () => {
        bodies.push(body);
        response.end('kept');
      });
    };
    const now = new Date();
    const authority = await issueAuthority(now);
    const leaf = await issueLeaf({ authority, names: ['secure.test'], now });
    broker.rules.hosts['plain.test:80'] = await serve(createHttpServer(answering));
    broker.rules.hosts['secure.test:443'] = await serve(createHttpsServer(leaf, answering));
    const agents = agentsThrough(open(), { kind: 'store' });
    Object.assign(agents.https.options, { ca: authority.cert });
    for (const url of ['http://plain.test/a?signed', 'https://secure.test/a?signed'])
      for (const body of [Buffer.from('buffer'), Readable.from([Buffer.from('stream')])])
        expect(
          String(await send(url, { method: 'PUT', agents, body, headers: { 'content-length': '6' } })),
        ).to.equal('kept');
    expect(bodies).to.deep.equal(['buffer', 'stream', 'buffer', 'stream']);
    expect(broker.asked.map(({ authority: asked }) => asked)).to.deep.equal([
      'plain.test:80',
      'secure.test:443',
    ]);
    const file = join(folder, 'file');
    await download('http://plain.test/a', file, { agents });
    expect(broker.asked).to.have.length(2);
    for (const agent of Object.values(agents)) agent.destroy();
    await until('the broker', () => broker.open.size === 0);
  });

  it('verifies the storage’s certificate', async () => {
    const now = new Date();
    const leaf = await issueLeaf({ authority: await issueAuthority(now), names: ['secure.test'], now });
    broker.rules.hosts['secure.test:443'] = await serve(createHttpsServer(leaf));
    const agents = agentsThrough(open(), { kind: 'store' });
    const failure = await send('https://secure.test/', { method: 'GET', agents }).catch(String);
    expect(failure).to.match(/certificate/);
  });
});
