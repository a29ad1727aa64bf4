import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { buildAttacker } from '../../../../test/support/sbd-container.ts';
import { useSbd } from '../../../../test/support/sbd-courier.ts';

/** What the attacker says where every way is shut. */
const SHUT =
  'mem EACCES\nmaps EACCES\nenviron EACCES\nexe EACCES\ncwd EACCES\nfd none\nptrace EPERM\nseize EPERM\nwritev EPERM\nreadv EPERM\npidfd EPERM\n';

describe('a hostile container', function () {
  const container = useSbd({ each: true });

  for (const user of ['0', 'agent'])
    it(`cannot take over its first process as ${user}`, async () => {
      const { pod, said } = container();
      buildAttacker(pod.tools);
      const { stdout } = await said({ argv: ['/tools/attacker'], user });
      expect(stdout).to.equal(SHUT);
    });

  it('could, if sbd were dumpable: the attacker knows how', async () => {
    const { pod, said } = container();
    buildAttacker(pod.tools);
    const { stdout } = await said({ argv: ['sh', '-c', 'sleep 100 & /tools/attacker $!'] });
    expect(stdout).to.match(/^mem open\nmaps open\n/);
    expect(stdout).to.match(/\npidfd open\n/);
  });

  it('cannot end or halt its first process by any signal, however it is sent', async function () {
    this.timeout(40_000);
    const { said, start } = container();
    const kill = 'for s in $(seq 1 64); do kill -$s 1 2>/dev/null; done';
    await said({ argv: ['bash', '-c', `${kill}; ${kill}`] });
    // A siginfo of the sender's own making, which claims to come from the kernel or from outside.
    const forge = [
      'import ctypes,struct,signal',
      'libc=ctypes.CDLL(None)',
      'nr={"x86_64":129,"aarch64":138}[__import__("os").uname().machine]',
      'for code in (-1,-2,-3,-4,-5,-6,-60):',
      '  for sig in range(1,65):',
      '    info=struct.pack("iiiiii104x",sig,0,code,0,0,0)',
      '    libc.syscall(nr,1,sig,info)',
    ].join('\n');
    for (let i = 0; i < 3; i += 1)
      expect((await said({ argv: ['python3', '-c', forge] })).exit.code).to.equal(0);
    const flood = await start({
      argv: [
        'bash',
        '-c',
        'for i in 1 2 3 4; do while :; do kill -TERM 1; kill -SEGV 1; kill -URG 1; done & done; wait',
      ],
      stdout: 'null',
      stderr: 'null',
    });
    await sleep(500);
    expect((await said({ argv: ['echo', 'well'] })).stdout).to.equal('well\n');
    flood.close();
  });

  it('cannot keep it from starting commands by halting what it starts', async () => {
    const { said, start } = container();
    const stopper = await start({
      argv: ['bash', '-c', 'while :; do kill -STOP -1 2>/dev/null; done'],
      stdout: 'null',
      stderr: 'null',
    });
    await sleep(100);
    const begun = await Promise.race([
      said({ argv: ['/bin/true'] }).then(
        () => 'ran',
        (error: Error) => error.message,
      ),
      sleep(3000, 'hung'),
    ]);
    // Who halts everybody halts that command, too; but it began or was refused, and sbd goes on.
    expect(begun).to.be.a('string');
    stopper.signal(9);
    stopper.close();
    const { hand } = container();
    expect(await hand.freeze()).to.equal(0);
    expect((await said({ argv: ['echo', 'well'] })).stdout).to.equal('well\n');
  });

  it('leaves nobody halted by sbd itself where many commands begin while each is halted', async function () {
    this.timeout(40_000);
    const { said, start } = container();
    const stopper = await start({
      argv: [
        'bash',
        '-c',
        'end=$((SECONDS + 4)); while [ $SECONDS -lt $end ]; do kill -STOP -1 2>/dev/null; done',
      ],
      stdout: 'null',
      stderr: 'null',
    });
    const begun = Array.from({ length: 30 }, () => start({ argv: ['sleep', '100'] }));
    expect((await stopper.exited).code).to.equal(0);
    const ends = await Promise.race([Promise.allSettled(begun), sleep(20_000, [])]);
    // One may have been killed for taking too long; none waits for another.
    expect(ends).to.have.length(30);
    expect((await said({ argv: ['echo', 'well'] })).stdout).to.equal('well\n');
  });

  it('cannot end it by taking every process that the Pod may have', async function () {
    const { canLimitProcesses } = await import('../../../../test/support/task-pod.ts');
    const { hand, pod, said, start } = container();
    if (!canLimitProcesses()) this.skip();
    const folder = `/sys/fs/cgroup/pids/sbd-${pod.pid()}`;
    execFileSync('mkdir', [folder]);
    execFileSync('sh', ['-c', `echo 150 > ${folder}/pids.max; echo ${pod.pid()} > ${folder}/cgroup.procs`]);
    try {
      const bomb = await start({
        argv: ['perl', '-e', 'while (1) { fork }'],
        stdout: 'null',
        stderr: 'null',
      });
      await sleep(1000);
      const refused = await Promise.all(
        Array.from({ length: 8 }, () =>
          said({ argv: ['true'] }).then(
            () => 'ran',
            (error: { reason?: string }) => error.reason,
          ),
        ),
      );
      for (const reason of refused) expect(reason).to.be.oneOf(['TooManyProcesses', 'Killed', 'ran']);
      expect(await hand.freeze()).to.equal(0);
      expect((await said({ argv: ['echo', 'well'] })).stdout).to.equal('well\n');
      bomb.close();
    } finally {
      hand.close();
      await pod.remove();
      execFileSync('rmdir', [folder]);
    }
  });

  it('gets no descriptor of sbd’s', async () => {
    const { said } = container();
    const { stdout } = await said({ argv: ['bash', '-c', 'ls /proc/self/fd | tr "\\n" " "'], stdin: true });
    expect(stdout).to.equal('0 1 2 3 ');
  });

  it('writes into the output of commands of its own user alone, as in any container', async () => {
    const { said, start, text } = container();
    const bash = (line: string): string[] => ['bash', '-c', line];
    const other = await start({
      argv: bash('echo $$ > /tmp/other; read; echo own'),
      user: '1000',
      stdin: true,
    });
    const forge = (user: string) =>
      said({
        argv: bash(
          'until [ -s /tmp/other ]; do sleep 0.01; done; echo "of $(id -u)" > /proc/$(cat /tmp/other)/fd/1',
        ),
        user,
      });
    for (const user of ['0', '1001', '1000']) await forge(user);
    await other.stdin.write(Buffer.from('go on\n'));
    expect(await text(other.stdout)).to.equal('of 1000\nown\n');
    expect((await other.exited).code).to.equal(0);
    other.close();
  });

  it('is reaped', async () => {
    const { said } = container();
    await said({ argv: ['bash', '-c', 'for i in $(seq 1 300); do (setsid true &) ; done'] });
    await sleep(200);
    const { stdout } = await said({
      argv: ['bash', '-c', 'grep -l "^State:.Z" /proc/[0-9]*/status 2>/dev/null | wc -l'],
    });
    expect(stdout.trim()).to.equal('0');
  });
});
