import { mkdtempSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { until } from '../../../test/support/kube.ts';
import { fakeBroker, type FakeBroker } from '../../../test/support/sandbox-broker.ts';
import { ran, SandboxProgram } from '../../../test/support/sandbox-program.ts';
import { needSbd, startSbdContainer, type SbdContainer } from '../../../test/support/sbd-container.ts';
import { systemClock } from '../../async/clock.ts';
import type { Hand } from '../hand/hand.ts';
import { openHand } from '../hand/sbd-hand.ts';
import { findings as newFindings } from '../record/findings.ts';
import { Entry, isOwnAddress, type EntryDeps } from './entry.ts';

const ASSIGNMENT = {
  kind: 'pooled' as const,
  image: { user: '', workdir: '/', entrypoint: [], cmd: [] },
  network: { mode: 'Public' as const, enforcement: 'BestEffort' as const, probePort: 9, variables: [] },
};
const DEFAULTS = { user: 'agent', workdir: '/app', env: {} };
const CERTIFICATE = 'POST /v1/trial/certificate';

describe('The door of a Trial', function () {
  let folder: string;
  let pod: SbdContainer;
  let broker: FakeBroker;
  let hand: Hand;
  let notes: string[];
  /** Who had entered whenever something began. */
  let acts: string[][];
  const left: (() => unknown)[] = [];

  before(function () {
    needSbd(this);
  });
  beforeEach(async () => {
    notes = [];
    acts = [];
    folder = mkdtempSync(join(tmpdir(), 'entry-'));
    broker = await fakeBroker(folder, ASSIGNMENT);
    pod = await startSbdContainer();
    const stop = new AbortController();
    hand = openHand({ control: pod.control, own: pod.own, findings: newFindings(), stop: stop.signal });
    await hand.ready();
  });
  afterEach(async () => {
    for (const leave of left.splice(0).toReversed()) await leave();
    hand.close();
    broker.close();
    await pod.remove();
    await rm(folder, { recursive: true });
  });

  const entryWith = async (over: Partial<EntryDeps> = {}): Promise<{ entry: Entry; port: number }> => {
    const { signal: stop } = new AbortController();
    const note = (line: string): void => void notes.push(line);
    const onAct = (callers: readonly string[]): void => void acts.push([...callers]);
    const own = { hand: hand.entry!, broker: broker.settings, clock: systemClock, note, onAct, stop };
    const entry = new Entry({ ...own, port: 0, isOwn: () => false, ...over });
    left.push(() => entry.close());
    return { entry, port: (await entry.open()) ?? 0 };
  };
  const enter = async (port: number, as: { caller?: string } = {}): Promise<SandboxProgram> => {
    const program = await new SandboxProgram({ dial: () => broker.dial(port, as) }).connect();
    left.push(() => program.leave());
    return program;
  };
  /** Connects as somebody who is not the broker, and waits for the end of it. */
  const knock = async (port: number, said?: string): Promise<Socket> => {
    const socket = connect({ port, host: '127.0.0.1' }).on('error', () => {});
    left.push(() => socket.destroy());
    if (said !== undefined) socket.write(said);
    await new Promise((resolve) => socket.resume().once('close', resolve));
    return socket;
  };

  it('lets in whom the broker sends, as the agent where it works, and says in the log who came', async () => {
    const { entry, port } = await entryWith();
    entry.admit(DEFAULTS);
    expect(broker.asked).to.deep.equal([]);
    const program = await enter(port, { caller: 'jane\n' });
    const { stdout } = await program.run({ id: 'a', command: 'id -un; pwd' });
    expect(stdout).to.equal('agent\n/app\n');
    expect((await program.run({ id: 'b', command: 'id -u', user: '0' })).stdout).to.equal('0\n');
    expect(notes).to.deep.equal(['"jane\\n" has entered the task container']);
    expect(acts).to.deep.equal([['jane\n'], ['jane\n']]);
    expect(broker.asked).to.deep.equal([CERTIFICATE]);
  });

  it('lets nobody in before the task container is ready, nor after the end', async () => {
    const { entry, port } = await entryWith();
    await knock(port, 'hello');
    expect(broker.asked).to.deep.equal([]);
    entry.admit(DEFAULTS);
    const program = await enter(port);
    await entry.close();
    await until('it is told', () => program.notices.length > 0);
    const refused = connect({ port, host: '127.0.0.1' });
    const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).to.equal('ECONNREFUSED');
  });

  it('has no ear for whoever connects from within the Pod: not a byte is read, no certificate asked for', async () => {
    const { entry, port } = await entryWith({ isOwn: isOwnAddress });
    entry.admit(DEFAULTS);
    await Promise.all(Array.from({ length: 40 }, () => knock(port, 'x'.repeat(1000))));
    expect(broker.asked).to.deep.equal([]);
    expect(notes).to.deep.equal([]);
  });

  it('lets in nobody with another certificate, or none', async () => {
    const { entry, port } = await entryWith();
    entry.admit(DEFAULTS);
    await knock(port, 'GET / HTTP/1.1\r\n\r\n');
    for (const as of [{ name: 'someone.else.svc' }, { stranger: true }]) {
      const socket = await broker.dial(port, as).catch(() => undefined);
      if (socket && !socket.destroyed)
        await new Promise((resolve) =>
          socket
            .on('error', () => {})
            .resume()
            .once('close', resolve),
        );
    }
    expect(notes).to.deep.equal([]);
  });

  it('lets the broker in while somebody holds all places, and takes another for each that is lost', async () => {
    const { entry, port } = await entryWith();
    entry.admit(DEFAULTS);
    let held = 0;
    const flood = (): void => {
      const socket = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' }, () => (held += 1));
      socket.on('error', () => {}).resume();
      const again = setTimeout(() => socket.once('close', () => setTimeout(flood, 20)), 0);
      left.push(() => (clearTimeout(again), socket.removeAllListeners('close').destroy()));
    };
    for (let index = 0; index < 40; index += 1) flood();
    await until('the places are held', () => held >= 40);
    const program = await enter(port);
    expect((await program.run({ id: 'a', command: 'echo in' })).stdout).to.equal('in\n');
    await until('others have come meanwhile', () => held >= 60);
    expect((await program.run({ id: 'b', command: 'echo still' })).stdout).to.equal('still\n');
  });

  it('tells once why nobody can be let in, however often somebody knocks, and lets them in when that is over', async () => {
    const tokenFile = join(folder, 'other-token');
    await writeFile(tokenFile, 'of nobody');
    const { entry, port } = await entryWith({ broker: { ...broker.settings, tokenFile } });
    entry.admit(DEFAULTS);
    await knock(port);
    await knock(port);
    expect(notes.filter((line) => line.startsWith('somebody could not be let in'))).to.have.length(1);
    await writeFile(tokenFile, 'token');
    expect((await (await enter(port)).run({ id: 'a', command: 'echo in' })).stdout).to.equal('in\n');
  });

  it('is closed, and the Trial goes on, where a program of the task has its port', async () => {
    const other = createServer().listen(0);
    await once(other, 'listening');
    left.push(() => other.close());
    const { port: taken } = other.address() as { port: number };
    const { entry } = await entryWith({ port: taken });
    entry.admit(DEFAULTS);
    expect(notes).to.have.length(1);
    expect(notes[0]).to.match(/^nobody can enter the task container: .*EADDRINUSE/);
    await entry.close();
  });

  it('has whoever is inside begin nothing while files are stored, and ends what they began before', async () => {
    const { entry, port } = await entryWith();
    entry.admit(DEFAULTS);
    const program = await enter(port);
    const before = program.run({ id: 'before', command: 'sleep 300' });
    let said = '';
    while (said === '') {
      const id = `look-${performance.now()}`;
      said = (await program.run({ id, command: 'pgrep -x sleep || true' })).stdout;
    }
    expect(await hand.halt()).to.equal(true);
    const failed = await program.run({ id: 'during', command: 'echo no' }).catch((error: unknown) => error);
    expect(failed).to.include({ reason: 'NotPermitted' });
    const begun = acts.length;
    await hand.resume();
    expect((await program.run({ id: 'again', command: 'echo yes' })).stdout).to.equal('yes\n');
    expect(await hand.freeze()).to.equal(true);
    expect((await before).exit).to.include({ signal: 9 });
    const late = await program
      .run({ id: 'late', command: 'touch /app/late' })
      .catch((error: unknown) => error);
    expect(late).to.include({ reason: 'NotPermitted' });
    expect(acts).to.have.length(begun + 1);
  });

  it('tells the agent’s processes from those of a shell that is open when the tests come', async () => {
    const { entry, port } = await entryWith();
    entry.admit(DEFAULTS);
    const program = await enter(port);
    const agent = { user: 'agent', workdir: '/', env: {}, agent: true };
    await hand.run({ ...agent, argv: ['sh', '-c', 'setsid nohup sleep 300 > /dev/null 2>&1 &'] });
    void program.run({ id: 'shell', command: 'sleep 301; true' }).catch(() => {});
    await program.run({ id: 'left', command: 'sleep 302 > /dev/null 2>&1 & sleep 0.1' });
    let said = '';
    while (!said.includes('\n')) {
      const id = `look-${performance.now()}`;
      said = (await program.run({ id, command: 'pgrep -fx "sleep 301" > /dev/null && echo' })).stdout;
    }
    await writeFile(join(folder, 'test.sh'), '#!/bin/sh\n');
    const tests = { from: folder, script: 'test.sh', to: '/tests' };
    // The shell, and what it runs; what another one has left.
    expect(await hand.stage(tests, { verifier: true, agent: 1000 })).to.deep.equal({
      done: true,
      background: 1,
      guests: 3,
    });
  });

  it('gives nobody the name of a command of the phases', async () => {
    const { entry, port } = await entryWith();
    entry.admit(DEFAULTS);
    const phase = hand.run({ argv: ['sleep', '5'], user: '0', workdir: '/', env: {} }, 60);
    const program = await enter(port);
    const names = ['1', '2', '3'].map((serial) => `sb-${process.pid}-${serial}`);
    for (const id of names) {
      const taken = await program.run({ id, command: 'echo mine' }).catch((error: unknown) => error);
      expect(taken).to.include({ reason: 'BadRequest' });
      const attached = await ran(program.open({ op: 'attach', id })).catch((error: unknown) => error);
      expect((attached as { reason?: string }).reason).to.match(/BadRequest|CommandMissing/);
    }
    expect(await phase).to.include({ kind: 'exited', code: 0 });
  });
});

describe('An address of the Pod', () => {
  it('is one of its interfaces’, or any of loopback, however it is written', () => {
    const own = Object.values(networkInterfaces()).flatMap((all = []) => all.map(({ address }) => address));
    for (const address of [...own, '127.0.0.2', '::ffff:127.0.0.1', '::1'])
      expect(isOwnAddress(address), address).to.equal(true);
    for (const address of ['203.0.113.9', '::ffff:203.0.113.9', '2001:db8::9', '12.7.0.1'])
      expect(isOwnAddress(address), address).to.equal(false);
  });
});
