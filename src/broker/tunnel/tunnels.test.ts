import { expect } from 'chai';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { createServer as createTlsServer, connect as connectTls } from 'node:tls';
import { eventuallyTrue } from '../../../test/support/eventually.ts';
import { AGENT, listOf, NONE, PUBLIC, rest, TunnelWorld } from '../../../test/support/broker/tunnel-world.ts';
import { issueAuthority, issueLeaf } from '../tls/issue.ts';

/** Why a connection broke. */
const broken = async (socket: Socket): Promise<unknown> => {
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  return error.code;
};

const echo = (socket: Socket): void => void socket.pipe(socket);

describe('A tunnel', () => {
  let world: TunnelWorld;
  before(async () => {
    world = new TunnelWorld();
    await world.start([PUBLIC, listOf('a.test', '*.b.test', '127.0.0.1'), listOf(), NONE]);
    world.names.records
      .set('a.test', ['127.0.0.1'])
      .set('x.b.test', ['127.0.0.1'])
      .set('c.test', ['127.0.0.1']);
  });
  after(() => world.close());

  const tokenOf = (tenant: number): string => world.tenants[tenant]?.token ?? '';
  const metrics = (): Promise<string> => world.registry.metrics();

  it('carries bytes both ways, by name and by address', async () => {
    const port = await world.serve(echo);
    for (const host of ['a.test', 'A.TEST.', '127.0.0.1', '[::ffff:127.0.0.1]']) {
      const { head, socket } = await world.tunnel(`${host}:${port}`, { more: 'one ' });
      expect(head).to.equal('HTTP/1.1 200 Connection established');
      socket.end('two');
      expect(await rest(socket), host).to.equal('one two');
    }
  });

  it('says whom a phase may not reach, and what its list is', async () => {
    const port = await world.serve(echo);
    expect(await world.refusal(`c.test:${port}`, { token: tokenOf(1) })).to.deep.equal([
      403,
      'c.test is not allowed: the list of phase agent of step 0 is a.test, *.b.test, 127.0.0.1',
    ]);
    const verifier = { kind: 'phase', phase: 'verifier', step: 0 } as const;
    expect(await world.refusal('a.test:443', { token: tokenOf(2), purpose: verifier })).to.deep.equal([
      403,
      'a.test is not allowed: the list of phase verifier of step 0 is empty',
    ]);
    expect(await world.refusal('a.test:443', { token: tokenOf(3) })).to.deep.equal([
      403,
      'a.test is not allowed: phase agent of step 0 has no network',
    ]);
    for (const host of ['a.test', 'x.b.test', '127.0.0.1'])
      expect((await world.tunnel(`${host}:${port}`, { token: tokenOf(1) })).status, host).to.equal(200);
  });

  describe('of a Sandbox', () => {
    const purpose = { kind: 'sandbox' } as const;
    const of = (box: number) => ({ token: world.boxes[box] ?? '', purpose });

    it('leads to the hosts of its list, and says what that is', async () => {
      const port = await world.serve(echo);
      for (const host of ['a.test', 'x.b.test', '127.0.0.1']) {
        const { status, socket } = await world.tunnel(`${host}:${port}`, of(1));
        expect(status, host).to.equal(200);
        socket.end('hello\n');
        expect(await rest(socket), host).to.equal('hello\n');
      }
      expect(await world.refusal(`c.test:${port}`, of(1))).to.deep.equal([
        403,
        'c.test is not allowed: the list of the Sandbox is a.test, *.b.test, 127.0.0.1',
      ]);
      expect(await world.refusal('a.test:443', of(2))).to.deep.equal([
        403,
        'a.test is not allowed: the list of the Sandbox is empty',
      ]);
      expect(await world.refusal('a.test:443', of(3))).to.deep.equal([
        403,
        'a.test is not allowed: the Sandbox has no network',
      ]);
    });

    it('ends where the first bytes name a host that the list does not have', async () => {
      const port = await world.serve(echo);
      const more = 'GET / HTTP/1.1\r\nHost: c.test\r\n\r\n';
      const { socket } = await world.tunnel(`a.test:${port}`, { ...of(1), more });
      expect(await rest(socket)).to.match(/^HTTP\/1.1 403 /);
    });

    it('is for Sandboxes alone, and they have no other', async () => {
      const port = await world.serve(echo);
      world.store.origins = async () => [`127.0.0.1:${port}`];
      const target = `127.0.0.1:${port}`;
      expect((await world.refusal(target, { token: tokenOf(0), purpose }))[0]).to.equal(403);
      for (const other of [AGENT, { kind: 'store' }, { kind: 'model' }] as const)
        expect((await world.refusal(target, { ...of(0), purpose: other }))[0], other.kind).to.equal(403);
    });
  });

  it('leads to the store and nowhere else where it is the store’s', async () => {
    const port = await world.serve(echo);
    world.store.origins = async () => [`127.0.0.1:${port}`];
    const purpose = { kind: 'store' } as const;
    // Also where phases have no network.
    for (const tenant of [0, 3]) {
      const { socket, status } = await world.tunnel(`127.0.0.1:${port}`, { token: tokenOf(tenant), purpose });
      expect(status).to.equal(200);
      socket.end('hello');
      expect(await rest(socket)).to.equal('hello');
    }
    for (const target of [`127.0.0.1:${port + 1}`, `127.0.0.2:${port}`, `a.test:${port}`])
      expect(await world.refusal(target, { purpose })).to.deep.equal([
        403,
        `${target} is not the store, which is 127.0.0.1:${port}`,
      ]);
  });

  it('reaches a store whose address no phase may reach', async () => {
    const own = new TunnelWorld();
    await own.start([PUBLIC], { egress: async () => ({ allowed: [], refused: [] }) });
    try {
      const port = await own.serve(echo);
      own.store.origins = async () => [`127.0.0.1:${port}`];
      expect((await own.tunnel(`127.0.0.1:${port}`, { purpose: { kind: 'store' } })).status).to.equal(200);
      expect(await own.refusal(`127.0.0.1:${port}`)).to.deep.equal([
        403,
        `127.0.0.1:${port} is not allowed: it leads to 127.0.0.1, which is neither public nor among the exceptions of this installation`,
      ]);
    } finally {
      await own.close();
    }
  });

  it('leads to no address of the cluster, were it a public one', async () => {
    const own = new TunnelWorld();
    await own.start([PUBLIC], { egress: async () => ({ allowed: [], refused: ['8.8.4.4'] }) });
    try {
      const [status, message] = await own.refusal('8.8.4.4:443');
      expect([status, message]).to.deep.equal([
        403,
        '8.8.4.4:443 is not allowed: it leads to 8.8.4.4, which is neither public nor among the exceptions of this installation',
      ]);
    } finally {
      await own.close();
    }
  });

  it('is TLS from end to end, where the name is one of the list', async () => {
    const authority = await issueAuthority(new Date());
    const leaf = await issueLeaf({ authority, names: ['a.test', 'evil.test'], now: new Date() });
    const port = await world.serve(createTlsServer({ ...leaf, allowHalfOpen: true } as object, echo));
    const handshake = async (servername: string): Promise<string> => {
      const { socket } = await world.tunnel(`a.test:${port}`, { token: tokenOf(1) });
      const inner = connectTls({ socket, servername, ca: authority.cert });
      inner.on('error', () => undefined);
      inner.end('secret');
      return rest(inner);
    };
    expect(await handshake('a.test')).to.equal('secret');
    expect(await handshake('evil.test')).to.equal('');
  });

  it('answers HTTP to another Host, and sends the server nothing', async () => {
    let seen = 0;
    const port = await world.serve((socket) => void socket.on('data', (part) => (seen += part.length)));
    const { socket } = await world.tunnel(`a.test:${port}`, {
      token: tokenOf(1),
      more: 'GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n',
    });
    const answer = await rest(socket);
    expect(answer).to.match(/^HTTP\/1.1 403 Forbidden\r\n/);
    expect(answer).to.contain('the Host of the request is \\"evil.test\\", which is not allowed');
    expect(seen).to.equal(0);
    expect(await metrics()).to.match(/sb_broker_refusals_total\{reason="FirstBytesRefused"\} [1-9]/);
  });

  it('lets a server speak first, and holds what the client says then against the list', async () => {
    const port = await world.serve((socket) => {
      socket.write('220 hello\r\n');
      socket.on('data', (part: Buffer) => socket.write(`got ${part.toString()}`));
      socket.once('end', () => socket.end());
    });
    const { socket } = await world.tunnel(`x.b.test:${port}`, { token: tokenOf(1) });
    const [greeting] = (await once(socket, 'data')) as [Buffer];
    expect(greeting.toString()).to.equal('220 hello\r\n');
    socket.write('EHLO x\r\n');
    const [said] = (await once(socket, 'data')) as [Buffer];
    expect(said.toString()).to.equal('got EHLO x\r\n');
    socket.end();
    await once(socket, 'close');
  });

  it('passes on the end of either side, and what the other still has to say', async () => {
    const port = await world.serve((socket) => {
      let got = '';
      socket.on('data', (part: Buffer) => (got += part.toString()));
      socket.once('end', () => void wait(200).then(() => socket.end(`${got}, after its end`)));
    });
    const first = await world.tunnel(`a.test:${port}`);
    first.socket.end('all of it');
    expect(await rest(first.socket)).to.equal('all of it, after its end');

    let after = '';
    const other = await world.serve((socket) => {
      socket.end('bye');
      socket.on('data', (part: Buffer) => (after += part.toString()));
    });
    const second = await world.tunnel(`a.test:${other}`);
    expect(await rest(second.socket)).to.equal('bye');
    second.socket.end('still here');
    await eventuallyTrue('the server gets it', () => after === 'still here');
  });

  it('ends as a whole where one side breaks', async () => {
    const servers: Socket[] = [];
    const port = await world.serve((socket) => void servers.push(socket));
    const client = await world.tunnel(`a.test:${port}`);
    await eventuallyTrue('the first arrives', () => servers.length === 1);
    client.socket.resume();
    servers[0]?.resetAndDestroy();
    expect(await broken(client.socket)).to.equal('ECONNRESET');

    const other = await world.tunnel(`a.test:${port}`);
    await eventuallyTrue('the second arrives', () => servers.length === 2);
    servers[1]?.resume();
    other.beneath.resetAndDestroy();
    expect(await broken(servers[1] as Socket)).to.equal('ECONNRESET');
  });

  it('answers 502 where nobody is, and for a name that nobody knows', async () => {
    const port = await world.serve(echo);
    expect(await world.refusal('a.test:1')).to.deep.equal([502, 'a.test:1 did not answer: ECONNREFUSED']);
    expect(await world.refusal(`nobody.test:${port}`)).to.deep.equal([
      502,
      'nobody.test was not resolved: ENOTFOUND',
    ]);
  });

  it('tries the next address where one does not answer', async () => {
    const port = await world.serve(echo);
    world.names.records.set('many.test', ['127.0.0.2', '127.0.0.1', '::1']);
    const { status } = await world.tunnel(`many.test:${port}`);
    expect(status).to.equal(200);
  });

  it('is counted, with its bytes by purpose and direction', async () => {
    const port = await world.serve(echo);
    const before = /tunnel_bytes_total\{purpose="phase",direction="received"\} (\d+)/;
    const bytes = async (): Promise<number> => Number(before.exec(await metrics())?.[1] ?? 0);
    const began = await bytes();
    const { socket } = await world.tunnel(`a.test:${port}`);
    expect(await metrics()).to.match(/sb_broker_tunnels_open\{purpose="phase"\} [1-9]/);
    socket.end('x'.repeat(1000));
    await rest(socket);
    await eventuallyTrue('its bytes are counted', async () => (await bytes()) >= began + 1000);
    expect(await metrics()).to.match(/sb_broker_requests_total\{route="CONNECT",code="200"\} [1-9]/);
  });

  it('of one step too many is refused, and so is one without a purpose', async () => {
    expect(
      await world.refusal('a.test:443', { purpose: { ...AGENT, step: 1 } as typeof AGENT }),
    ).to.deep.equal([400, 'the task has no step 1; its steps count from 0']);
    expect((await world.refusal('a.test:443', { headers: {} }))[0]).to.equal(400);
  });
});

describe('A tunnel that nobody uses', () => {
  let world: TunnelWorld;
  before(async () => {
    world = new TunnelWorld();
    await world.start([PUBLIC, listOf('127.0.0.1')], {
      tunnelTimes: { connectMs: 400, firstByteMs: 1500, judgeMs: 300, idleMs: 5000 },
    });
  });
  after(() => world.close());

  const took = async (work: Promise<unknown>): Promise<number> => {
    const began = performance.now();
    await work;
    return performance.now() - began;
  };

  it('ends where nobody has said anything, later where somebody has', async () => {
    const port = await world.serve((socket) => void socket.resume());
    const silent = await world.tunnel(`127.0.0.1:${port}`);
    silent.socket.resume();
    const one = await world.tunnel(`127.0.0.1:${port}`, { more: 'x' });
    one.socket.resume();
    const [nothing, something] = await Promise.all([took(broken(silent.socket)), took(broken(one.socket))]);
    expect(nothing).to.be.within(1000, 4500);
    expect(something).to.be.within(4500, 20_000);
  });

  it('ends where its first bytes cannot be judged in time', async () => {
    const port = await world.serve((socket) => void socket.resume());
    const { socket } = await world.tunnel(`127.0.0.1:${port}`, {
      token: world.tenants[1]?.token ?? '',
      more: 'GET /',
    });
    socket.resume();
    expect(await took(once(socket, 'end'))).to.be.within(200, 1400);
  });

  it('is not opened where nobody answers in time', async () => {
    world.names.records.set('silent.test', 'silent');
    const [status, why] = await world.refusal('silent.test:443');
    expect([status, why]).to.deep.equal([504, 'silent.test was not resolved in time']);
  });
});

describe('A broker that closes', () => {
  it('lets a tunnel end', async () => {
    const world = new TunnelWorld();
    await world.start([PUBLIC]);
    const port = await world.serve(echo);
    const { socket } = await world.tunnel(`127.0.0.1:${port}`, { more: 'x' });
    const closing = world.broker.close();
    await wait(100);
    socket.end(' y');
    expect(await rest(socket)).to.equal('x y');
    await closing;
    await world.close();
  });

  it('ends one that does not end by itself after ten seconds', async () => {
    const world = new TunnelWorld();
    await world.start([PUBLIC]);
    const port = await world.serve(echo);
    const { socket } = await world.tunnel(`127.0.0.1:${port}`, { more: 'x' });
    socket.resume();
    const began = performance.now();
    const [why] = await Promise.all([broken(socket), world.broker.close()]);
    expect(why).to.equal('ECONNRESET');
    expect(performance.now() - began).to.be.within(9000, 15_000);
    await world.close();
  });
});

describe('A tunnel for the model of an agent', () => {
  let world: TunnelWorld;
  let port = 0;
  const purpose = { kind: 'model' } as const;
  before(async () => {
    world = new TunnelWorld();
    await world.start([NONE, NONE, NONE]);
    port = await world.serve(echo);
    const agent = { name: 'custom', run: 'x', model: 'openai/gpt-5', setupTimeoutSeconds: 1, env: [] };
    const hosts = ['model.test', 'turning.test'];
    for (const [index, host] of hosts.entries())
      world.tenants[index]!.trial.spec.agent = {
        ...agent,
        baseUrl: `http://${host}:${port}/v1`,
        modelAccess: 'Proxy',
      };
    world.names.records.set('model.test', ['127.0.0.1']).set('other.test', ['127.0.0.1']);
    world.names.records.set('turning.test', ['127.0.0.1']);
  });
  after(() => world.close());
  const as = (tenant: number) => ({ token: world.tenants[tenant]?.token ?? '', purpose });

  it('leads to that alone, though the agent’s phase has no network', async () => {
    const { status, socket } = await world.tunnel(`model.test:${port}`, { ...as(0), more: 'hello' });
    socket.end();
    expect([status, await rest(socket)]).to.deep.equal([200, 'hello']);
    expect((await world.refusal(`model.test:${port}`, { token: as(0).token }))[0]).to.equal(403);
    for (const other of [
      `other.test:${port}`,
      `model.test:${port + 1}`,
      `127.0.0.1:${port}`,
      'kubernetes.default.svc:443',
    ])
      expect(await world.refusal(other, as(0)), other).to.deep.equal([
        403,
        `${other} is not the model of the agent, which is at model.test:${port}`,
      ]);
    expect(await world.registry.metrics()).to.include('purpose="model"');
  });

  it('is for no Pod whose courier calls no model', async () => {
    expect(await world.refusal(`model.test:${port}`, as(2))).to.deep.equal([
      403,
      `model.test:${port} is not allowed: the agent has no model behind a proxy`,
    ]);
  });

  it('leads to no private address that its name turns to', async () => {
    expect((await world.tunnel(`turning.test:${port}`, as(1))).status).to.equal(200);
    world.names.records.set('turning.test', ['10.0.0.1', '169.254.169.254']);
    const [status, why] = await world.refusal(`turning.test:${port}`, as(1));
    expect(status).to.equal(403);
    expect(why).to.match(/neither public nor among the exceptions of this installation$/);
  });
});
