import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { openSbd, useSbd } from '../../../test/support/sbd-courier.ts';
import { until } from '../../../test/support/kube.ts';
import { serveSandbox } from '../../../test/support/sandbox-courier.ts';
import type { Served } from '../../../test/support/sandbox-courier.ts';
import type { HandStream, Refused } from '../../hand/stream.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const reasonOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: Refused) => error.reason ?? error.name,
  );

/** Brings all of it, and the end of that half. */
async function bring({ input }: HandStream, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; at += 50_000) await input.write(bytes.subarray(at, at + 50_000));
  input.end();
}

/** The uid of the socket at the other end of this one, as the kernel has it. Others of this machine may have the same port to somewhere else. */
function ownerOf({ remotePort = 0, localPort = 0 }: Socket): string | undefined {
  const rows = readFileSync('/proc/net/tcp', 'utf8').split('\n');
  const hex = (port: number): string => `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return rows
    .map((row) => row.trim().split(/\s+/))
    .find(([, own, other]) => own?.endsWith(hex(remotePort)) && other?.endsWith(hex(localPort)))?.[7];
}

/** They share the network with this machine. */
describe('ports of a Sandbox', function () {
  const container = useSbd();
  let served: Served;
  let server: Server;
  let onSocket: (socket: Socket) => void;
  const port = (): number => (server.address() as AddressInfo).port;
  before(() => {
    served = serveSandbox({ hand: container().hand, user: 'agent' });
  });
  beforeEach(async () => {
    server = createServer({ allowHalfOpen: true }, (socket) => onSocket(socket.on('error', () => {})));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => void server.close());

  /** Answers with all that it was sent, once that half has ended. */
  const echo = (socket: Socket): void => {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.once('end', () => socket.end(Buffer.concat(chunks)));
  };

  it('bring every byte both ways where the connection of the program breaks all the time', async () => {
    onSocket = echo;
    const program = await served.program({ breakAfter: () => ({ frames: 5 }) });
    const stream = program.open({ op: 'connect', port: port() });
    await stream.connected;
    const sent = randomBytes(1_500_000);
    const [got] = await Promise.all([
      stream.output.toArray().then((chunks) => Buffer.concat(chunks as Buffer[])),
      bring(stream, sent),
    ]);
    expect(sha256(got)).to.equal(sha256(sent));
    expect((await stream.ended).kind).to.equal('result');
    expect(program.connections).to.be.greaterThan(10);
    program.leave();
  });

  it('are reached as the Sandbox’s user, or the one that is named', async () => {
    onSocket = (socket) => socket.end('hello');
    const program = await served.program();
    const owners = async (user?: string): Promise<string | undefined> => {
      const opened = once(server, 'connection') as Promise<[Socket]>;
      const stream = program.open({ op: 'connect', port: port(), ...(user && { user }) });
      const [socket] = await opened;
      const owner = ownerOf(socket);
      expect(await text(stream.output)).to.equal('hello');
      stream.input.end();
      await stream.ended;
      return owner;
    };
    expect(await owners()).to.equal('1000');
    expect(await owners('root')).to.equal('0');
    expect(await reasonOf(program.open({ op: 'connect', port: port(), user: '65000' }).ended)).to.equal(
      'UserForbidden',
    );
    expect(
      await reasonOf(program.open({ op: 'connect', port: port(), user: 'nobody-at-all' }).ended),
    ).to.equal('UserMissing');
    program.leave();
  });

  it('say it where nobody listens', async () => {
    const program = await served.program();
    const free = port();
    server.close();
    expect(await reasonOf(program.open({ op: 'connect', port: free }).connected)).to.equal(
      'ConnectionRefused',
    );
    program.leave();
  });

  it('are those of localhost alone: what a request says of another host is refused, and the courier’s own is none', async () => {
    const program = await served.program();
    for (const request of [
      { port: 8443 },
      { port: 80, host: '127.0.0.1' },
      { port: 0 },
      { port: '80' },
      { port: 70_000 },
    ])
      expect(await reasonOf(program.open({ op: 'connect', ...request }).ended)).to.equal('BadRequest');
    program.leave();
  });

  it('hold back whoever writes there while the program does not read, and nobody else', async () => {
    let written = 0;
    onSocket = (socket) => {
      const piece = Buffer.alloc(64 * 1024);
      const write = (): void => {
        while (socket.write(piece)) written += piece.length;
        socket.once('drain', write);
      };
      write();
    };
    const program = await served.program();
    const stream = program.open({ op: 'connect', port: port() });
    await stream.connected;
    await until('it writes', () => written > 0);
    for (let before = -1; before !== written;) {
      before = written;
      // Others go on meanwhile.
      expect((await program.run({ id: `sleep-${before}`, command: 'sleep 0.2' })).exit.code).to.equal(0);
    }
    // Windows and what the kernel holds; not what it would write by itself.
    expect(written).to.be.lessThan(32 * 1024 * 1024);
    const ended = once(server, 'close');
    program.send({ type: 'close', stream: stream.id });
    server.close();
    await ended;
    program.leave();
  });

  it('are told that a connection was cut, on whichever side it was', async () => {
    const program = await served.program();
    onSocket = (socket) => socket.once('data', () => socket.resetAndDestroy());
    const cut = program.open({ op: 'connect', port: port() });
    await cut.connected;
    await cut.input.write(Buffer.from('x'));
    expect(await reasonOf(cut.ended)).to.equal('ConnectionReset');

    const closed = Promise.withResolvers<string>();
    onSocket = (socket) =>
      socket.once('error', (error: NodeJS.ErrnoException) => closed.resolve(error.code ?? '')).resume();
    const left = program.open({ op: 'connect', port: port() });
    await left.connected;
    program.send({ type: 'close', stream: left.id });
    expect(await closed.promise).to.equal('ECONNRESET');
    program.leave();
  });

  it('are left when the session of their program is over, and never taken up again', async () => {
    const closed = Promise.withResolvers<string>();
    onSocket = (socket) =>
      socket.once('error', (error: NodeJS.ErrnoException) => closed.resolve(error.code ?? '')).resume();
    const program = await served.program();
    const stream = program.open({ op: 'connect', port: port() });
    await stream.connected;
    served.sessions.close();
    expect(await closed.promise).to.equal('ECONNRESET');
    program.leave();
  });
});

describe('ports of a Sandbox whose courier is started again', function () {
  const container = useSbd();
  it('are cut on both sides', async () => {
    const { hand, pod } = container();
    const served = serveSandbox({ hand });
    const closed = Promise.withResolvers<string>();
    const server = createServer((socket) => {
      socket.once('error', (error: NodeJS.ErrnoException) => closed.resolve(error.code ?? '')).resume();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const program = await served.program();
      const stream = program.open({ op: 'connect', port: (server.address() as AddressInfo).port });
      await stream.connected;
      hand.close();
      expect(await reasonOf(stream.ended)).to.equal('Internal');
      expect(await closed.promise).to.equal('ECONNRESET');
      const next = openSbd(pod);
      await next.ready();
      next.close();
      program.leave();
    } finally {
      server.close();
    }
  });
});
