import { expect } from 'chai';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import {
  BEYOND_SOCKETS,
  closed,
  received,
  SandboxWorld,
  standstill,
} from '../../../test/support/broker/sandbox-world.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { PING_MS, SILENCE_MS } from '../../wire/sandbox/names.ts';

describe('silence on a connection to a Sandbox', () => {
  let world: SandboxWorld;
  let clock: ManualClock;
  let socket: WebSocket;
  beforeEach(async () => {
    world = new SandboxWorld();
    clock = new ManualClock(Date.now());
    await world.start({ clock });
    socket = await world.dial();
    await world.courier();
  });
  afterEach(async () => {
    // What is left is ended by a timer.
    const closing = world.close();
    await clock.advance(10_000);
    await closing;
  });

  const courierSays = async (bytes: number): Promise<void> => {
    const back = received(socket, bytes);
    (await world.courier()).write(Buffer.alloc(bytes, 1));
    await back;
  };

  it('does not end it while both sides show signs of life, and its session does in time', async () => {
    const pings: number[] = [];
    socket.on('ping', () => pings.push(clock.monotonic()));
    let why: string | undefined;
    socket.once('close', (_code, reason: Buffer) => (why = reason.toString()));
    for (let ms = 0; ms < 585_000; ms += PING_MS) {
      await courierSays(10);
      await clock.advance(PING_MS);
      await wait(5);
    }
    expect(why).to.equal(undefined);
    expect(pings).to.have.length.greaterThan(30);
    const ending = closed(socket);
    // The token's time is whole seconds.
    await clock.advance(PING_MS + 2000);
    expect(await ending).to.deep.equal([4001, 'TokenExpired']);
  });

  it('ends it after 40 s where the program does not answer pings, as one that is dead or cut off', async () => {
    const courier = await world.courier();
    socket.pause();
    const gone = once(courier, 'close');
    for (let ms = 0; ms < SILENCE_MS; ms += 10_000) {
      courier.write('alive');
      await wait(20);
      expect(courier.destroyed, `${ms}`).to.equal(false);
      await clock.advance(10_000);
    }
    await gone;
    const ending = closed(socket);
    socket.resume();
    expect(await ending).to.deep.equal([4004, 'Silent']);
  });

  it('ends it after 40 s where the courier says nothing, as on a node that is lost', async () => {
    const ending = closed(socket);
    for (let ms = 0; ms < SILENCE_MS; ms += 10_000) {
      socket.ping();
      await wait(20);
      await clock.advance(10_000);
    }
    expect(await ending).to.deep.equal([4003, 'CourierLost']);
  });

  it('ends it after 40 s where the courier takes nothing', async () => {
    const courier = await world.courier();
    courier.unpipe(courier).pause();
    for (let sent = 0; sent < BEYOND_SOCKETS; sent += 65_536) socket.send(Buffer.alloc(65_536));
    await standstill(() => socket.bufferedAmount);
    const ending = closed(socket);
    let passed = 0;
    // It still speaks. What was on its way counts as taken, and on a machine that does other things that may be long.
    for (let open = true; open && passed < 30 * SILENCE_MS; passed += 10_000) {
      courier.write('alive');
      open = await Promise.race([ending.then(() => false), wait(20, true)]);
      await clock.advance(10_000);
    }
    expect(await ending).to.deep.equal([4003, 'CourierLost']);
    expect(passed).to.be.above(SILENCE_MS);
  });

  it('does not end it where the caller’s right is taken away: the session does, and there is no other', async () => {
    world.rules.set('jane', []);
    let why: string | undefined;
    socket.once('close', (_code, reason: Buffer) => (why = reason.toString()));
    for (let ms = 0; ms < 60_000; ms += PING_MS) {
      await courierSays(10);
      await clock.advance(PING_MS);
      await wait(5);
    }
    expect(why).to.equal(undefined);
    world.now = () => new Date(clock.now());
    expect((await world.session()).status).to.equal(403);
  });

  it('ends it within 15 s after the Sandbox is gone, whatever its courier does', async () => {
    world.sandboxes.remove({ namespace: 'evals', name: 'box' });
    const ending = closed(socket);
    // The token's time is whole seconds.
    await clock.advance(PING_MS + 2000);
    expect(await ending).to.deep.equal([4002, 'SandboxEnded']);
  });
});
