import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { useSbd } from '../../../../test/support/sbd-courier.ts';
import type { SbdWorld } from '../../../../test/support/sbd-courier.ts';
import { beating } from '../../../../test/support/trial-scripts.ts';

const bash = (script: string) => ['bash', '-c', script];

/** Who lives in the container, by the arguments of their commands. */
async function living({ hand }: SbdWorld, pattern: RegExp): Promise<string[]> {
  const found: string[] = [];
  for (const { name } of await hand.list({ path: '/proc' })) {
    if (!/^\d+$/.test(name)) continue;
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of hand.readFile({ path: `/proc/${name}/cmdline` }))
        chunks.push(chunk as Buffer);
    } catch {
      continue;
    }
    const words = Buffer.concat(chunks).toString().replaceAll('\0', ' ').trim();
    if (pattern.test(words)) found.push(words);
  }
  return found;
}

describe('commands that run out of time', function () {
  const container = useSbd({ each: true });
  const script = 'sleep 101 & nohup sleep 102 & setsid sleep 103 & (sleep 104 &) ; echo begun; wait';

  const cases: ['family' | 'session' | 'strict', string[]][] = [
    ['family', ['sleep 102', 'sleep 103', 'sleep 104']],
    ['session', []],
    ['strict', []],
  ];
  for (const [scope, left] of cases)
    it(`are ended with their ${scope}, and say so`, async () => {
      const world = container();
      const other = await world.start({ argv: bash('sleep 109 & wait') });
      const { exit, stdout } = await world.said({
        argv: bash(script),
        timeoutMs: 500,
        ending: { scope, graceMs: 1000 },
      });
      expect(stdout).to.equal('begun\n');
      expect(exit).to.include({ signal: 15, timedOut: true });
      expect((await living(world, /^sleep 10[1-8]/)).toSorted()).to.deep.equal(left);
      expect(await living(world, /^sleep 109/)).to.have.length(1);
      other.close();
    });

  it('get KILL where they ignore TERM', async () => {
    const { said } = container();
    const argv = bash('trap "" TERM; while :; do sleep 0.1; done');
    const began = performance.now();
    expect(
      (await said({ argv, timeoutMs: 200, ending: { scope: 'session', graceMs: 300 } })).exit,
    ).to.include({
      signal: 9,
      timedOut: true,
    });
    expect(performance.now() - began).to.be.within(400, 4000);
  });

  it('are ended where they fork as fast as they can', async () => {
    const world = container();
    const argv = [
      'perl',
      '-e',
      '$SIG{CHLD}="IGNORE"; while (1) { fork and select(undef,undef,undef,0.001) }',
    ];
    const limits = { nproc: 300 };
    const ending = { scope: 'session' as const, graceMs: 0 };
    const { exit } = await world.said({ argv, user: 'agent', limits, timeoutMs: 300, ending });
    expect(exit.timedOut).to.equal(true);
    expect(await living(world, /perl/)).to.deep.equal([]);
  });
});

describe('freezing', function () {
  const container = useSbd({ each: true });

  it('ends everybody, and opens the logs', async () => {
    const world = container();
    const script =
      'mkdir -p /logs/agent; echo x > /logs/agent/secret; chmod 700 /logs/agent; chmod 0 /logs/agent/secret; setsid nohup sleep 100 & (sleep 100 &) ; kill -STOP $$';
    const running = await world.start({ argv: bash(script) });
    running.stdout.resume();
    running.stderr.resume();
    await sleep(300);
    expect(await world.hand.freeze()).to.equal(0);
    expect(await living(world, /sleep|bash/)).to.deep.equal([]);
    expect(await running.exited).to.include({ signal: 9 });
    expect((await world.hand.stat({ path: '/logs/agent/secret' })).mode).to.equal(0o444);
    expect((await world.hand.stat({ path: '/logs/agent' })).mode).to.equal(0o755);
  });

  it('ends those who fork faster than anybody can look', async () => {
    const world = container();
    const chain = 'for (1..200000) { exit if fork }';
    const storm = 'for i in 1 2 3 4; do setsid bash -c "while :; do (: &) ; done" & done; wait';
    const first = await world.start({ argv: ['perl', '-e', chain], stdout: 'null', stderr: 'null' });
    const second = await world.start({ argv: bash(storm), stdout: 'null', stderr: 'null' });
    await sleep(300);
    expect(await world.hand.freeze()).to.equal(0);
    expect(await living(world, /perl|bash/)).to.deep.equal([]);
    for (const running of [first, second]) running.close();
  });

  it('sees a process whose first thread has ended', async () => {
    const world = container();
    // A leader that is a zombie while its other thread lives on, as everything that lists processes by their state overlooks.
    const python =
      'import threading,time,ctypes;threading.Thread(target=time.sleep,args=(100,)).start();ctypes.CDLL(None).syscall(60,0)';
    const hidden = await world.start({ argv: ['python3', '-c', python], marks: true });
    await sleep(500);
    await world.hand.whileHalted({}, async ({ left }) => expect(left).to.equal(1));
    expect(await world.hand.freeze()).to.equal(0);
    hidden.close();
  });
});

describe('halting', function () {
  const container = useSbd({ each: true });
  const clock = (name: string) => bash(beating(`/tmp/${name}`));

  async function moves({ said }: SbdWorld, name: string): Promise<boolean> {
    const { stdout } = await said({
      argv: bash(
        `a=$(cat /tmp/${name}); for i in 1 2 3 4 5; do sleep 0.2; [ "$a" != "$(cat /tmp/${name})" ] && echo yes && break; done`,
      ),
    });
    return stdout === 'yes\n';
  }

  it('halts everybody, counts what the agent has left, and lets them go on', async () => {
    const world = container();
    await world.start({ argv: clock('image'), stdout: 'null', stderr: 'null' });
    expect(await moves(world, 'image')).to.equal(true);
    await world.said({
      argv: bash(`setsid bash -c '${beating('/tmp/agent')}' & until [ -e /tmp/agent ]; do sleep 0.1; done`),
      marks: true,
      user: 'agent',
      stdout: 'null',
      stderr: 'null',
    });
    await world.hand.whileHalted({ agentUid: 1000 }, async ({ left }) => {
      expect(left).to.be.within(1, 2);
      const before = (await world.hand.stat({ path: '/tmp/image' })).modified;
      await sleep(200);
      expect((await world.hand.stat({ path: '/tmp/image' })).modified).to.equal(before);
    });
    expect(await moves(world, 'image')).to.equal(true);
    expect(await moves(world, 'agent')).to.equal(true);
    await world.hand.whileHalted({ agentUid: 1000, left: 'end' }, async ({ left }) =>
      expect(left).to.equal(0),
    );
    expect(await moves(world, 'image')).to.equal(true);
    expect(await moves(world, 'agent')).to.equal(false);
  });

  it('lasts until they may go on, with readable logs meanwhile', async () => {
    const world = container();
    await world.start({ argv: clock('image'), stdout: 'null', stderr: 'null' });
    expect(await moves(world, 'image')).to.equal(true);
    await world.said({ argv: bash('mkdir -m 0 /logs/x; umask 777; echo 1 > /logs/y') });
    expect(await world.hand.halt()).to.equal(0);
    const { statSync } = await import('node:fs');
    expect(statSync(`${world.pod.logs}/x`).mode & 0o777).to.equal(0o555);
    expect(statSync(`${world.pod.logs}/y`).mode & 0o777).to.equal(0o444);
    const before = (await world.hand.stat({ path: '/tmp/image' })).modified;
    await sleep(200);
    expect((await world.hand.stat({ path: '/tmp/image' })).modified).to.equal(before);
    expect(await world.hand.resume()).to.equal(true);
    expect(await moves(world, 'image')).to.equal(true);
    expect(await world.hand.resume(), 'they go on already').to.equal(false);
  });

  it('left those halted for ever who waited for a child to become another program, as a shell does for each command', async () => {
    const world = container();
    const spawn = [
      'import os',
      "os.mkfifo('/tmp/gate')",
      "gate = [(os.POSIX_SPAWN_OPEN, 0, '/tmp/gate', os.O_RDONLY, 0)]",
      "os.posix_spawn('/bin/true', ['true'], {}, file_actions=gate)",
    ].join('\n');
    const spawning = await world.start({ argv: ['python3', '-c', spawn], stdout: 'null', stderr: 'null' });
    await world.said({ argv: bash('until grep -qs "^State:.D" /proc/[0-9]*/status; do sleep 0.1; done') });
    await world.hand.whileHalted({}, async () => {});
    await world.said({ argv: bash('echo > /tmp/gate') });
    expect(await Promise.race([spawning.exited, sleep(10_000, 'still halted')])).to.include({ code: 0 });
  });

  it('leaves those halted who were', async () => {
    const world = container();
    const stopped = await world.start({ argv: bash('kill -STOP $$; echo woken') });
    stopped.stderr.resume();
    await sleep(100);
    await world.hand.whileHalted({}, async () => {});
    const first = await Promise.race([world.text(stopped.stdout), sleep(300, 'still')]);
    expect(first).to.equal('still');
    stopped.signal(18);
    expect(await stopped.exited).to.include({ code: 0 });
  });

  it('counts those who fork faster than anybody can look', async () => {
    const world = container();
    const argv = bash(`setsid perl -e 'for (1..100000) { exit if fork }' & sleep 0.2`);
    await world.said({ argv, marks: true, user: 'agent', stdout: 'null', stderr: 'null' });
    await world.hand.whileHalted({ agentUid: 1000 }, async ({ left }, killLeft) => {
      expect(left).to.be.greaterThan(0);
      await killLeft();
    });
  });

  it('ends with the connection', async () => {
    const world = container();
    await world.start({ argv: clock('image'), stdout: 'null', stderr: 'null' });
    expect(await moves(world, 'image')).to.equal(true);
    const { openSbd, runners } = await import('../../../../test/support/sbd-courier.ts');
    void world.hand.whileHalted({}, () => new Promise(() => {})).catch(() => {});
    await sleep(200);
    world.hand.close();
    const next = openSbd(world.pod, world.strangers);
    await next.ready();
    expect(await moves({ ...world, ...runners(next) }, 'image')).to.equal(true);
    next.close();
  });
});

describe('the end of the container', function () {
  const container = useSbd({ each: true });

  it('comes when the courier orders it, with its exit code', async () => {
    const { hand, pod, start } = container();
    (await start({ argv: ['sleep', '100'] })).stdout.resume();
    hand.exit(42);
    expect(await pod.exited).to.equal(42);
  });

  it('comes when the kubelet orders it, and the courier is told', async () => {
    const { hand, pod, start } = container();
    await start({
      argv: bash('trap "" TERM; mkdir /logs/x; chmod 0 /logs/x; while :; do sleep 1; done'),
      stdout: 'null',
      stderr: 'null',
    });
    await sleep(200);
    process.kill(pod.pid(), 'SIGTERM');
    expect(await pod.exited).to.equal(143);
    expect(hand.toldToStop()).to.equal(true);
    const { statSync } = await import('node:fs');
    expect(statSync(`${pod.logs}/x`).mode & 0o777).to.equal(0o555);
  });
});
