import { expect } from 'chai';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { eventuallyTrue } from '../../../test/support/eventually.ts';
import { AGENT, listOf, PUBLIC, rest, TunnelWorld } from '../../../test/support/broker/tunnel-world.ts';
import type { Answered } from '../../../test/support/broker/tunnel-world.ts';
import { headersOf, TUNNELS_PER_POD } from '../../wire/tunnel.ts';

const echo = (socket: Socket): void => void socket.pipe(socket);

describe('Somebody who wants a tunnel that is not theirs', () => {
  let world: TunnelWorld;
  let port: number;
  /** Connections that reached the server. */
  let arrived: number;
  beforeEach(async () => {
    world = new TunnelWorld();
    await world.start([PUBLIC, listOf('a.test', 'xn--bcher-kva.test')]);
    for (const name of ['a.test', 'b.test', 'xn--bcher-kva.test'])
      world.names.records.set(name, ['127.0.0.1']);
    arrived = 0;
    port = await world.serve((socket) => {
      arrived += 1;
      echo(socket);
    });
  });
  afterEach(() => world.close());

  const token = (tenant: number): string => world.tenants[tenant]?.token ?? '';
  const purpose = Object.entries(headersOf(AGENT)).map(([name, value]) => `${name}: ${value}`);
  const request = (line: string, ...headers: string[]): string => [line, ...headers, '', ''].join('\r\n');
  const authorized = 'Authorization: Bearer x';

  it('gets none without a good token, nor with one in the URL or another header', async () => {
    for (const [line, ...headers] of [
      [`CONNECT a.test:${port} HTTP/1.1`],
      [`CONNECT a.test:${port} HTTP/1.1`, authorized],
      [`CONNECT a.test:${port} HTTP/1.1`, `Authorization: Basic ${token(0)}`],
      [`CONNECT a.test:${port} HTTP/1.1`, `Proxy-Authorization: Bearer ${token(0)}`],
      [`CONNECT a.test:${port} HTTP/1.1`, `Authorization: Bearer ${token(0)} ${token(1)}`],
      [`CONNECT a.test:${port}?token=${token(0)} HTTP/1.1`],
      [`CONNECT ${token(0)}@a.test:${port} HTTP/1.1`],
    ] as [string, ...string[]][]) {
      const { status } = await world.raw(request(line, 'Host: a', ...headers, ...purpose));
      expect(status, headers.join()).to.equal(401);
    }
    expect(arrived).to.equal(0);
  });

  it('gets what the token’s own Trial may reach, whatever else is said', async () => {
    expect((await world.tunnel(`b.test:${port}`, { token: token(0) })).status).to.equal(200);
    expect((await world.refusal(`b.test:${port}`, { token: token(1) }))[0]).to.equal(403);
  });

  it('gets none as the Pod of a build, as a Pod that was altered, or after the end of the Trial', async () => {
    const reason = async (bearer: string): Promise<string> =>
      (await world.refusal(`a.test:${port}`, { token: bearer }))[1];
    expect(await reason(world.buildToken)).to.contain('does not run a Trial');
    const [first, second] = world.tenants;
    first!.pod.spec!.containers[0]!.command = ['/bin/sh'];
    expect(await reason(token(0))).to.contain('is not what Job');
    expect(await reason(token(1))).to.equal('');
    second!.trial.status = {
      conditions: [
        {
          type: 'Succeeded',
          status: 'False',
          reason: 'Cancelled',
          lastTransitionTime: '2026-01-01T00:00:00Z',
          message: '',
        },
      ],
    };
    expect(await reason(token(1))).to.contain('ended at 2026-01-01T00:00:00Z: Cancelled');
    const { socket } = await world.tunnel(`a.test:${port}`, { token: token(1), purpose: { kind: 'store' } });
    expect(await rest(socket)).to.contain('ended at');
  });

  for (const target of [
    'a.test',
    'a.test:0',
    'a.test:65536',
    'a.test:-1',
    'a.test:080',
    'https://a.test:443',
    'http://a.test/',
    '/v1/assignment',
    'a.test:443/',
    'a.test:443,b.test:443',
    'a.test%00.b.test:443',
    '0177.0.0.1:443',
    '2130706433:443',
    '[fe80::1%25lo]:443',
    '127.1:443',
  ])
    it(`gets none to ${target}`, async () => {
      const [status, why] = await world.refusal(target);
      expect([status, why]).to.deep.equal([
        400,
        `${target} is not host:port, as in CONNECT pypi.org:443 HTTP/1.1`,
      ]);
    });

  it('gets none by a request that can be read in two ways', async () => {
    const line = `CONNECT a.test:${port} HTTP/1.1`;
    const bearer = `Authorization: Bearer ${token(1)}`;
    for (const headers of [
      ['Content-Length: 5', bearer, ...purpose],
      ['Transfer-Encoding: chunked', bearer, ...purpose],
      [bearer, ...purpose, 'sb-purpose: store'],
      [bearer, ...purpose, 'sb-phase: verifier'],
      [bearer, 'sb-purpose: phase\n sb-phase: agent', 'sb-step: 0'],
      [bearer, 'sb-purpose: phase\rsb-phase: agent', 'sb-step: 0'],
      [bearer, 'sb-purpose : phase', 'sb-phase: agent', 'sb-step: 0'],
      [bearer, 'sb-purpose: phase', 'sb-phase: agent', 'sb-step: 0x0'],
      [bearer, 'sb-purpose: phase', 'sb-phase: agent', 'sb-step: -1'],
      [bearer, 'sb-purpose: phase', 'sb-phase: setup', 'sb-step: 0'],
      [bearer, 'sb-purpose: phase', 'sb-phase: agent', 'sb-step: 7'],
    ]) {
      const { status } = await world.raw(request(line, 'Host: a', ...headers));
      expect(status, headers.slice(-3).join()).to.equal(400);
    }
    expect(arrived).to.equal(0);
  });

  it('gets none with a head of any size', async () => {
    const { status } = await world.tunnel(`a.test:${port}`, {
      headers: { ...headersOf(AGENT), x: 'y'.repeat(20_000) },
    });
    expect(status).to.equal(431);
  });

  it('gets each byte behind the head once, however many came with it', async () => {
    const more = `SSH-2.0-x\r\n${'abcdefghij'.repeat(30_000)}`;
    for (const tenant of [0, 1]) {
      const { socket } = await world.tunnel(`a.test:${port}`, { token: token(tenant), more: `${more}\n` });
      socket.end('end');
      expect((await rest(socket)) === `${more}\nend`).to.equal(true);
    }
  });

  it('gets a second request answered by nobody but the other end', async () => {
    const again = request(`CONNECT b.test:${port} HTTP/1.1`, authorized);
    const { socket } = await world.tunnel(`a.test:${port}`, { more: again });
    socket.end();
    expect(await rest(socket)).to.equal(again);
  });

  it('finds a name of the list in any case, with a dot, in Punycode; and no other spelling of it', async () => {
    for (const host of ['A.TEST', 'a.test.', 'xn--bcher-kva.test', 'XN--BCHER-KVA.TEST.'])
      expect((await world.tunnel(`${host}:${port}`, { token: token(1) })).status, host).to.equal(200);
    expect((await world.tunnel(`b\u00fccher.test:${port}`, { token: token(1) })).status).to.equal(400);
  });
});

describe('A name that leads elsewhere', () => {
  let world: TunnelWorld;
  let port: number;
  before(async () => {
    world = new TunnelWorld();
    await world.start([PUBLIC]);
    port = await world.serve(echo);
  });
  after(() => world.close());

  for (const address of [
    '169.254.169.254',
    '10.96.0.1',
    '0.0.0.0',
    '::',
    '::1',
    'fd00:ec2::254',
    '::ffff:a00:1',
    '64:ff9b::a9fe:a9fe',
  ])
    it(`to ${address} is not followed`, async () => {
      world.names.records.set('rebound.test', [address]);
      const [status, why] = await world.refusal(`rebound.test:${port}`);
      expect([status, why.startsWith(`rebound.test:${port} is not allowed: it leads to `)]).to.deep.equal([
        403,
        true,
      ]);
    });

  it('is asked for once: what it says later counts for nothing', async () => {
    world.names.asked.length = 0;
    const records = { get: world.names.records.get.bind(world.names.records) };
    let questions = 0;
    world.names.records.get = (name) => {
      if (name !== 'turning.test') return records.get(name);
      questions += 1;
      return questions <= 2 ? ['127.0.0.1'] : ['169.254.169.254'];
    };
    expect((await world.tunnel(`turning.test:${port}`)).status).to.equal(200);
    expect(world.names.asked.toSorted()).to.deep.equal(['turning.test A', 'turning.test AAAA']);
    expect((await world.refusal(`turning.test:${port}`))[0]).to.equal(403);
  });

  it('leads to those of its addresses that are allowed, and to those alone', async () => {
    world.names.records.set('mixed.test', ['169.254.169.254', '10.0.0.1', '127.0.0.1']);
    expect((await world.tunnel(`mixed.test:${port}`)).status).to.equal(200);
  });

  it('is asked for as it is, without a search list', async () => {
    world.names.asked.length = 0;
    await world.refusal('sb-broker:443');
    expect(world.names.asked.toSorted()).to.deep.equal(['sb-broker A', 'sb-broker AAAA']);
  });
});

describe('A Pod that opens tunnels without end', () => {
  let world: TunnelWorld;
  before(async () => {
    world = new TunnelWorld();
    await world.start([PUBLIC, PUBLIC]);
  });
  after(() => world.close());

  const [one, other] = [() => world.tenants[0]?.token ?? '', () => world.tenants[1]?.token ?? ''];

  it('has thirty-two, and another Pod has its own; a place is free again at the end of a tunnel', async () => {
    const port = await world.serve(echo);
    const target = `127.0.0.1:${port}`;
    const held: Answered[] = [];
    for (let number = 0; number < TUNNELS_PER_POD; number++)
      held.push(await world.tunnel(target, { token: one() }));
    expect(new Set(held.map(({ status }) => status))).to.deep.equal(new Set([200]));
    expect(await world.refusal(target, { token: one() })).to.deep.equal([
      429,
      'this Pod has 32 tunnels; close one first',
    ]);
    expect((await world.tunnel(target, { token: other() })).status).to.equal(200);
    for (const { socket } of held) socket.end();
    await eventuallyTrue(
      'a place is free',
      async () => (await world.tunnel(target, { token: one() })).status === 200,
    );
  });

  it('keeps no other Pod from one by hundreds that are neither open nor refused', async () => {
    world.names.records.set('silent.test', 'silent');
    const port = await world.serve(echo);
    const crowd = Array.from({ length: 300 }, async () => {
      const { socket } = await world.connected().catch(() => ({ socket: undefined }));
      socket?.write(
        `CONNECT silent.test:443 HTTP/1.1\r\nHost: s\r\nAuthorization: Bearer ${one()}\r\nsb-purpose: phase\r\nsb-phase: agent\r\nsb-step: 0\r\n\r\n`,
      );
    });
    await wait(200);
    expect((await world.tunnel(`127.0.0.1:${port}`, { token: other() })).status).to.equal(200);
    void Promise.allSettled(crowd);
    expect((await world.tunnel(`127.0.0.1:${port}`, { token: other() })).status).to.equal(200);
  });

  it('holds what a slow reader has not read at its source', async () => {
    let written = 0;
    const port = await world.serve((socket) => {
      const part = Buffer.alloc(64 * 1024);
      const pour = (): void => {
        while (!socket.destroyed && written < 2 ** 30) {
          written += part.length;
          if (!socket.write(part)) return;
        }
      };
      socket.on('drain', pour);
      pour();
    });
    const { socket } = await world.tunnel(`127.0.0.1:${port}`, { token: other() });
    socket.pause();
    let before = -1;
    while (written !== before) {
      before = written;
      await wait(500);
    }
    // What the kernel holds of four sockets.
    expect(written).to.be.below(64 * 1024 ** 2);
    let read = 0;
    socket.on('data', (part: Buffer) => (read += part.length)).resume();
    await eventuallyTrue('it flows on', () => read > 2 * before);
    socket.destroy();
    if (!socket.closed) await once(socket, 'close');
  });
});
