import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { encodeFrame, openFrames } from '../../../wire/hand/frames.ts';
import type { Frame } from '../../../wire/hand/frames.ts';
import { openSbd, runners, useSbd } from '../../../../test/support/sbd-courier.ts';
import type { SbdWorld } from '../../../../test/support/sbd-courier.ts';
import type { Sbd } from './client.ts';
import { HAND_SOCKET } from '../../../wire/pod-paths.ts';
import { listen } from './listener.ts';
import { HandLost } from '../../../hand/stream.ts';
import type { Refused } from '../../../hand/stream.ts';

const sh = (script: string) => ['sh', '-c', script];

/** The courier as the kubelet starts it again, with what lies in its own volume. */
async function restarted({ hand, pod, strangers }: SbdWorld): Promise<Sbd> {
  hand.close();
  const next = openSbd(pod, strangers);
  await next.ready();
  return next;
}

describe('the connection to sbd', function () {
  const container = useSbd({ each: true });

  it('is one, and its socket is gone once it is there', async () => {
    const { hand, pod } = container();
    expect(existsSync(join(pod.control, HAND_SOCKET))).to.equal(false);
    expect(hand.version()).to.match(/^\d/);
  });

  it('comes again after the courier was started again, and commands go on', async () => {
    const world = container();
    const script = 'i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i + 1)); done; echo err >&2; exit 7';
    const first = await world.hand.run({ id: 'long', argv: sh(script) });
    const hash = createHash('sha256');
    let taken = 0;
    for await (const chunk of first.stdout) {
      hash.update(chunk as Buffer);
      if ((taken += (chunk as Buffer).length) > 20_000) break;
    }
    first.stderr.destroy();
    const hand = await restarted(world);
    expect((await hand.commands()).map(({ id }) => id)).to.deep.equal(['long']);
    const second = await hand.attach({ id: 'long', output: taken });
    expect(second.stdout.lost).to.equal(0);
    for await (const chunk of second.stdout) hash.update(chunk as Buffer);
    expect(await world.text(second.stderr)).to.equal('err\n');
    expect(await second.exited).to.include({ code: 7 });
    const whole = Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`).join('');
    expect(hash.digest('hex')).to.equal(createHash('sha256').update(whole).digest('hex'));
    second.close();
    await sleep(50);
    expect(await hand.commands()).to.deep.equal([]);
    hand.close();
  });

  it('says how much was lost, where output is no longer kept', async () => {
    const world = container();
    const argv = sh('head -c 1000000 /dev/zero; echo end; sleep 0.5');
    const first = await world.hand.run({ id: 'gone', argv });
    first.stderr.resume();
    let taken = 0;
    for await (const chunk of first.stdout) if ((taken += (chunk as Buffer).length) >= 1_000_004) break;
    const hand = await restarted(world);
    const second = await hand.attach({ id: 'gone' });
    second.stderr.resume();
    const kept = await world.text(second.stdout);
    expect(kept.length).to.be.within(100_000, 262_144);
    expect(second.stdout.lost).to.equal(1_000_004 - kept.length);
    expect(kept).to.match(/end\n$/);
    second.close();
    hand.close();
  });

  it('takes input on from where it was', async () => {
    const world = container();
    const first = await world.hand.run({ id: 'in', argv: ['cat'], stdin: true });
    await first.stdin.write(Buffer.from('one\n'));
    await new Promise<unknown>((resolve) => first.stdout.once('data', resolve));
    const hand = await restarted(world);
    const second = await hand.attach({ id: 'in' });
    expect(second.started.input).to.equal(4);
    await second.stdin.write(Buffer.from('two\n'));
    second.stdin.end();
    second.stderr.resume();
    expect(await world.text(second.stdout)).to.equal('one\ntwo\n');
    expect((await second.exited).code).to.equal(0);
    hand.close();
  });

  it('is never an exit code where it is lost', async () => {
    const { hand, pod } = container();
    const running = await hand.run({ id: 'x', argv: ['sleep', '100'] });
    const gone = hand.gone;
    const exited = running.exited.catch((error: unknown) => error);
    await pod.remove();
    expect(await exited).to.be.instanceOf(HandLost);
    await gone;
    expect(hand.isGone()).to.equal(true);
    expect(await hand.ready().catch((error: unknown) => error)).to.be.instanceOf(HandLost);
  });

  it('is given to nobody else after that, though they connect first', async () => {
    const world = container();
    const { hand, pod, strangers } = world;
    const sbd = pod.pid();
    process.kill(sbd, 'SIGSTOP');
    hand.close();
    const next = openSbd(pod, strangers);
    const path = join(pod.control, HAND_SOCKET);
    while (!existsSync(path)) await sleep(10);
    const others = Array.from({ length: 100 }, (_, i) => {
      const socket = connect(path);
      socket.on('error', () => {});
      const body = { major: 1, minor: 0, version: 'x', nonce: 'a'.repeat(64), knows: i % 2 === 0 };
      if (i % 3 > 0) socket.write(encodeFrame({ type: 'hello', stream: 0, body }));
      if (i % 3 > 1) socket.write(encodeFrame({ type: 'proof', stream: 0, body: { proof: '0'.repeat(64) } }));
      return socket;
    });
    await sleep(200);
    process.kill(sbd, 'SIGCONT');
    await next.ready();
    expect((await runners(next).said({ argv: ['echo', 'sbd'] })).stdout).to.equal('sbd\n');
    expect(strangers).to.include('somebody who is not sbd has connected to the courier');
    for (const socket of others) socket.destroy();
    next.close();
  });

  it('is refused to a courier that does not know the secret', async () => {
    const world = container();
    world.hand.close();
    const impostor = openSbd({ ...world.pod, own: world.pod.tools }, []);
    expect(await Promise.race([impostor.ready().then(() => 'ready'), sleep(600, 'refused')])).to.equal(
      'refused',
    );
    impostor.close();
    await sleep(300);
    expect(world.pod.output()).to.include('the courier does not know the secret');
  });
});

describe('a courier that says what sbd does not understand', function () {
  const container = useSbd({ each: true });

  /** Takes the place of the courier; resolves what sbd says from then on, connection by connection. */
  const impersonate = ({ pod, hand }: SbdWorld) => {
    hand.close();
    const connections: { said: Frame[]; send: (bytes: Uint8Array) => void }[] = [];
    const listener = listen({ ...pod, mode: 0o666, onStranger: () => {} }, ({ socket, read }) => {
      const said: Frame[] = [];
      read(
        (frame) => said.push(frame),
        () => {},
      );
      connections.push({ said, send: (bytes) => socket.write(bytes) });
    });
    return { connections, listener };
  };

  const until = async <T>(look: () => T | undefined): Promise<T> => {
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      await sleep(10);
    }
  };

  it('costs the stream alone where it is a request, and the connection where it is a frame', async () => {
    const { connections, listener } = impersonate(container());
    const first = await until(() => connections[0]);
    const requests = [
      '{',
      '[]',
      '{"op":"dance"}',
      '{"op":"run","id":"a","argv":[],"x":1}',
      '{"op":"run","id":"a","argv":[7]}',
      '{"op":"stat","path":"x"}',
    ];
    for (const [index, text] of requests.entries())
      first.send(encodeFrame({ type: 'open', stream: index + 1, bytes: Buffer.from(text) }));
    first.send(encodeFrame({ type: 'data', stream: 99, channel: 0, offset: 5, bytes: Buffer.alloc(5) }));
    first.send(encodeFrame({ type: 'ping', stream: 0, bytes: Buffer.from('p') }));
    await until(() => first.said.find(({ type }) => type === 'pong'));
    await until(() =>
      first.said.filter(({ type }) => type === 'error').length === requests.length ? true : undefined,
    );
    for (const frame of first.said)
      if (frame.type === 'error') expect(frame.body.reason).to.equal('BadRequest');

    first.send(Buffer.from('ffffffff0500000000', 'hex'));
    const last = await until(() => first.said.find((frame) => frame.type === 'error' && frame.stream === 0));
    expect(last).to.deep.include({
      body: { reason: 'BadFrame', message: 'a frame of 4294967295 bytes is too long' },
    });
    const second = await until(() => connections[1]);
    second.send(encodeFrame({ type: 'ping', stream: 0, bytes: Buffer.from('q') }));
    await until(() => second.said.find(({ type }) => type === 'pong'));
    listener.close();
  });

  it('forgets a command that was closed before it had started', async () => {
    const { connections, listener } = impersonate(container());
    const { send, said } = await until(() => connections[0]);
    const run = { op: 'run' as const, id: 'a', argv: ['sleep', '0.2'] };
    for (const frame of openFrames(1, run)) send(encodeFrame(frame));
    send(encodeFrame({ type: 'close', stream: 1 }));
    await sleep(1000);
    for (const frame of openFrames(2, { op: 'commands' })) send(encodeFrame(frame));
    const result = await until(() => said.find(({ type }) => type === 'result'));
    expect(result).to.deep.include({ body: { commands: [] } });
    listener.close();
  });

  it('is told of input that was not asked for', async () => {
    const { connections, listener } = impersonate(container());
    const { send, said } = await until(() => connections[0]);
    const run = { op: 'run' as const, id: 'a', argv: ['cat'], stdin: true };
    for (const frame of openFrames(1, run)) send(encodeFrame(frame));
    await until(() => said.find(({ type }) => type === 'started'));
    const data = (offset: number): Frame => ({
      type: 'data',
      stream: 1,
      channel: 0,
      offset,
      bytes: Buffer.alloc(60_000),
    });
    send(encodeFrame(data(0)));
    send(encodeFrame(data(60_001)));
    const error = await until(() => said.find(({ type }) => type === 'error'));
    expect(error).to.deep.include({ stream: 1 });
    listener.close();
  });
});

describe('more commands than there may be', function () {
  const container = useSbd();

  it('are refused, and the others run', async () => {
    const { hand } = container();
    const all = await Promise.allSettled(
      Array.from({ length: 300 }, (_, i) => hand.run({ id: `m${i}`, argv: ['sleep', '0.2'] })),
    );
    const refused = all.filter((one) => one.status === 'rejected');
    expect(refused.map((one) => (one.reason as Refused).reason)).to.deep.equal(
      Array(44).fill('TooManyCommands'),
    );
    for (const one of all) if (one.status === 'fulfilled') one.value.close();
    await sleep(1500);
    expect(await hand.commands()).to.deep.equal([]);
  });
});
