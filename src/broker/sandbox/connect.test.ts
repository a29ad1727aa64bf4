import { expect } from 'chai';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { SignJWT, UnsecuredJWT } from 'jose';
import { setTimeout as wait } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import { sandboxPod, sandboxWith } from '../../../test/support/broker/objects.ts';
import {
  BEYOND_SOCKETS,
  closed,
  received,
  SandboxWorld,
  standstill,
} from '../../../test/support/broker/sandbox-world.ts';
import { until } from '../../../test/support/kube.ts';
import { courierName, SUBPROTOCOL, TOKEN_SUBPROTOCOL } from '../../wire/sandbox/names.ts';
import { SANDBOX_TIMES } from './doors.ts';

const TIMES = { ...SANDBOX_TIMES, dialMs: 1500, closeMs: 500 };

describe('connection to a Sandbox', () => {
  let world: SandboxWorld;
  beforeEach(async () => {
    world = new SandboxWorld();
    await world.start({ times: TIMES, bounds: { perCaller: 3, perSandbox: 2, total: 4 } });
  });
  afterEach(() => world.close());

  const echo = async (socket: WebSocket, bytes: Buffer): Promise<Buffer> => {
    const back = received(socket, bytes.length);
    socket.send(bytes);
    return back;
  };
  const claims = (over: object = {}) => ({
    aud: 'sb-sandbox-session',
    sub: 'jane',
    way: 'Token',
    ns: 'evals',
    name: 'box',
    uid: 'box-uid',
    exp: Math.floor(Date.now() / 1000) + 600,
    ...over,
  });
  const signed = (over: object = {}, key = world.certificate.sessionKey()): Promise<string> =>
    new SignJWT(claims(over)).setProtectedHeader({ alg: 'HS256' }).sign(key);

  it('carries bytes both ways, and tells the courier who calls', async () => {
    const socket = await world.dial();
    expect(socket.protocol).to.equal(SUBPROTOCOL);
    const bytes = randomBytes(3_000_000);
    const back = received(socket, bytes.length);
    for (let at = 0; at < bytes.length; at += 65_536) socket.send(bytes.subarray(at, at + 65_536));
    expect((await back).equals(bytes)).to.equal(true);
    expect(world.heard[0]?.preface).to.deep.equal({ caller: 'jane' });
  });

  it('shows the courier the broker’s certificate, and the courier shows its own name', async () => {
    await world.dial();
    const socket = await world.courier();
    expect(socket.getProtocol()).to.equal('TLSv1.3');
    expect(socket.getPeerCertificate().subjectaltname).to.contain('DNS:sb-broker.sb-system.svc');
    expect(socket.servername).to.equal(courierName({ ownerUid: 'box-uid', podUid: 'box-s1-x7k2p-uid' }));
  });

  it('waits for what its program has heard of, and this replica has not yet', async () => {
    const token = await world.sessionToken();
    const pod = world.sandboxPods.list()[0]!;
    world.sandboxPods.remove({ namespace: 'evals', name: pod.metadata.name });
    const dialled = world.dial({ token });
    const looked = world.sandboxPods.get.bind(world.sandboxPods);
    let looks = 0;
    world.sandboxPods.get = (key) => {
      looks += 1;
      if (looks === 3) world.sandboxPods.put(pod);
      return looked(key);
    };
    expect((await dialled).protocol).to.equal(SUBPROTOCOL);
    expect(looks).to.be.at.least(3);
  });

  describe('is refused', () => {
    const refused = (token: string) => world.refusal({ token });

    it('without a token, and with one in the URL', async () => {
      expect(await world.refusal({ protocols: [SUBPROTOCOL] })).to.deep.equal([401, 'NoToken']);
      const token = await world.sessionToken();
      expect(await world.refusal({ protocols: [SUBPROTOCOL], query: `?token=${token}` })).to.deep.equal([
        400,
        'BadRequest',
      ]);
      expect(await world.refusal({ protocols: [TOKEN_SUBPROTOCOL + token] })).to.deep.equal([
        400,
        'BadRequest',
      ]);
    });

    it('with a token that is forged, expired, meant for something else, or not signed', async () => {
      expect(await refused(await signed({}, Buffer.alloc(32)))).to.deep.equal([401, 'BadSignature']);
      expect(await refused(await signed({ exp: Math.floor(Date.now() / 1000) - 6 }))).to.deep.equal([
        401,
        'Expired',
      ]);
      expect(await refused(await signed({ exp: undefined }))).to.deep.equal([401, 'Expired']);
      expect(await refused(await signed({ aud: 'sb-broker' }))).to.deep.equal([401, 'WrongAudience']);
      expect(await refused(await signed({ uid: undefined }))).to.deep.equal([401, 'MalformedToken']);
      expect(await refused(new UnsecuredJWT(claims()).encode())).to.deep.equal([401, 'WrongAlgorithm']);
      expect(await refused(await world.key.sign(claims()))).to.deep.equal([401, 'WrongAlgorithm']);
      expect(await refused(await world.key.sign({ ...claims(), aud: 'sb-sandbox' }))).to.deep.equal([
        401,
        'WrongAlgorithm',
      ]);
    });

    it('with the token of another Sandbox', async () => {
      const other = sandboxWith({ name: 'other' });
      world.run(other);
      const token = await world.sessionToken({ sandbox: other });
      expect(await refused(token)).to.deep.equal([403, 'OtherSandbox']);
    });

    it('with the token of a Sandbox that was deleted, or deleted and created again', async () => {
      const token = await world.sessionToken();
      world.sandboxes.put(sandboxWith({ uid: 'again-uid' }));
      expect(await refused(token)).to.deep.equal([403, 'SandboxEnded']);
      world.sandboxes.remove({ namespace: 'evals', name: 'box' });
      expect(await refused(token)).to.deep.equal([403, 'SandboxEnded']);
    });

    it('while the Sandbox is suspended, being deleted, or in no Pod', async () => {
      const token = await world.sessionToken();
      world.sandboxes.put(sandboxWith({ spec: { operatingMode: 'Suspended' } }));
      expect(await refused(token)).to.deep.equal([403, 'SandboxEnded']);
      const box = sandboxWith();
      const deletionTimestamp = new Date().toISOString();
      world.sandboxes.put({ ...box, metadata: { ...box.metadata, deletionTimestamp } });
      expect(await refused(token)).to.deep.equal([403, 'SandboxEnded']);
      world.sandboxes.put(box);
      world.sandboxPods.remove({ namespace: 'evals', name: 'box-s1-x7k2p' });
      expect(await refused(token)).to.deep.equal([409, 'NotReady']);
    });

    it('where the Pod is not what its Job says, has ended, or is another Job’s', async () => {
      const token = await world.sessionToken();
      const { job, pod } = world.run(world.box);
      const guest = { ...pod.spec, containers: [], ephemeralContainers: [{ name: 'guest' }] };
      world.sandboxPods.put({ ...pod, spec: guest });
      expect(await refused(token)).to.deep.equal([403, 'AlteredPod']);
      world.sandboxPods.put({ ...pod, status: { phase: 'Failed', podIP: '127.0.0.1' } });
      expect(await refused(token)).to.deep.equal([403, 'PodEnded']);
      const other = sandboxPod({ ...job, metadata: { ...job.metadata, uid: 'other-uid' } });
      world.sandboxPods.put(other);
      expect(await refused(token)).to.deep.equal([409, 'NotReady']);
    });

    it('where another courier answers, or one that is not ours', async () => {
      const token = await world.sessionToken();
      world.stopCourier();
      await world.startCourier(courierName({ ownerUid: 'box-uid', podUid: 'another-pod' }));
      expect(await refused(token)).to.deep.equal([502, 'Unreachable']);
      expect(world.heard).to.deep.equal([]);
    });

    it('after a while where no courier answers, with its place given back', async () => {
      const token = await world.sessionToken();
      world.stopCourier();
      for (let time = 0; time < 3; time++) expect(await refused(token)).to.deep.equal([502, 'Unreachable']);
    });

    it('beyond so many of a Sandbox; a place is free again at an end', async () => {
      const first = await world.dial();
      await world.dial();
      expect(await world.refusal({})).to.deep.equal([429, 'TooManyConnections']);
      const other = sandboxWith({ name: 'other' });
      world.run(other);
      expect(await world.refusal({ sandbox: other })).to.deep.equal([502, 'Unreachable']);
      first.close();
      await closed(first);
      await until('there is a place', () => world.heard.some(({ socket }) => socket.destroyed));
      await world.dial();
    });
  });

  it('waits for a courier that is only starting', async () => {
    const token = await world.sessionToken();
    world.stopCourier();
    const dialed = world.dial({ token });
    await wait(500);
    await world.startCourier(courierName({ ownerUid: 'box-uid', podUid: 'box-s1-x7k2p-uid' }));
    expect((await echo(await dialed, Buffer.from('hello'))).toString()).to.equal('hello');
  });

  it('ends when its session does, and says so', async () => {
    const token = await signed({ exp: Math.floor(Date.now() / 1000) + 2 });
    const socket = await world.dial({ token });
    expect(await closed(socket)).to.deep.equal([4001, 'TokenExpired']);
    await until('the courier’s end is closed', () => world.heard[0]?.socket.destroyed === true);
  });

  it('ends with the courier, and tells a lost connection from the end of the Sandbox', async () => {
    const lost = await world.dial();
    (await world.courier()).destroy();
    expect(await closed(lost)).to.deep.equal([4003, 'CourierLost']);
    const ended = await world.dial();
    world.sandboxes.put(sandboxWith({ spec: { operatingMode: 'Suspended' } }));
    (await world.courier(1)).end();
    expect(await closed(ended)).to.deep.equal([4002, 'SandboxEnded']);
  });

  it('hands on what the courier said before it closed', async () => {
    const bytes = randomBytes(500_000);
    world.onConnection = (courier) => courier.end(bytes);
    const socket = await world.dial();
    expect((await received(socket, bytes.length)).equals(bytes)).to.equal(true);
  });

  it('ends at the courier when the program leaves or breaks off, with all that it said', async () => {
    const bytes = randomBytes(500_000);
    let got = Buffer.alloc(0);
    world.onConnection = (courier) =>
      courier.on('data', (part: Buffer) => (got = Buffer.concat([got, part])));
    const leaving = await world.dial();
    for (let at = 0; at < bytes.length; at += 50_000) leaving.send(bytes.subarray(at, at + 50_000));
    leaving.close();
    await once(await world.courier(), 'close');
    expect(got.equals(bytes)).to.equal(true);
    const broken = await world.dial();
    const courier = await world.courier(1);
    broken.terminate();
    await once(courier, 'close');
  });

  it('takes binary messages of up to 128 KiB alone', async () => {
    const text = await world.dial();
    text.send('hello');
    expect(await closed(text)).to.deep.equal([4005, 'NotBinary']);
    const large = await world.dial();
    large.send(Buffer.alloc(128 * 1024 + 1));
    expect((await closed(large))[0]).to.equal(1009);
    await until('both couriers’ ends are closed', () => world.heard.every(({ socket }) => socket.destroyed));
  });

  it('ends in order where a program breaks the protocol, and gives the place back', async () => {
    for (let time = 0; time < 3; time++) {
      const socket = await world.dial();
      const ending = closed(socket);
      const beneath = Reflect.get(socket, '_socket') as TLSSocket;
      // A frame without a mask, with bits that nobody has agreed upon.
      beneath.write(Buffer.from([0xff, 0x01, 0x00]));
      expect((await ending)[0]).to.equal(1002);
    }
    await until('nothing is open', () => world.heard.every(({ socket }) => socket.destroyed));
    await wait(100);
    expect(await world.registry.metrics()).to.contain('sb_broker_sandbox_connections_open 0');
  });

  it('is sent to another replica when this one closes', async () => {
    const socket = await world.dial();
    const ending = closed(socket);
    const began = performance.now();
    await world.broker.close();
    expect(await ending).to.deep.equal([1012, 'ServiceRestart']);
    expect(performance.now() - began).to.be.lessThan(5000);
  });

  it('does not keep a broker that closes, however little it reads', async () => {
    world.onConnection = (courier) => {
      const more = (): void => {
        while (courier.writable && courier.write(Buffer.alloc(65_536)));
      };
      courier.on('drain', more);
      more();
    };
    const socket = await world.dial();
    socket.pause();
    await wait(300);
    const began = performance.now();
    await world.broker.close();
    expect(performance.now() - began).to.be.lessThan(5000);
  });

  it('holds what a program does not read at its source, and goes on when it reads', async () => {
    let written = 0;
    world.onConnection = (courier) => {
      const more = (): void => {
        for (let go = true; go && written < BEYOND_SOCKETS && courier.writable; written += 65_536)
          go = courier.write(Buffer.alloc(65_536, 7));
      };
      courier.on('drain', more);
      more();
    };
    const socket = await world.dial();
    socket.pause();
    await standstill(() => written);
    expect(written).to.be.lessThan(BEYOND_SOCKETS / 2);
    const rest = received(socket, BEYOND_SOCKETS);
    socket.resume();
    expect((await rest).length).to.equal(BEYOND_SOCKETS);
  });

  it('holds what a courier does not take at the program, and goes on when it does', async () => {
    world.onConnection = () => undefined;
    const socket = await world.dial();
    const courier = await world.courier();
    courier.pause();
    for (let sent = 0; sent < BEYOND_SOCKETS; sent += 65_536) socket.send(Buffer.alloc(65_536, 7));
    await standstill(() => socket.bufferedAmount);
    expect(socket.bufferedAmount).to.be.greaterThan(BEYOND_SOCKETS / 2);
    let got = 0;
    courier.on('data', (part: Buffer) => (got += part.length));
    courier.resume();
    await until('everything has arrived', () => got === BEYOND_SOCKETS);
  });

  it('is counted: open, by way, by why it ended, bytes, and refusals by reason', async () => {
    const socket = await world.dial();
    await echo(socket, Buffer.alloc(1000));
    const during = await world.registry.metrics();
    expect(during).to.contain('sb_broker_sandbox_connections_open 1');
    expect(during).to.contain('sb_broker_sandbox_connections_total{way="Token"} 1');
    socket.close();
    await closed(socket);
    await world.refusal({ token: 'x.y.z' });
    await wait(200);
    const after = await world.registry.metrics();
    expect(after).to.contain('sb_broker_sandbox_connections_open 0');
    expect(after).to.contain('sb_broker_sandbox_closings_total{reason="Left"} 1');
    expect(after).to.contain('sb_broker_sandbox_bytes_total{direction="sent"} 1000');
    expect(after).to.contain('sb_broker_sandbox_bytes_total{direction="received"} 1000');
    expect(after).to.contain('sb_broker_refusals_total{reason="MalformedToken"} 1');
    const route = 'route="GET /v1/namespaces/…/sandboxes/…/connect"';
    expect(after).to.contain(`sb_broker_requests_total{${route},code="101"} 1`);
  });

  it('leaves requests that are no upgrade to Node, and other paths without one', async () => {
    const headers = { connection: 'upgrade', upgrade: 'websocket' };
    expect((await world.session({ headers })).status).to.equal(200);
    expect((await world.ask('GET', '/v1/namespaces/evals/sandboxes/box/connect', 'x')).status).to.equal(404);
  });
});
