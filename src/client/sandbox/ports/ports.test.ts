import { expect } from 'chai';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Sandbox as SandboxKind } from '../../../crds/kinds.ts';
import { until } from '../../../../test/support/kube.ts';
import { world, type World } from '../../../../test/support/client/world.ts';
import { aSandbox } from '../../../../test/support/sandbox/objects.ts';
import { TestCourier } from '../../../../test/support/sandbox/courier.ts';
import { SandboxEnvironment } from '../environment.ts';
import { SandboxEnded, SandboxLost, SandboxRefused } from '../errors.ts';
import type { Forwarding } from './forward.ts';

const rejection = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => expect.fail('it did not reject'),
    (error: unknown) => error,
  );

/** Answers with all that it was sent, once that half has ended. */
const echo = (socket: Socket): void => {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.once('end', () => socket.end(Buffer.concat(chunks)));
};

/** The code of what a socket met when it was cut. */
const cutOf = (socket: Socket): Promise<string> =>
  new Promise((resolve) =>
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? '')).resume(),
  );

describe('A port of a Sandbox', () => {
  let w: World;
  let courier: TestCourier;
  let server: Server;
  let box: SandboxEnvironment;
  let port: number;
  let onSocket: (socket: Socket) => void;
  const open: Forwarding[] = [];
  beforeEach(async () => {
    w = await world();
    courier = new TestCourier('/');
    server = createServer({ allowHalfOpen: true }, (socket) => onSocket(socket.on('error', () => {})));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
    w.haveOf(SandboxKind, aSandbox());
    const broker = { connections: () => courier.connect, prepare: async () => {}, way: () => 'url' as const };
    box = new SandboxEnvironment(w.session, 'box', { broker });
  });
  afterEach(async () => {
    for (const forwarding of open.splice(0)) await forwarding.close();
    box.close();
    courier.close();
    server.close();
    await w.close();
  });
  const forwarded = async (options = {}): Promise<Forwarding> => {
    const forwarding = await box.forward(port, options);
    open.push(forwarding);
    return forwarding;
  };
  const dialed = async (to: Forwarding): Promise<Socket> => {
    const socket = connect({ port: to.port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    return socket;
  };

  it('is a stream whose halves end apart, whatever breaks on the way', async () => {
    onSocket = echo;
    courier.breaks = [40_000, 90_000, 300_000];
    const connection = await box.connect(port);
    const sent = randomBytes(1_000_000);
    connection.end(sent);
    const got = Buffer.concat((await Array.fromAsync(connection)) as Buffer[]);
    expect(got.equals(sent)).to.equal(true);
    expect(courier.connections).to.be.greaterThan(3);
  });

  it('says where nobody listens, and what to do', async () => {
    server.close();
    const failure = await rejection(box.connect(port));
    expect(failure).to.be.instanceOf(SandboxRefused).and.to.include({ reason: 'ConnectionRefused' });
    expect((failure as SandboxRefused).fix).to.include('127.0.0.1');
  });

  it('is no port of the courier’s', async () => {
    expect(await rejection(box.connect(8443))).to.include({ reason: 'BadRequest' });
  });

  it('is cut where its program destroys it before its end', async () => {
    const cut = Promise.withResolvers<string>();
    onSocket = (socket) => void cutOf(socket).then(cut.resolve);
    const connection = await box.connect(port);
    connection.write('half of');
    connection.destroy();
    expect(await cut.promise).to.equal('ECONNRESET');
  });

  it('is lost with the session, and never opened again in its place', async () => {
    onSocket = (socket) => socket.resume();
    const connection = await box.connect(port);
    const failed = once(connection, 'error');
    courier.restart();
    const [failure] = (await failed) as [Error];
    expect(failure).to.be.instanceOf(SandboxLost);
    expect(failure.message).to.include('was cut');
    expect(courier.requests.filter(({ op }) => op === 'connect')).to.have.length(1);
    // Another one is another one.
    (await box.connect(port)).destroy();
  });

  it('is not waited for once the signal fires', async () => {
    const stop = new AbortController();
    stop.abort(new Error('enough'));
    expect(await rejection(box.connect(port, { signal: stop.signal }))).to.have.property('message', 'enough');
  });

  it('is one of this machine, both ways, many at a time', async () => {
    onSocket = echo;
    const forwarding = await forwarded();
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const socket = await dialed(forwarding);
        socket.end(`${index}-`.repeat(10_000));
        return Buffer.concat((await Array.fromAsync(socket)) as Buffer[]).toString();
      }),
    );
    for (const [index, answer] of answers.entries()) expect(answer).to.equal(`${index}-`.repeat(10_000));
  });

  it('takes what was sent last where its program leaves right after it', async () => {
    const got = Promise.withResolvers<string>();
    onSocket = (socket) => {
      socket.end('bye');
      void Array.fromAsync(socket).then(
        (chunks) => got.resolve(Buffer.concat(chunks as Buffer[]).toString()),
        got.reject,
      );
    };
    const socket = await dialed(await forwarded());
    await once(socket, 'data');
    socket.end('x'.repeat(500_000));
    expect(await got.promise).to.have.length(500_000);
  });

  it('cuts the other end where one is cut', async () => {
    const forwarding = await forwarded();
    const cut = Promise.withResolvers<string>();
    onSocket = (socket) => void cutOf(socket).then(cut.resolve);
    const here = await dialed(forwarding);
    here.write('x');
    await until('it is there', () => courier.requests.some(({ op }) => op === 'connect'));
    await box.runCommand('true');
    here.resetAndDestroy();
    expect(await cut.promise).to.equal('ECONNRESET');

    onSocket = (socket) => socket.once('data', () => socket.resetAndDestroy());
    const there = await dialed(forwarding);
    there.write('x');
    expect(await cutOf(there)).to.equal('ECONNRESET');
  });

  it('refuses a program where nobody listens in there, says why, and goes on', async () => {
    const errors: Error[] = [];
    const forwarding = await forwarded({ onError: (error: Error) => void errors.push(error) });
    server.close();
    expect(await cutOf(await dialed(forwarding))).to.equal('ECONNRESET');
    expect(errors).to.have.length(1);
    expect(errors[0]).to.include({ reason: 'ConnectionRefused' });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    onSocket = (socket) => socket.end('here');
    const socket = await dialed(forwarding);
    expect(Buffer.concat((await Array.fromAsync(socket)) as Buffer[]).toString()).to.equal('here');
  });

  it('is of nobody but this machine', async () => {
    const forwarding = await forwarded();
    const socket = connect({ port: forwarding.port, host: '127.0.0.2' });
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).to.equal('ECONNREFUSED');
  });

  it('is closed with all that went through it', async () => {
    onSocket = (socket) => socket.resume();
    const forwarding = await forwarded();
    const socket = await dialed(forwarding);
    const cut = cutOf(socket);
    await forwarding.close();
    await forwarding.closed;
    expect(await cut).to.equal('ECONNRESET');
    const again = connect({ port: forwarding.port, host: '127.0.0.1' });
    const [error] = (await once(again, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).to.equal('ECONNREFUSED');
  });

  it('ends by itself where the Sandbox has ended', async () => {
    const forwarding = await forwarded();
    courier.refusals = [new SandboxEnded('box', { reason: 'Deleted', message: 'it is not there any more' })];
    courier.cut('look');
    expect(await rejection(forwarding.closed)).to.be.instanceOf(SandboxEnded);
  });

  it('is not taken from a program that listens on it already', async () => {
    const taken = await forwarded();
    expect(await rejection(box.forward(port, { localPort: taken.port }))).to.include({ code: 'EADDRINUSE' });
  });
});

describe('A session that is closed', () => {
  it('closes its connections to Sandboxes at once, and leaves nobody waiting', async () => {
    const w = await world();
    const courier = new TestCourier('/');
    try {
      w.haveOf(SandboxKind, aSandbox());
      const broker = {
        connections: () => courier.connect,
        prepare: async () => {},
        way: () => 'url' as const,
      };
      const box = new SandboxEnvironment(w.session, 'box', { broker });
      const running = box.runCommand('sleep 100');
      await box.runCommand('true');
      // Broken as it is, it would be tried again for minutes.
      courier.refusals = Array.from({ length: 100 }, () => new Error('no way'));
      courier.cut();
      await until('it is tried again', () => courier.refusals.length < 100);
      const losing = rejection(running);
      await w.session.close();
      const lost = await losing;
      expect(lost).to.be.instanceOf(SandboxLost);
      expect((lost as SandboxLost).why).to.include('closed');
      const { length } = courier.refusals;
      expect(await rejection(box.runCommand('true'))).to.be.instanceOf(Error);
      expect(courier.refusals).to.have.length(length);
    } finally {
      courier.close();
      await w.close();
    }
  });
});
