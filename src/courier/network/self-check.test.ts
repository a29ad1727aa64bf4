import { expect } from 'chai';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { selfCheck } from './self-check.ts';

const host = '127.0.0.1';

describe('the check of a Pod’s own policy', () => {
  let server: Server;
  let port: number;
  beforeEach(async () => {
    server = createServer((socket) => void socket.on('error', () => {}).resume()).listen(0, host);
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });
  afterEach(() => void server.close());

  it('finds out at once that the port is closed', async () => {
    server.close();
    const began = performance.now();
    const check = selfCheck({ host, port });
    expect(await check.settled).to.equal(true);
    expect(check.enforced()).to.equal(true);
    expect(performance.now() - began).to.be.below(490);
  });

  it('takes half a second of silence for closed', async () => {
    // Of TEST-NET-1, which leads nowhere; where the machine says so at once it is closed all the same.
    const began = performance.now();
    expect(await selfCheck({ host: '192.0.2.1', port: 9 }).settled).to.equal(true);
    expect(performance.now() - began).to.be.below(5000);
  });

  it('waits for a policy that comes a moment later', async () => {
    setTimeout(() => server.close(), 600);
    expect(await selfCheck({ host, port }).settled).to.equal(true);
  });

  it('says that a port stayed open', async () => {
    const check = selfCheck({ host, port }, 700);
    expect(await check.settled).to.equal(false);
    expect(check.enforced()).to.equal(false);
  });

  it('says what it knows when nobody waits any longer', async () => {
    const check = selfCheck({ host, port });
    const began = performance.now();
    check.stop();
    expect(await check.settled).to.equal(false);
    expect(performance.now() - began).to.be.below(5000);
  });

  it('takes a name that nobody knows for no proof', async () => {
    const check = selfCheck({ host: 'no-such-host.invalid', port }, 300);
    expect(await check.settled).to.equal(false);
  });
});
