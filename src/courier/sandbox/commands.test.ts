import { createHash } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { useSbd } from '../../../test/support/sbd-courier.ts';
import { until } from '../../../test/support/kube.ts';
import { ran } from '../../../test/support/sandbox-program.ts';
import { serveSandbox } from '../../../test/support/sandbox-courier.ts';
import type { Served } from '../../../test/support/sandbox-courier.ts';
import type { Refused } from '../../hand/stream.ts';
import { WINDOW } from '../../wire/hand/protocol.ts';

let serial = 0;
const id = (): string => `c${(serial += 1)}`;
const sh = (command: string): object => ({ id: id(), command });
const reasonOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: Refused) => error.reason,
  );

describe('commands of a Sandbox', function () {
  const container = useSbd();
  let served: Served;
  before(() => {
    served = serveSandbox({ hand: container().hand });
  });

  it('say what they say and how they ended, as the Sandbox’s user, with its variables', async () => {
    const program = await served.program();
    const { exit, stdout, stderr } = await program.run(sh('echo "$OF $0"; id -un; echo err >&2; exit 3'));
    expect({ stdout, stderr }).to.deep.equal({ stdout: 'sandbox /bin/bash\nroot\n', stderr: 'err\n' });
    expect(exit).to.include({ code: 3, timedOut: false, output: stdout.length, error: 4 });
    const other = await program.run({
      id: id(),
      argv: ['sh', '-c', 'id -un; echo $OF'],
      user: 'agent',
      env: { OF: 'x' },
    });
    expect(other.stdout).to.equal('agent\nx\n');
    program.leave();
  });

  it('are brought whole where the connection breaks after every single frame', async () => {
    for (const frames of [2, 3, 4, 5]) {
      const program = await served.program({ breakAfter: () => ({ frames }) });
      const { exit, stdout } = await program.run(sh('seq 1 60000; exit 7'));
      const whole = Array.from({ length: 60_000 }, (_, index) => `${index + 1}\n`).join('');
      expect(createHash('sha256').update(stdout).digest('hex')).to.equal(
        createHash('sha256').update(whole).digest('hex'),
      );
      expect(exit).to.include({ code: 7, output: whole.length });
      expect(program.connections).to.be.greaterThan(3);
      program.leave();
    }
  });

  it('take their input whole where the connection breaks after so many bytes', async () => {
    let bytes = 300;
    const program = await served.program({ breakAfter: () => ({ bytes: (bytes += 13) }) });
    const stream = program.open({ op: 'run', ...sh('sha256sum; wc -c >&2'), stdin: true });
    const input = Buffer.alloc(700_000, 'input that is long');
    const said = ran(stream);
    for (let at = 0; at < input.length; at += 10_000)
      await stream.input.write(input.subarray(at, at + 10_000));
    stream.input.end();
    expect((await said).stdout).to.contain(createHash('sha256').update(input).digest('hex'));
    program.leave();
  });

  it('answer small after large, over 200 connections', async () => {
    const program = await served.program();
    const stream = program.open({
      op: 'run',
      ...sh('head -c 8192 /dev/zero; while read line; do echo "$line"; done'),
      stdin: true,
    });
    let seen = '';
    stream.output.on('data', (chunk: Buffer) => (seen += chunk.toString('latin1')));
    await until('it is so', () => seen.length === 8192);
    for (let turn = 0; turn < 200; turn += 1) {
      program.drop();
      await stream.input.write(Buffer.from(`${turn}\n`));
      const due = 8192 + Array.from({ length: turn + 1 }, (_, at) => `${at}\n`).join('').length;
      await until('it is so', () => seen.length === due);
    }
    stream.input.end();
    expect(await stream.ended).to.have.nested.property('exit.code', 0);
    expect(program.connections).to.be.greaterThan(200);
    program.leave();
  });

  it('are started once, whoever starts them again', async () => {
    const [one, other] = [await served.program(), await served.program()];
    const start = sh('echo once >> /tmp/once; sleep 0.3; cat /tmp/once');
    const first = one.open({ op: 'run', ...start });
    await first.started;
    const second = ran(other.open({ op: 'run', ...start }));
    expect(await reasonOf(first.ended)).to.equal('Cancelled');
    expect((await second).stdout).to.equal('once\n');
    expect((await one.run(start)).stdout, 'later').to.equal('once\n');
    expect(await reasonOf(one.open({ op: 'run', ...start, command: 'other' }).ended)).to.equal(
      'CommandExists',
    );
    for (const program of [one, other]) program.leave();
  });

  it('are held back by their follower alone', async () => {
    const [slow, fast] = [await served.program(), await served.program()];
    const start = { id: id(), command: 'head -c 4000000 /dev/zero; echo end >&2' };
    const follower = slow.open({ op: 'run', ...start });
    await follower.started;
    await new Promise((resolve) => setTimeout(resolve, 300));
    const observer = fast.open(
      { op: 'attach', id: start.id, observe: true },
      { output: 0, error: 0, observe: true },
    );
    let seen = 0;
    observer.output.on('data', (chunk: Buffer) => (seen += chunk.length));
    observer.error.resume();
    await until('it is so', () => seen > 0);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(seen).to.be.lessThan(1_000_000);
    const all = ran(follower);
    expect((await all).stdout).to.have.length(4_000_000);
    await observer.ended;
    await until('it is so', () => seen + observer.output.lost === 4_000_000);
    for (const program of [slow, fast]) program.leave();
  });

  it('are not held back by one that only looks on, which is told what it has missed', async () => {
    const [one, other] = [await served.program(), await served.program()];
    const start = { id: id(), command: 'read go; head -c 4000000 /dev/zero' };
    const follower = one.open({ op: 'run', ...start, stdin: true });
    await follower.started;
    const observer = other.open(
      { op: 'attach', id: start.id, observe: true },
      { output: 0, error: 0, observe: true },
    );
    await observer.started;
    const all = ran(follower);
    await follower.input.write(Buffer.from('go\n'));
    expect((await all).stdout).to.have.length(4_000_000);
    const seen = await text(observer.output);
    expect(seen.length + observer.output.lost).to.equal(4_000_000);
    expect(observer.output.lost).to.be.greaterThan(3_000_000);
    expect(await observer.ended).to.have.nested.property('exit.output', 4_000_000);
    for (const program of [one, other]) program.leave();
  });

  it('go on where their follower has left, and end for who comes later', async () => {
    const one = await served.program();
    const start = sh('for i in 1 2 3; do sleep 0.2; echo $i; done; head -c 1000000 /dev/zero; exit 4') as {
      id: string;
    };
    const first = one.open({ op: 'run', ...start });
    await first.started;
    one.send({ type: 'close', stream: first.id });
    await until('it is so', () => served.commands.find(start.id)?.isRunning === false);
    one.leave();
    const other = await served.program();
    const late = await ran(other.open({ op: 'attach', id: start.id }));
    expect(late.exit).to.include({ code: 4, output: 1_000_006 });
    expect(late.started.output).to.be.greaterThan(0);
    expect(late.started.output + late.stdout.length).to.equal(1_000_006);
    expect(await other.ask({ op: 'commands' }))
      .to.have.property('commands')
      .that.deep.includes({
        id: start.id,
        pid: late.started.pid,
        running: false,
      });
    expect(await reasonOf(other.open({ op: 'attach', id: 'nobody' }).ended)).to.equal('CommandMissing');
    other.leave();
  });

  it('read nothing unless they are asked to, take heredocs, and do not wait for who holds their output', async () => {
    const program = await served.program();
    expect((await program.run(sh('read line; echo "<$line>"'))).stdout).to.equal('<>\n');
    expect((await program.run(sh("cat <<'END'\na $b\nEND"))).stdout).to.equal('a $b\n');
    const began = performance.now();
    expect((await program.run(sh('sleep 30 & echo started'))).stdout).to.equal('started\n');
    expect(performance.now() - began).to.be.lessThan(5000);
    program.leave();
  });

  it('keep all bytes as they are', async () => {
    const program = await served.program({ breakAfter: () => ({ bytes: 1000 }) });
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, value) => value));
    const input = Buffer.concat([bytes, Buffer.from([0xc3, 0x28, 0xf0, 0x9f, 0x92]), bytes]);
    const stream = program.open({ op: 'run', ...sh('cat'), stdin: true });
    const all = stream.output.toArray() as Promise<Buffer[]>;
    for (const byte of input) await stream.input.write(Buffer.from([byte]));
    stream.input.end();
    expect(Buffer.concat(await all)).to.deep.equal(input);
    program.leave();
  });

  it('run on a terminal that has a size and listens to Ctrl-C', async () => {
    const program = await served.program();
    const stream = program.open({
      op: 'run',
      ...sh('stty size; read x; stty size; exec sh -c "echo ready; exec sleep 60"'),
      stdin: true,
      pty: { rows: 40, columns: 132 },
    });
    let seen = '';
    stream.output.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    await until('it is so', () => seen.includes('40 132'));
    program.send({ type: 'resize', stream: stream.id, rows: 20, columns: 80 });
    await stream.input.write(Buffer.from('\n'));
    await until('it is so', () => seen.includes('20 80\r\nready'));
    await stream.input.write(Buffer.from([3]));
    expect(await stream.ended).to.have.nested.property('exit.signal', 2);
    program.leave();
  });

  it('end at their timeout whatever they ignore, with what they said', async () => {
    const program = await served.program();
    const { exit, stdout } = await program.run({
      ...sh('trap "" TERM INT HUP; echo before; sleep 60; sleep 60'),
      timeoutMs: 300,
      ending: { scope: 'session', graceMs: 200 },
    });
    expect(exit).to.include({ timedOut: true, signal: 9 });
    expect(stdout).to.equal('before\n');
    program.leave();
  });

  it('are ended by who asks for it', async () => {
    const [one, other] = [await served.program(), await served.program()];
    const start = sh('sleep 60') as { id: string };
    const all = one.run(start);
    await until('it is so', () => served.commands.find(start.id)?.pid !== 0);
    const end = { op: 'end', id: start.id, scope: 'session', graceMs: 1000 } as const;
    expect(await other.ask(end)).to.deep.equal({ left: 0 });
    expect((await all).exit).to.include({ signal: 15 });
    expect(await other.ask(end)).to.deep.equal({ left: 0 });
    for (const program of [one, other]) program.leave();
  });

  it('refuse what does not fit them, and go on', async () => {
    const [one, other] = [await served.program(), await served.program()];
    const start = sh('sleep 0.5; echo done') as { id: string };
    const stream = one.open({ op: 'run', ...start });
    await stream.started;
    await stream.input.write(Buffer.from('x'));
    expect(await reasonOf(stream.ended)).to.equal('BadRequest');
    const observer = other.open({ op: 'attach', id: start.id, observe: true });
    await observer.started;
    other.send({ type: 'signal', stream: observer.id, signal: 9, scope: 'leader' });
    expect(await reasonOf(observer.ended)).to.equal('BadRequest');
    expect((await ran(other.open({ op: 'attach', id: start.id }))).stdout).to.equal('done\n');
    for (const request of [
      { op: 'halt' },
      { op: 'exit', code: 0 },
      { op: 'run', id: 'x', argv: ['id'], stdout: 'log' },
    ])
      expect(await reasonOf(one.open(request).ended)).to.equal('BadRequest');
    expect(await reasonOf(one.run({ ...sh('id'), user: '65000' }))).to.equal('UserForbidden');
    expect(await reasonOf(one.run({ id: id(), argv: ['no-such-program'] }))).to.equal('ProgramMissing');
    for (const program of [one, other]) program.leave();
  });

  it('are 64 at a time at most', async () => {
    const program = await served.program();
    const many = Array.from({ length: 64 }, () => program.open({ op: 'run', ...sh('read x'), stdin: true }));
    await Promise.all(many.map((stream) => stream.started));
    expect(await reasonOf(program.run(sh('id')))).to.equal('TooManyCommands');
    for (const stream of many) stream.input.end();
    await Promise.all(many.map((stream) => stream.ended));
    expect((await program.run(sh('echo again'))).stdout).to.equal('again\n');
    program.leave();
  });

  it('work with files, whose frames pass through', async () => {
    const program = await served.program({ breakAfter: () => ({ frames: 3 }) });
    const contents = Buffer.alloc(1_500_000, 'file contents ');
    const write = program.open({ op: 'write', path: '/tmp/file', mode: 0o640 });
    for (let at = 0; at < contents.length; at += 50_000)
      await write.input.write(contents.subarray(at, at + 50_000));
    write.input.end();
    expect(await write.ended).to.have.property('kind', 'result');
    expect(await program.ask({ op: 'stat', path: '/tmp/file' })).to.include({
      size: contents.length,
      mode: 0o640,
    });
    for (const window of [WINDOW, 8 * WINDOW]) {
      const read = program.open({ op: 'read', path: '/tmp/file' }, { output: 0, error: 0, window });
      expect(Buffer.concat((await read.output.toArray()) as Buffer[]).equals(contents)).to.equal(true);
    }
    expect(await reasonOf(program.ask({ op: 'stat', path: '/tmp/none' }))).to.equal('NotFound');
    expect(await reasonOf(program.ask({ op: 'mkdir', path: '/root/x', user: 'agent' }))).to.equal(
      'NotPermitted',
    );
    program.leave();
  });
});
