import { expect } from 'chai';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../../async/clock.ts';
import { eventuallyTrue } from '../../../../test/support/eventually.ts';
import { TestCourier } from '../../../../test/support/sandbox/courier.ts';
import { decodeFrame } from '../../../wire/hand/frames.ts';
import { LINK_TYPES } from '../../../wire/sandbox/link.ts';
import { Connection, type ConnectionOptions } from '../connection/connection.ts';
import { CommandTimedOut, SandboxLost, SandboxRefused } from '../errors.ts';
import { SandboxCommand, type CommandPlace } from './command.ts';
import { runCommand, startRequest } from './run.ts';

const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const rejection = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => expect.fail('it did not reject'),
    (error: unknown) => error,
  );

describe('A command in a Sandbox', () => {
  let courier: TestCourier;
  let places: CommandPlace[];
  beforeEach(() => {
    courier = new TestCourier('/nowhere');
    places = [];
  });
  afterEach(() => {
    for (const { connection } of places) connection.close();
    courier.close();
  });

  const place = (over: Partial<ConnectionOptions> = {}): CommandPlace => {
    const options = { sandbox: 'box', connect: courier.connect, clock: systemClock, random: () => 0 };
    const made = { sandbox: 'box', connection: new Connection({ ...options, ...over }) };
    places.push(made);
    return made;
  };

  it('has its exit code, and stdout apart from stderr', async () => {
    const result = await runCommand(place(), 'echo out; echo err >&2; exit 3');
    expect(result).to.include({
      exitCode: 3,
      stdout: 'out\n',
      stderr: 'err\n',
      timedOut: false,
      truncated: false,
    });
    expect(result).not.to.have.property('signal');
  });

  it('costs one frame to the Sandbox, where it has nothing to read and writes less than a window', async () => {
    const sent: (string | undefined)[] = [];
    const one = place({
      connect: async (...args) => {
        const socket = await courier.connect(...args);
        return {
          ...socket,
          send: (frame) => {
            if (frame.readUInt8(4) < LINK_TYPES.hello) sent.push(decodeFrame(frame)?.type);
            socket.send(frame);
          },
        };
      },
    });
    for (const line of ['true', 'echo hi', 'exit 3']) await runCommand(one, line);
    expect(sent).to.deep.equal(['open', 'open', 'open']);
  });

  it('is a program and its arguments where it is a list', async () => {
    expect((await runCommand(place(), ['printf', '%s', '$HOME'])).stdout).to.equal('$HOME');
  });

  it('says which signal has ended it', async () => {
    expect(await runCommand(place(), 'kill -9 $$')).to.include({ exitCode: 137, signal: 'SIGKILL' });
  });

  it('reads nothing unless it is given something', async () => {
    expect((await runCommand(place(), 'cat')).stdout).to.equal('');
    expect((await runCommand(place(), 'cat', { stdin: 'hello' })).stdout).to.equal('hello');
  });

  it('has characters whole that frames cut, every mark, and U+FFFD for what is no UTF-8; its listener has the bytes', async () => {
    const mark = '\uFEFF';
    const bytes = Buffer.concat([
      Buffer.from(`${mark}a${'€'.repeat(50_000)}`),
      Buffer.from([0xff, 0xe2, 0x82]),
      Buffer.from('z'),
    ]);
    const heard: Buffer[] = [];
    const onStdout = (chunk: Buffer): void => void heard.push(chunk);
    const { stdout } = await runCommand(place(), 'cat', { stdin: bytes, onStdout });
    expect(heard.length).to.be.above(1);
    expect(Buffer.concat(heard).equals(bytes)).to.equal(true);
    expect(stdout === `${mark}a${'€'.repeat(50_000)}\uFFFD\uFFFDz`).to.equal(true);
  });

  it('gets variables and a folder', async () => {
    const { stdout } = await runCommand(place(), 'echo $A; pwd', { env: { A: 'b' }, cwd: '/usr' });
    expect(stdout).to.equal('b\n/usr\n');
  });

  it('is ended at its timeout, with what it wrote until then', async () => {
    const wanted = { timeoutMs: 300 };
    const result = await runCommand(place(), 'echo begun; sleep 60', wanted);
    expect(result).to.include({ timedOut: true, stdout: 'begun\n', signal: 'SIGKILL' });
    const error = await rejection(
      runCommand(place(), 'echo begun; sleep 60', { ...wanted, throwOnTimeout: true }),
    );
    expect(error).to.be.instanceOf(CommandTimedOut).and.to.include({ stdout: 'begun\n', code: 'SB-E106' });
  });

  it('is ended where its signal fires, and rejects at once with the reason', async () => {
    const stop = new AbortController();
    const running = runCommand(place(), 'sleep 60', { signal: stop.signal });
    await eventuallyTrue('it has come', () => courier.commands.size === 1);
    const [command] = [...courier.commands.values()];
    stop.abort(new Error('enough'));
    expect(await rejection(running)).to.have.property('message', 'enough');
    await eventuallyTrue('it has come', () => command?.child.signalCode === 'SIGKILL');
  });

  it('says why it was not started', async () => {
    const error = await rejection(runCommand(place(), ['/nowhere/program']));
    expect(error)
      .to.be.instanceOf(SandboxRefused)
      .and.to.include({ reason: 'ProgramMissing', code: 'SB-E107' });
  });

  it('has the end of what it wrote where that is too much, and tells listeners all of it', async () => {
    const heard: Buffer[] = [];
    const result = await runCommand(place(), 'seq 1 100000', {
      maxOutputBytes: 7,
      onStdout: (chunk) => void heard.push(chunk),
    });
    expect(result).to.include({ stdout: '100000\n', truncated: true });
    expect(Buffer.concat(heard).toString().split('\n')).to.have.length(100_001);
  });

  it('fails as its listener does, and is ended', async () => {
    const failing = runCommand(place(), 'yes', {
      onStdout: () => {
        throw new Error('no more');
      },
    });
    expect(await rejection(failing)).to.have.property('message', 'no more');
    await eventuallyTrue('it has come', () =>
      [...courier.commands.values()].every(({ child }) => child.signalCode !== null),
    );
  });

  it('stops where nobody reads, and no other does', async () => {
    const shared = place();
    const slow = new SandboxCommand(shared, startRequest('yes | head -c 3000000', {}));
    await slow.started;
    await sleep(200);
    const { stdout } = await runCommand(shared, 'echo quick');
    expect(stdout).to.equal('quick\n');
    expect(slow.stdout.readableLength + slow.stdout.offset).to.be.below(3_000_000);
    const bytes = Buffer.concat(await Array.fromAsync(slow.stdout as AsyncIterable<Buffer>));
    expect(bytes.length).to.equal(3_000_000);
    expect(await slow.exited).to.include({ exitCode: 0 });
  });

  it('has every byte once, in order, wherever connections break', async function () {
    this.timeout(120_000);
    const input = Buffer.from(Array.from({ length: 150_000 }, (_, at) => (at * 7 + (at >> 8)) & 0xff));
    const line = 'cat; head -c 200000 /dev/zero | tr "\\0" "\\377"; echo done >&2; exit 5';
    const expected = sha(Buffer.concat([input, Buffer.alloc(200_000, 0xff)]));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 120_000 }), { maxLength: 6 }), async (breaks) => {
        courier.breaks = [...breaks];
        const heard: Buffer[] = [];
        const result = await runCommand(place(), line, {
          stdin: input,
          onStdout: (chunk) => void heard.push(chunk),
        });
        expect(result).to.include({ exitCode: 5, stderr: 'done\n' });
        expect(sha(Buffer.concat(heard))).to.equal(expected);
      }),
      { numRuns: 15 },
    );
  });

  it('goes on where the courier was started again, and is attached to by its name', async () => {
    const here = place();
    const command = new SandboxCommand(here, startRequest('cat; exit 4', { stdin: true }));
    command.stdin.write('one\n');
    const seen: string[] = [];
    command.stdout.on('data', (chunk: Buffer) => seen.push(chunk.toString()));
    await eventuallyTrue('it has come', () => seen.join('') === 'one\n');
    courier.restart();
    command.stdin.end('two\n');
    expect(await command.exited).to.include({ exitCode: 4 });
    expect(seen.join('')).to.equal('one\ntwo\n');
    expect(courier.requests.map(({ op }) => op)).to.deep.equal(['run', 'attach']);
  });

  it('is lost, and no success, where bytes of it are no longer kept', async () => {
    const here = place();
    const running = runCommand(here, 'yes | head -c 400000; sleep 1', {
      // Reads nothing until after the restart.
      onStdout: () => eventuallyTrue('it has come', () => courier.greetings.length > 1),
    });
    await eventuallyTrue('it has come', () => courier.commands.size === 1);
    await sleep(200);
    courier.restart(10);
    expect(await rejection(running))
      .to.be.instanceOf(SandboxLost)
      .and.to.include({ code: 'SB-E103' });
  });

  it('is lost where no connection comes back in time', async () => {
    const running = runCommand(place({ patienceMs: 300 }), 'sleep 60');
    await eventuallyTrue('it has come', () => courier.commands.size === 1);
    courier.refusals = Array.from({ length: 100 }, () => new Error('nobody answers'));
    courier.cut();
    const error = await rejection(running);
    expect(error).to.be.instanceOf(SandboxLost);
    expect((error as Error).message).to.include('nobody answers');
  });

  it('does not notice that its session token was renewed', async function () {
    courier.tokenMs = 100;
    const { stdout } = await runCommand(place(), 'for i in 1 2 3 4 5; do echo $i; sleep 0.5; done');
    expect(stdout).to.equal('1\n2\n3\n4\n5\n');
    expect(courier.greetings.slice(0, 3)).to.deep.equal(['new', 'resumed', 'resumed']);
  });

  it('of many at a time keep to themselves', async () => {
    const shared = place();
    const results = await Promise.all(
      Array.from({ length: 30 }, (_, at) => runCommand(shared, `echo ${at}; exit ${at}`)),
    );
    expect(results.map(({ exitCode, stdout }) => [exitCode, stdout])).to.deep.equal(
      Array.from({ length: 30 }, (_, at) => [at, `${at}\n`]),
    );
    expect(courier.connections).to.equal(1);
  });
});
