import { expect } from 'chai';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, eventuallyTrue } from '../../../test/support/eventually.ts';
import { folderOf, type Folder } from '../../../test/support/folder.ts';
import { failureOf, world, type World } from '../../../test/support/client/world.ts';
import { testBroker, type TestBroker } from '../../../test/support/sandbox/broker.ts';
import { TestCourier } from '../../../test/support/sandbox/courier.ts';
import { aSandbox } from '../../../test/support/sandbox/objects.ts';
import { recordedIo } from '../../../test/support/terminal/recorded.ts';
import { Sandbox as SandboxKind } from '../../crds/kinds.ts';
import { BROKER, OPERATOR } from '../../installation/names.ts';
import { ConfigMap } from '../../kube/kinds.ts';
import { copy, placeIn } from './copy.ts';
import { exec } from './exec.ts';
import { portForward, portPair } from './port-forward.ts';
import { madeSafe } from './safe-output.ts';
import { commandWish, extensionsOf, wishOf } from './wish.ts';

const { namespace } = OPERATOR;

describe('A command in a Sandbox, from a terminal', () => {
  let w: World;
  let courier: TestCourier;
  let broker: TestBroker;
  let folder: Folder;
  let io: ReturnType<typeof recordedIo>;
  let typed: PassThrough & { isTTY?: boolean; setRawMode?: (raw: boolean) => unknown };
  let written: Buffer[];
  let modes: boolean[];
  let press: () => void;

  beforeEach(async () => {
    folder = await folderOf({ 'root/app/file': 'there', 'here/a': 'mine' });
    courier = new TestCourier(join(folder.path, 'root'));
    [w, broker] = await Promise.all([world(), testBroker(courier)]);
    w.session.env = { SB_BROKER_URL: broker.url };
    w.haveOf(SandboxKind, aSandbox());
    w.haveOf(ConfigMap, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace, name: BROKER.authority },
      data: { 'ca.crt': broker.ca },
    });
    typed = new PassThrough();
    written = [];
    modes = [];
    typed.setRawMode = (raw) => modes.push(raw);
    const stdout = new PassThrough().on('data', (chunk: Buffer) => written.push(chunk));
    const listeners = new Set<() => void>();
    press = () => listeners.forEach((listener) => listener());
    io = recordedIo({
      cwd: folder.path,
      env: { TERM: 'xterm' },
      streams: { stdin: typed, stdout, stderr: new PassThrough().resume() },
      onInterrupt: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    });
  });
  afterEach(async () => {
    courier.close();
    broker.close();
    await w.close();
    await folder.remove();
  });

  const out = (): string => Buffer.concat(written).toString('latin1');
  const run = (command: string | string[], over: Partial<Parameters<typeof exec>[1]> = {}): Promise<number> =>
    exec(w.session, { io, sandbox: 'box', command, tty: false, input: false, ...over });

  it('has its exit code, and its bytes as they are for a pipe', async () => {
    expect(await run("printf '\\033[31m\\377'; exit 7")).to.equal(7);
    expect(out()).to.equal('\x1b[31m\xff');
  });

  it('writes nothing that a terminal would act on to a terminal', async () => {
    Object.assign(io.terminal, { outIsTTY: true });
    expect(await run("printf '\\033]0;title\\007plain\\n'")).to.equal(0);
    expect(out()).to.equal('plain\n');
  });

  it('gets what is piped here, to its end', async () => {
    typed.end('x'.repeat(300_000));
    expect(await run('wc -c', { input: true })).to.equal(0);
    expect(out().trim()).to.equal('300000');
  });

  it('exits with 124 where its time is over', async () => {
    expect(await run('sleep 60', { timeoutMs: 200 })).to.equal(124);
  });

  it('is ended by Ctrl-C', async () => {
    const running = run('sleep 60');
    await eventuallyTrue('it runs', () => courier.commands.size === 1);
    await sleep(100);
    press();
    expect(await running).to.equal(130);
    const [command] = [...courier.commands.values()];
    expect(command?.child.signalCode).to.equal('SIGKILL');
  });

  it('on a terminal has every key, and leaves the terminal as it was', async () => {
    Object.assign(io.terminal, { input: true });
    const running = run('head -c 4 | od -An -tx1', { tty: true, input: true });
    await eventuallyTrue('it runs', () => courier.commands.size === 1);
    typed.write('\x03\x1aab');
    expect(await running).to.equal(0);
    expect(out().trim()).to.equal('03 1a 61 62');
    expect(modes).to.deep.equal([true, false]);
    const [start] = courier.requests;
    expect(start).to.deep.include({ pty: { rows: 24, columns: 80 }, env: { TERM: 'xterm' } });
  });

  it('on a terminal loses nothing of 10 MB that are pasted', async function () {
    this.timeout(60_000);
    Object.assign(io.terminal, { input: true });
    const running = run('head -c 10000000 | cksum', { tty: true, input: true });
    typed.write(Buffer.alloc(10_000_000, 'paste '));
    expect(await running).to.equal(0);
    expect(out()).to.match(/ 10000000\n$/);
  });

  it('on a terminal is told of its end, and the terminal is as it was, where contact is lost', async () => {
    Object.assign(io.terminal, { input: true });
    const running = failureOf(run('sleep 60', { tty: true, input: true }));
    await eventuallyTrue('it runs', () => courier.commands.size === 1);
    broker.refusals.push({ status: 404, refusal: { error: 'gone', reason: 'NoSuchSandbox' } });
    courier.tokenMs = 0;
    courier.commands.clear();
    courier.restart();
    expect((await running).code).to.be.oneOf(['SB-E102', 'SB-E103']);
    expect(modes.at(-1)).to.equal(false);
  });

  it('is refused a terminal where there is none here', async () => {
    expect((await failureOf(run('sh', { tty: true }))).code).to.equal('SB-E095');
  });

  it('reaches a port of it under one of this machine until Ctrl-C, and says which', async () => {
    const server = createServer((socket) => void socket.end('from within'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port: remote } = server.address() as AddressInfo;
    const forwarding = portForward(w.session, { io, sandbox: 'box', ports: [{ local: 0, remote }] });
    try {
      const local = await eventually(
        'it says the port',
        () => /127\.0\.0\.1:(\d+) to/.exec(io.terminal.stdout)?.[1],
      );
      const reach = () => text(connect({ host: '127.0.0.1', port: Number(local) }));
      expect(await reach()).to.equal('from within');
      const taken = portForward(w.session, { io, sandbox: 'box', ports: [{ local: Number(local), remote }] });
      expect(await failureOf(taken)).to.include({
        code: 'SB-E036',
        why: `port ${local} of this machine is taken by another program`,
      });
      server.close();
      await reach().catch(() => undefined);
      await eventuallyTrue('it says why not', () => io.terminal.stderr.includes('ConnectionRefused'));
      press();
      expect(await forwarding).to.equal(130);
      const refused = await reach().catch((error: NodeJS.ErrnoException) => error.code);
      expect(refused).to.equal('ECONNREFUSED');
    } finally {
      server.close();
    }
  });

  it('copies files and folders both ways', async () => {
    const cp = (from: string, to: string): Promise<void> => copy(w.session, { io, from, to });
    await cp('here', 'box:/new');
    expect(readFileSync(join(folder.path, 'root/new/a'), 'utf8')).to.equal('mine');
    await cp('here/a', 'box:/app');
    expect(readFileSync(join(folder.path, 'root/app/a'), 'utf8')).to.equal('mine');
    await cp('box:/app', 'back');
    expect(readFileSync(join(folder.path, 'back/file'), 'utf8')).to.equal('there');
    mkdirSync(join(folder.path, 'into'));
    await cp('box:/app/file', 'into');
    expect(readFileSync(join(folder.path, 'into/file'), 'utf8')).to.equal('there');
    await cp('box:/app/file', '-');
    expect(out()).to.equal('there');
    typed.end('from stdin');
    await cp('-', 'box:/typed');
    expect(readFileSync(join(folder.path, 'root/typed'), 'utf8')).to.equal('from stdin');
    writeFileSync(join(folder.path, 'odd:name'), '');
    for (const [from, to] of [
      ['here', 'there'],
      ['box:/a', 'box:/b'],
      ['here', 'box:relative'],
    ] as const)
      expect((await failureOf(cp(from, to))).code).to.equal('SB-E001');
  });
});

describe('What is typed of a Sandbox', () => {
  it('is a port, or two', async () => {
    const pairs = ['8080', '18080:8080', ':8080', '0:1', '65535:65535'].map((typed) =>
      portPair(typed, 'box'),
    );
    expect(pairs.map(({ local, remote }) => [local, remote])).to.deep.equal([
      [8080, 8080],
      [18_080, 8080],
      [0, 8080],
      [0, 1],
      [65_535, 65_535],
    ]);
    for (const typed of ['0', '65536', '70000:80', '80:', 'a:80', '10.0.0.1:80', '1:2:3', '-1', ' 80', ''])
      expect((await failureOf(Promise.resolve().then(() => portPair(typed, 'box')))).code, typed).to.equal(
        'SB-E036',
      );
  });

  it('is a place in one, or a path here', () => {
    expect(placeIn('box:/app')).to.deep.equal({ sandbox: 'box', path: '/app' });
    expect(placeIn('./odd:name')).to.equal(undefined);
    expect(placeIn('/a:b')).to.equal(undefined);
  });

  it('becomes what is created', () => {
    const wish = wishOf(
      {
        name: 'box',
        image: 'debian:13',
        memory: '4Gi',
        env: ['A=b=c', 'HOME'],
        envSecret: ['KEY=keys/model'],
        volume: ['home:/root:10Gi'],
        ttl: '8h',
        idleTimeout: '30m',
      },
      { HOME: '/home/jane' },
    );
    expect(wish).to.deep.equal({
      executionBackend: 'kubernetes',
      name: 'box',
      image: 'debian:13',
      resources: { limits: { memory: '4Gi' } },
      env: { A: 'b=c', HOME: '/home/jane', KEY: { secret: 'keys', key: 'model' } },
      volumes: [{ name: 'home', mountPath: '/root', size: '10Gi', accessMode: 'ReadWriteOnce' }],
      ttlSeconds: 28_800,
      idleTimeoutSeconds: 1800,
    });
  });

  it('has the network that is named, and a list where hosts are', () => {
    const networkOf = (flags: object) => wishOf({ image: 'a', ...flags }, {}).network;
    expect(networkOf({})).to.equal(undefined);
    expect(networkOf({ network: 'None' })).to.deep.equal({ mode: 'None', enforcement: 'BestEffort' });
    expect(networkOf({ allowHost: ['pypi.org', '*.test'] })).to.deep.equal({
      mode: 'Allowlist',
      allowedHosts: ['pypi.org', '*.test'],
      enforcement: 'BestEffort',
    });
  });

  it('is refused where it means nothing', async () => {
    for (const flags of [
      {},
      { image: 'a', pool: 'b' },
      { image: 'a', env: ['NONE'] },
      { image: 'a', envSecret: ['KEY=secret'] },
      { image: 'a', volume: ['data'] },
    ])
      expect((await failureOf(Promise.resolve().then(() => wishOf(flags, {})))).code).to.equal('SB-E036');
  });

  it('says how a command is run, and for how long a Sandbox lives on', () => {
    expect(commandWish({ user: '0', cwd: '/app', env: ['A=1'], timeout: '90s' }, {})).to.deep.equal({
      user: '0',
      cwd: '/app',
      env: { A: '1' },
      timeoutMs: 90_000,
    });
    expect(extensionsOf({ forTime: '2h', idleTimeout: '30m' })).to.deep.equal([
      { forMs: 7_200_000 },
      { idleTimeoutSeconds: 1800 },
    ]);
  });
});

describe('Output for a terminal', () => {
  const shown = async (...chunks: (string | number)[]): Promise<string[]> => {
    async function* source(): AsyncGenerator<Buffer> {
      for (const chunk of chunks)
        if (typeof chunk === 'number') await sleep(chunk);
        else yield Buffer.from(chunk, 'latin1');
    }
    return Array.fromAsync(madeSafe(source()));
  };

  it('has no sequence, wherever it is cut', async () => {
    expect((await shown('a\x1b[3', '1mb\n', 'c\x1b]0;t', 'itle\x07d\n')).join('')).to.equal('ab\ncd\n');
  });

  it('shows a question before its answer, and characters in whole', async () => {
    const question = await shown('name? ', 400, 'gr\xc3', '\xbc\xc3\x9fe\n');
    expect(question).to.deep.equal(['name? ', 'grüße\n']);
  });
});
