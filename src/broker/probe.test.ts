import { expect } from 'chai';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { startProbe } from './probe.ts';
import type { Probe } from './probe.ts';

describe('The probe port', () => {
  let probe: Probe;
  const opened: Socket[] = [];
  beforeEach(async () => {
    probe = await startProbe({ port: 0, host: '127.0.0.1' });
  });
  afterEach(async () => {
    for (const socket of opened.splice(0)) socket.destroy();
    await probe.close();
  });

  const connected = async (): Promise<Socket> => {
    const socket = connect({ port: probe.port, host: '127.0.0.1' });
    socket.on('error', () => undefined);
    opened.push(socket);
    await once(socket, 'connect');
    return socket;
  };

  it('accepts, sends nothing whatever it is sent, and closes after a second', async () => {
    const began = performance.now();
    const socket = await connected();
    socket.write('GET / HTTP/1.1\r\n\r\n');
    const received: Buffer[] = [];
    socket.on('data', (part: Buffer) => received.push(part));
    await once(socket, 'close');
    expect(received).to.deep.equal([]);
    expect(performance.now() - began).to.be.within(900, 5000);
  });

  it('answers again after hundreds that stay', async () => {
    const crowd = await Promise.all(Array.from({ length: 600 }, connected));
    for (const socket of crowd) if (!socket.closed) await once(socket, 'close');
    const late = await connected();
    expect(late.readyState).to.equal('open');
  });

  it('closes at once, whoever is connected', async () => {
    await connected();
    await probe.close();
    expect(await connected().catch((error: unknown) => error)).to.include({ code: 'ECONNREFUSED' });
  });
});
