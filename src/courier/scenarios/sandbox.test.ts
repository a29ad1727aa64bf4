import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { useCourierPorts } from '../../../test/support/courier-ports.ts';
import { until } from '../../../test/support/kube.ts';
import { fakeBroker } from '../../../test/support/sandbox-broker.ts';
import type { FakeBroker } from '../../../test/support/sandbox-broker.ts';
import { ran, SandboxProgram } from '../../../test/support/sandbox-program.ts';
import type { Refusal } from '../../../test/support/sandbox-program.ts';
import { needSbd, startSbdContainer } from '../../../test/support/sbd-container.ts';
import type { SbdContainer } from '../../../test/support/sbd-container.ts';
import { systemClock } from '../../async/clock.ts';
import { FORWARDER_PORT } from '../../wire/tunnel.ts';
import type { SandboxAssignment } from '../../wire/sandbox/assignment.ts';
import { runSandbox } from '../sandbox/sandbox.ts';

const ASSIGNMENT: SandboxAssignment = {
  kind: 'sandbox',
  namespace: 'default',
  name: 'box',
  uid: 'uid',
  image: { user: '', workdir: '/app', entrypoint: [], cmd: [] },
  user: 'agent',
  env: { OF: 'sandbox' },
  network: { mode: 'Public', enforcement: 'BestEffort', probePort: 9, variables: [] },
};

interface Courier {
  port: number;
  stop: () => void;
  over: Promise<void>;
  notes: string[];
  messages: string[];
}

describe('The courier of a Sandbox', function () {
  let folder: string;
  let pod: SbdContainer;
  let broker: FakeBroker;
  const couriers: Courier[] = [];

  before(function () {
    needSbd(this);
  });
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sandbox-'));
    broker = await fakeBroker(folder, ASSIGNMENT);
    pod = await startSbdContainer();
  });
  afterEach(async () => {
    for (const courier of couriers.splice(0)) courier.stop();
    broker.close();
    await pod.remove();
    await rm(folder, { recursive: true });
  });

  /** As the kubelet starts it, the first time and again. */
  const start = async (): Promise<Courier> => {
    const { opened, ...courier } = begin();
    const started = { ...courier, port: await opened };
    couriers.push(started);
    return started;
  };
  const begin = (): Omit<Courier, 'port'> & { opened: Promise<number> } => {
    const stop = new AbortController();
    const opened = Promise.withResolvers<number>();
    const [notes, messages]: string[][] = [[], []];
    const over = runSandbox({
      broker: broker.settings,
      control: pod.control,
      own: pod.own,
      stop: stop.signal,
      clock: systemClock,
      note: (line) => void notes?.push(line),
      leaveMessage: (message) => void messages?.push(message),
      port: 0,
      courierUid: 65_000,
      onOpen: ({ port }) => opened.resolve(port),
    });
    over.catch((error: Error) => opened.reject(error));
    return {
      stop: () => stop.abort(),
      over,
      notes: notes ?? [],
      messages: messages ?? [],
      opened: opened.promise,
    };
  };
  const programOn = (courier: () => Courier, as: { caller?: string } = {}): SandboxProgram =>
    new SandboxProgram({ dial: () => broker.dial(courier().port, as) });

  it('lets programs in that the broker sends, and nobody else', async () => {
    const courier = await start();
    const program = await programOn(() => courier).connect();
    const { stdout } = await program.run({ id: 'a', command: 'id -un; pwd; echo $OF' });
    expect(stdout).to.equal('agent\n/app\nsandbox\n');
    for (const as of [{ stranger: true }, { name: 'somebody.else' }]) {
      const socket = await broker.dial(courier.port, as).catch(() => undefined);
      if (socket) await new Promise((resolve) => socket.on('error', () => {}).once('close', resolve));
    }
    expect(broker.asked).to.deep.equal(['GET /v1/sandbox', 'POST /v1/sandbox/certificate']);
    program.leave();
  });

  describe('whose network is a list', () => {
    useCourierPorts();
    const network = { ...ASSIGNMENT.network, mode: 'Allowlist' as const };
    const proxy = `http://127.0.0.1:${FORWARDER_PORT}`;
    let site: Server;

    beforeEach(async () => {
      site = createServer((request, response) => response.end(`${request.headers.host} says hello`));
      site.listen(0, '127.0.0.1');
      await once(site, 'listening');
      const { rules } = broker.tunnels;
      rules.hosts = { 'listed.test:80': (site.address() as AddressInfo).port };
      rules.refusal = ({ authority }) =>
        authority.startsWith('listed.') ? undefined : { status: 403, error: `${authority} is not allowed` };
    });
    afterEach(() => site.close());

    it('gives commands and the entrypoint a proxy that asks the broker, and is gone with it', async () => {
      const entrypoint = ['sh', '-c', 'echo "$http_proxy" > /tmp/entrypoint; exec "$@"', 'entrypoint'];
      broker.assignment = { ...ASSIGNMENT, network, image: { ...ASSIGNMENT.image, entrypoint } };
      const courier = await start();
      const program = await programOn(() => courier).connect();
      const say = async (command: string): Promise<string> =>
        (await program.run({ id: randomUUID(), command })).stdout;
      expect(await say('echo $HTTPS_PROXY $http_proxy $OF; sleep 0.3; cat /tmp/entrypoint')).to.equal(
        `${proxy} ${proxy} sandbox\n${proxy}\n`,
      );
      expect(await say('curl -sS http://listed.test/')).to.equal('listed.test says hello');
      expect(await say('curl -sS http://other.test/')).to.equal('other.test:80 is not allowed\n');
      expect(broker.tunnels.asked.map(({ purpose }) => purpose)).to.deep.equal([
        { kind: 'sandbox' },
        { kind: 'sandbox' },
      ]);
      program.leave();
      courier.stop();
      await courier.over;
      const gone = connect(FORWARDER_PORT, '127.0.0.1');
      const [error] = (await once(gone, 'error')) as [NodeJS.ErrnoException];
      expect(error.code).to.equal('ECONNREFUSED');
    });

    it('leaves a proxy to whoever set one, and gives nobody the token', async () => {
      broker.assignment = {
        ...ASSIGNMENT,
        network: { ...network, variables: ['HTTP_PROXY'] },
        env: { https_proxy: 'http://own.test:1' },
      };
      const courier = await start();
      const program = await programOn(() => courier).connect();
      const command = 'echo "<$HTTP_PROXY> <$http_proxy> <$https_proxy>"; env | grep -c token';
      expect((await program.run({ id: 'a', command })).stdout).to.equal('<> <> <http://own.test:1>\n0\n');
      program.leave();
    });

    it('is in a pool already', async () => {
      broker.assignment = { kind: 'pooled', image: ASSIGNMENT.image, network };
      const starting = start();
      await until('it waits', () => broker.asked.includes('GET /v1/sandbox?wait=30'));
      broker.assignment = { ...ASSIGNMENT, network };
      const courier = await starting;
      const program = await programOn(() => courier).connect();
      const { stdout } = await program.run({ id: 'a', command: 'curl -sS http://listed.test/' });
      expect(stdout).to.equal('listed.test says hello');
      program.leave();
    });
  });

  describe('that has to be held by a policy', () => {
    let probe: Server;
    beforeEach(async () => {
      probe = createServer();
      probe.listen(0, '127.0.0.1');
      await once(probe, 'listening');
      const { port: probePort } = probe.address() as AddressInfo;
      const entrypoint = ['sh', '-c', 'touch /tmp/begun; exec "$@"', 'entrypoint'];
      broker.assignment = {
        ...ASSIGNMENT,
        image: { ...ASSIGNMENT.image, entrypoint },
        network: { mode: 'Public', enforcement: 'Required', probePort, variables: [] },
      };
    });
    afterEach(() => probe.close());

    it('lets nothing run where a port that the policy closes answers, and ends the Pod', async () => {
      const courier = begin();
      await courier.over;
      expect(courier.messages).to.deep.equal(['{"ended":"PolicyNotEnforced"}']);
      expect(courier.notes.join()).to.include('does not enforce').and.not.include('entrypoint started');
      expect(broker.asked).to.deep.equal(['GET /v1/sandbox']);
      await pod.exited;
    });

    it('begins once that port is closed', async () => {
      setTimeout(() => probe.close(), 500);
      const courier = await start();
      const program = await programOn(() => courier).connect();
      expect((await program.run({ id: 'a', command: 'echo $OF' })).stdout).to.equal('sandbox\n');
      program.leave();
    });
  });

  it('waits in a pool until a Sandbox has its Pod', async () => {
    broker.assignment = { kind: 'pooled', image: ASSIGNMENT.image, network: ASSIGNMENT.network };
    const starting = start();
    await until('it waits', () => broker.asked.includes('GET /v1/sandbox?wait=30'));
    broker.assignment = { ...ASSIGNMENT, env: { OF: 'another' } };
    const courier = await starting;
    const program = await programOn(() => courier).connect();
    expect((await program.run({ id: 'a', argv: ['printenv', 'OF'] })).stdout).to.equal('another\n');
    program.leave();
  });

  it('starts the image’s entrypoint once, which is no activity and no program’s', async () => {
    const entrypoint = ['sh', '-c', 'echo begun >> /tmp/entrypoint; exec "$@"', 'entrypoint'];
    broker.assignment = { ...ASSIGNMENT, image: { ...ASSIGNMENT.image, entrypoint }, idleTimeoutSeconds: 3 };
    const first = await start();
    first.stop();
    await first.over;
    const courier = await start();
    const program = await programOn(() => courier).connect();
    expect((await program.run({ id: 'a', command: 'sleep 0.5; cat /tmp/entrypoint' })).stdout).to.equal(
      'begun\n',
    );
    const { commands } = await program.ask({ op: 'commands' });
    expect(commands).to.have.length(1);
    program.leave();
    await courier.over;
    expect(courier.messages).to.have.length(1);
    await pod.exited;
  });

  it('ends the Pod when nobody has used it for long enough, and not while a command runs', async () => {
    broker.assignment = { ...ASSIGNMENT, idleTimeoutSeconds: 1 };
    const courier = await start();
    const program = await programOn(() => courier).connect();
    const began = performance.now();
    const run = await program.run({ id: 'a', command: 'sleep 2.5' });
    expect(run.exit.code).to.equal(0);
    const ended = Date.now();
    await courier.over;
    expect(performance.now() - began).to.be.within(3400, 15_000);
    const [message] = courier.messages.map((text) => JSON.parse(text) as Record<string, string>);
    expect(message?.['ended']).to.equal('Idle');
    expect(Date.parse(message?.['lastActivityTime'] ?? '')).to.be.within(ended - 2000, ended + 500);
    expect(await pod.exited).to.equal(0);
    expect(program.notices).to.have.length(1);
    program.leave();
  });

  it('goes on after it was started again: its commands live, and are read from where a program has come', async () => {
    let courier = await start();
    const program = programOn(() => courier);
    const lost = new Promise<Refusal>((resolve) => (program.onRefused = resolve));
    await program.connect();
    const stream = program.open({
      op: 'run',
      id: 'lives',
      command: 'echo first; read x; echo "then $x"; exit 9',
      stdin: true,
    });
    await stream.started;
    let seen = '';
    stream.output.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    await until('it has begun', () => seen === 'first\n');
    await program.run({ id: 'over', command: 'echo before; exit 3' });
    courier.stop();
    await courier.over;
    courier = await start();
    expect((await lost).reason).to.be.oneOf(['SessionUnknown', 'Stopping']);
    const other = await programOn(() => courier).connect();
    const again = other.open(
      { op: 'attach', id: 'lives', output: seen.length },
      { output: seen.length, error: 0 },
    );
    const { output, input } = await again.started;
    expect({ output, input }).to.deep.equal({ output: 6, input: 0 });
    await again.input.write(Buffer.from('second\n'));
    const all = await ran(again);
    expect(all.stdout).to.equal('then second\n');
    expect(all.exit).to.include({ code: 9, output: 18 });
    const late = await ran(other.open({ op: 'attach', id: 'over' }));
    expect([late.stdout, late.exit.code]).to.deep.equal(['before\n', 3]);
    other.leave();
  });

  it('has no exit for a command whose whole container the kernel ends, as for memory under cgroup v2', async () => {
    const courier = await start();
    const program = await programOn(() => courier).connect();
    const running = program.open({ op: 'run', id: 'a', command: 'echo begun; sleep 60' });
    await running.started;
    process.kill(pod.pid(), 'SIGKILL');
    await courier.over;
    expect(courier.notes.join()).to.include('its container has ended');
    const end = await running.ended.catch((error: unknown) => error);
    expect(end).to.be.instanceOf(Error);
    // Why it ended is the kubelet's to say, and no word of the courier's stands in the way.
    expect(courier.messages).to.deep.equal([]);
    program.leave();
  });

  it('tells programs when the kubelet stops the container, and ends with it', async () => {
    const courier = await start();
    const program = await programOn(() => courier).connect();
    const running = program.open({ op: 'run', id: 'a', command: 'sleep 60' });
    await running.started;
    process.kill(pod.pid(), 'SIGTERM');
    await courier.over;
    expect(program.notices).to.have.length(1);
    expect(await pod.exited).to.equal(143);
    program.leave();
  });
});
