import { expect } from 'chai';
import { once } from 'node:events';
import { Agent, createServer, request as httpsRequest } from 'node:https';
import type { Server } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { limitConnections } from './connections.ts';
import { INSTALLED, TestCluster } from '../../test/support/broker/cluster.ts';
import { brokerCertificate } from './tls/certificates.ts';

const log = { debug() {}, info() {}, warn() {}, error() {} };

describe('connections of the broker', () => {
  let server: Server;
  let ca: string;
  let port: number;
  /** Opens for what waits at /wait. */
  let gate: PromiseWithResolvers<void>;
  const opened: Socket[] = [];

  beforeEach(async () => {
    const certificate = await brokerCertificate({
      kube: new TestCluster().kube,
      ...INSTALLED,
      now: () => new Date(),
      log,
    });
    ca = certificate.ca();
    const { key, cert } = certificate.current();
    gate = Promise.withResolvers();
    server = createServer({ key, cert }, ({ url }, response) => {
      void (url === '/wait' ? gate.promise : Promise.resolve()).then(() => response.end('here'));
    });
    limitConnections(server, { perAddress: 20, total: 30 });
    server.listen(0);
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });

  afterEach(async () => {
    gate.resolve();
    for (const socket of opened.splice(0)) socket.destroy();
    server.close();
    server.closeAllConnections();
  });

  const silent = async (host: string): Promise<Socket> => {
    const socket = connect({ port, host });
    socket.on('error', () => undefined);
    opened.push(socket);
    await once(socket, 'connect');
    return socket;
  };
  const silentTls = async (): Promise<Socket> => {
    const socket = connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca });
    socket.on('error', () => undefined);
    opened.push(socket);
    await once(socket, 'secureConnect');
    return socket;
  };
  const ask = (path = '/', agent = new Agent({ ca })): Promise<string> =>
    new Promise((resolve, reject) => {
      const request = httpsRequest({ port, host: '127.0.0.1', servername: 'localhost', path, agent });
      request.on('error', reject);
      request.on('response', (response: IncomingMessage) => {
        void response.toArray().then((parts) => resolve(Buffer.concat(parts as Buffer[]).toString()), reject);
      });
      request.end();
    });
  const count = (): Promise<number> =>
    new Promise((resolve, reject) =>
      server.getConnections((error, found) => (error ? reject(error) : resolve(found))),
    );

  it('serve a courier beside many that ask nothing, with and without TLS, at its own address', async () => {
    for (let number = 0; number < 60; number++) await silent('127.0.0.1');
    for (let number = 0; number < 25; number++) await silentTls();
    expect(await ask()).to.equal('here');
    expect(await count()).to.be.at.most(20);
  });

  it('serve a courier beside many that ask nothing from other addresses, and are bounded in all', async () => {
    for (const host of ['127.0.0.2', '127.0.0.3', '127.0.0.4'])
      for (let number = 0; number < 20; number++) await silent(host);
    expect(await ask()).to.equal('here');
    expect(await count()).to.be.at.most(30);
  });

  it('are never closed while their request runs', async () => {
    const waiting = ask('/wait');
    await once(server, 'request');
    for (let number = 0; number < 60; number++) await silent('127.0.0.1');
    gate.resolve();
    expect(await waiting).to.equal('here');
  });

  it('are refused beyond the cap where every one of that address is at work', async () => {
    const agent = new Agent({ ca, maxSockets: 50 });
    const waiting = Array.from({ length: 20 }, () => ask('/wait', agent));
    for (let seen = 0; seen < 20; seen++) await once(server, 'request');
    expect(await ask().catch((error: unknown) => error)).to.be.instanceOf(Error);
    gate.resolve();
    expect(await Promise.all(waiting)).to.deep.equal(Array(20).fill('here'));
    agent.destroy();
  });

  it('are closed the longest silent first: one that just asked stays', async () => {
    const agent = new Agent({ ca, keepAlive: true, maxSockets: 1 });
    for (let number = 0; number < 15; number++) await silent('127.0.0.1');
    await ask('/', agent);
    for (let number = 0; number < 15; number++) await silent('127.0.0.1');
    expect(await ask('/', agent)).to.equal('here');
    agent.destroy();
  });
});
