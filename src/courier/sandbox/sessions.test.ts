import type { Duplex } from 'node:stream';
import { expect } from 'chai';
import fc from 'fast-check';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { until } from '../../../test/support/kube.ts';
import { useSbd } from '../../../test/support/sbd-courier.ts';
import type { Refusal } from '../../../test/support/sandbox-program.ts';
import { serveSandbox } from '../../../test/support/sandbox-courier.ts';
import type { Served } from '../../../test/support/sandbox-courier.ts';
import type { Refused } from '../../hand/stream.ts';
import { encodeFrame } from '../../wire/hand/frames.ts';
import { frameCutter, greeting, LINK_TYPES, rawFrame, readGreeting } from '../../wire/sandbox/link.ts';
import type { LinkHello } from '../../wire/sandbox/link.ts';
import { SESSION_KEPT_MS } from '../../wire/sandbox/names.ts';
import { SESSIONS_MAX } from './sessions.ts';

const FAST = { greetingMs: 200, pingMs: 50, silenceMs: 400 };

/** Says bytes after the preface, and what came back until the end. */
async function said(socket: Duplex, ...chunks: Uint8Array[]): Promise<{ types: number[]; frames: Buffer[] }> {
  const frames: Buffer[] = [];
  const cut = frameCutter((frame) => frames.push(frame));
  socket.on('data', cut);
  for (const chunk of chunks) socket.write(chunk);
  await new Promise((resolve) => socket.once('close', resolve));
  return { types: frames.map((frame) => frame.readUInt8(4)), frames };
}

const hello = (more: Partial<LinkHello> = {}): Buffer =>
  greeting('hello', { major: 1, minor: 0, received: 0, ...more });

describe('sessions of a Sandbox', function () {
  const container = useSbd();
  const serving = (more: object = {}): Served => serveSandbox({ hand: container().hand, ...more });

  const reasonOf = async (work: Promise<unknown>): Promise<string> =>
    await work.then(
      () => 'none',
      (error: Refused | Refusal) => error.reason,
    );

  it('are their caller’s alone, and of whoever has the secret', async () => {
    const served = serving();
    const { session } = await served.program({ caller: 'one' });
    const refused = async (caller: string, key: object): Promise<string | undefined> => {
      const { frames } = await said(served.dial(caller), hello({ session: { ...session!, ...key } }));
      return frames[0] && readGreeting('refused', frames[0]).reason;
    };
    expect(await refused('other', {})).to.equal('SessionUnknown');
    expect(await refused('one', { secret: '0'.repeat(64) })).to.equal('SessionUnknown');
    expect(await refused('one', { id: 'x' })).to.equal('SessionUnknown');
    expect(served.sessions.size).to.equal(1);
  });

  it('go on over a newer connection, which displaces the one before', async () => {
    const served = serving();
    const program = await served.program();
    const stream = program.open({ op: 'run', id: 'displaced', command: 'read x; echo $x', stdin: true });
    await stream.started;
    const before = program.connections;
    const second = said(served.dial(), hello({ session: program.session!, received: program.received }));
    await until('the first is displaced', () => program.connections > before);
    expect((await second).types).to.include(LINK_TYPES.welcome);
    await stream.input.write(Buffer.from('still here\n'));
    expect(Buffer.concat((await stream.output.toArray()) as Buffer[]).toString()).to.equal('still here\n');
    program.leave();
  });

  it('are kept for five minutes without a connection; commands go on after that', async () => {
    const clock = new ManualClock();
    const served = serving({ clock });
    const program = await served.program();
    await program.open({ op: 'run', id: 'outlives', command: 'sleep 60' }).started;
    program.leave();
    await until('the connection is gone', () => served.sessions.size === 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await clock.advance(SESSION_KEPT_MS - 1);
    expect(served.sessions.size).to.equal(1);
    await clock.advance(1);
    expect(served.sessions.size).to.equal(0);
    expect(served.commands.running).to.equal(1);
    const other = await served.program();
    await other.ask({ op: 'end', id: 'outlives', scope: 'session', graceMs: 0 });
    other.leave();
  });

  it('are so many at most; one that nobody uses gives way', async () => {
    const served = serving();
    const programs = await Promise.all(Array.from({ length: SESSIONS_MAX }, () => served.program()));
    expect(await reasonOf(served.program())).to.equal('TooManySessions');
    programs[5]?.leave();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await reasonOf(served.program())).to.equal('none');
    for (const program of programs) program.leave();
  });

  it('carry a thousand streams at once, and refuse more', async () => {
    const served = serving();
    const program = await served.program();
    const reader = { op: 'run', id: 'watched', command: 'read x; seq 100', stdin: true };
    const follower = program.open(reader);
    await follower.started;
    const many = Array.from({ length: 999 }, () =>
      program.open({ op: 'attach', id: 'watched', observe: true }),
    );
    await Promise.all(many.map((stream) => stream.started));
    expect(await reasonOf(program.ask({ op: 'commands' }))).to.equal('TooManyStreams');
    for (const stream of many) stream.output.resume();
    follower.output.resume();
    await follower.input.write(Buffer.from('\n'));
    for (const stream of [follower, ...many])
      expect(await stream.ended).to.have.nested.property('exit.output', 292);
    expect(await program.ask({ op: 'commands' })).to.have.property('commands');
    program.leave();
  });

  it('tell their programs that the Sandbox ends, and begin no more', async () => {
    const served = serving();
    const program = await served.program();
    served.sessions.stop();
    await until('the program is told', () => program.notices.length === 1);
    expect(program.notices[0]).to.deep.include({ type: 'notice', body: { event: 'stopping' } });
    expect(await reasonOf(served.program())).to.equal('Stopping');
    program.leave();
  });

  it('break with who does not speak the protocol', async () => {
    const served = serving({ times: FAST });
    const long = Buffer.alloc(9);
    long.writeUInt32LE(1e6);
    const bad: [string, Buffer[]][] = [
      ['garbage', [Buffer.alloc(5000, 0xff)]],
      ['a frame that is too long', [long]],
      ['no hello', [encodeFrame({ type: 'close', stream: 1 })]],
      ['a hello of nothing', [rawFrame(LINK_TYPES.hello, 0, Buffer.from('{}'))]],
      ['counts what was never sent', [hello({ received: 5 })]],
      ['a stream twice', [hello(), ...[1, 2].map(() => opening(7, { op: 'list', path: '/' }))]],
      [
        'a request without end',
        [hello(), ...Array.from({ length: 20 }, () => rawFrame(17, 1, Buffer.alloc(65_536, 32)))],
      ],
      ['a malformed frame', [hello(), rawFrame(6, 1, Buffer.alloc(3))]],
    ];
    for (const [what, chunks] of bad) {
      const { types } = await said(served.dial(), ...chunks);
      expect(types.at(-1), what).to.equal(LINK_TYPES.refused);
    }
    await until('none is left', () => served.sessions.size === 0);
  });

  it('do not wait for a preface or half a hello for ever, nor for a program that says nothing', async () => {
    const served = serving({ times: FAST });
    const began = performance.now();
    const half = hello();
    await Promise.all([
      said(served.dial(), half.subarray(0, half.length - 1)),
      said(served.dial()),
      said(served.dial(), hello()),
    ]);
    expect(performance.now() - began).to.be.within(150, 10_000);
    const { types } = await said(served.dial(), hello({ major: 2 }));
    expect(types).to.deep.equal([LINK_TYPES.refused]);
  });

  it('live through any bytes', async () => {
    const served = serving({ times: FAST });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }),
        fc.boolean(),
        async (chunks, greets) => {
          const socket = served.dial();
          socket.on('data', () => {});
          if (greets) socket.write(hello());
          for (const chunk of chunks) if (!socket.destroyed) socket.write(chunk);
          await new Promise((resolve) => setTimeout(resolve, 5));
          socket.destroy();
        },
      ),
      { numRuns: 100 },
    );
    const program = await served.program();
    expect((await program.run({ id: 'after', command: 'echo lives' })).stdout).to.equal('lives\n');
    program.leave();
  });

  it('live through a flood of tiny frames, and of requests whose answers nobody takes', async () => {
    const served = serving();
    const socket = served.dial();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => {});
    socket.write(hello());
    const tiny = Buffer.concat(Array.from({ length: 2000 }, () => encodeFrame({ type: 'close', stream: 3 })));
    for (let turn = 0; turn < 20; turn += 1) socket.write(tiny);
    const asking = Buffer.concat(
      Array.from({ length: 1000 }, (_, index) => opening(index + 1, { op: 'nothing' })),
    );
    for (let turn = 0; turn < 60 && !socket.destroyed; turn += 1) {
      socket.write(asking);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    socket.resume();
    await closed;
    await until('it is ended', () => served.sessions.size === 0);
    const program = await served.program();
    expect((await program.run({ id: 'flooded', command: 'echo lives' })).stdout).to.equal('lives\n');
    program.leave();
  });
});

function opening(stream: number, request: object): Buffer {
  return rawFrame(4, stream, Buffer.from(JSON.stringify(request)));
}
