import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { until } from '../../../../test/support/kube.ts';
import { useSbd } from '../../../../test/support/sbd-courier.ts';
import { Refused } from '../../../hand/stream.ts';

const sh = (script: string) => ['sh', '-c', script];

describe('commands that sbd runs', function () {
  const container = useSbd();

  it('keep stdout and stderr apart, and say how they ended', async () => {
    const { hand, said } = container();
    const { exit, stdout, stderr } = await said({ argv: sh('echo out; echo err >&2; exit 3') });
    expect({ stdout, stderr }).to.deep.equal({ stdout: 'out\n', stderr: 'err\n' });
    expect(exit).to.deep.equal({ code: 3, timedOut: false, oomKills: 0, output: 4, error: 4 });
    expect((await said({ argv: sh('kill -9 $$') })).exit).to.include({ signal: 9 });
    expect(await hand.commands()).to.deep.equal([]);
  });

  it('run as their user, with its groups and home, in their directory, with their variables', async () => {
    const { said } = container();
    const script = 'id; echo "$HOME|$A|$HOSTNAME|$PWD"; umask; bash -c "ulimit -u"; echo $0';
    const env = { A: "it's\n$HOME" };
    const limits = { nproc: 16384 };
    const { stdout } = await said({
      argv: sh(script),
      user: 'agent',
      workdir: '/app',
      env,
      limits,
      umask: 0o27,
    });
    expect(stdout).to.equal(
      "uid=1000(agent) gid=1000(agent) groups=1000(agent),2000(helpers)\n/home/agent|it's\n$HOME|pod|/app\n0027\n16384\nsh\n",
    );
    expect((await said({ argv: ['id'], user: '4321:1234' })).stdout).to.equal(
      'uid=4321 gid=1234 groups=1234\n',
    );
    expect((await said({ argv: ['env'], cleanEnv: true })).stdout).to.equal('HOME=/root\n');
  });

  it('take a window of input from whoever attaches, whatever still waits to be read', async () => {
    const { hand, text } = container();
    const first = await hand.run({ id: 'waiting', argv: sh('sleep 0.5; cat | wc -c'), stdin: true });
    const window = Buffer.alloc(64 * 1024);
    await first.stdin.write(window);
    const { started, stdin, stdout, exited } = await hand.attach({ id: 'waiting' });
    expect(started.input).to.equal(window.length);
    await stdin.write(window);
    stdin.end();
    expect(await text(stdout)).to.equal('131072\n');
    expect(await exited).to.include({ code: 0 });
  });

  it('can be given another name, fewer capabilities and no new privileges', async () => {
    const { said } = container();
    const argv = sh('echo $0; grep -E "CapBnd|CapEff|NoNewPrivs" /proc/self/status | cut -f 2');
    const first = (await said({ argv })).stdout.split('\n');
    expect(first.slice(1, 4)).to.deep.equal(['00000000a00425fb', '00000000a00425fb', '0']);
    const dropped = await said({ argv, name: 'other', dropCapabilities: ['ALL'], noNewPrivileges: true });
    expect(dropped.stdout.split('\n').slice(1, 4)).to.deep.equal([
      '0000000000000000',
      '0000000000000000',
      '1',
    ]);
    const name = ['/bin/bash', '-c', 'tr "\\0" " " </proc/$$/cmdline; :', 'x'];
    expect((await said({ argv: name, name: 'other' })).stdout).to.match(/^other -c/);
  });

  const refused: [string, string, object][] = [
    ['user', 'UserMissing', { user: 'nobody-here' }],
    ['directory', 'WorkdirMissing', { workdir: '/etc/passwd' }],
    ['interpreter', 'InterpreterMissing', { interpreter: '/bin/none' }],
    ['program', 'ProgramMissing', { argv: ['/bin/none'] }],
    ['program in PATH', 'ProgramMissing', { argv: ['none'] }],
    ['right to run it', 'NotExecutable', { argv: ['/etc/passwd'] }],
    ['room for its arguments', 'TooLarge', { argv: ['/bin/true', 'x'.repeat(900_000)] }],
    ['name', 'BadRequest', { id: '../x' }],
    ['known limit', 'BadRequest', { limits: { none: 1 } }],
  ];
  for (const [what, reason, over] of refused)
    it(`are refused without their ${what}`, async () => {
      const { hand } = container();
      const error = await hand
        .run({ id: 'refused', argv: ['true'], ...over })
        .catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(Refused).and.include({ reason });
    });

  it('are refused as the courier’s own user', async () => {
    const { hand } = container();
    const error = await hand.check({ user: '65000' }).catch((thrown: unknown) => thrown);
    expect(error).to.include({ reason: 'UserForbidden' });
    expect(await hand.check({ user: 'agent', workdir: '/' })).to.deep.equal({
      uid: 1000,
      gid: 1000,
      home: '/home/agent',
      path: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    });
  });

  it('get a shell where the image has one', async () => {
    const { said } = container();
    const launchers = [['/bin/none'], ['/bin/bash']];
    expect((await said({ argv: ['-c', 'echo $BASH'], launchers })).stdout).to.equal('/bin/bash\n');
  });

  it('have a name once', async () => {
    const { hand } = container();
    const running = await hand.run({ id: 'once', argv: ['sleep', '100'] });
    const again = await hand.run({ id: 'once', argv: ['true'] }).catch((thrown: unknown) => thrown);
    expect(again).to.include({ reason: 'CommandExists' });
    running.signal(15);
    expect(await running.exited).to.include({ signal: 15 });
    running.close();
  });

  it('read nothing unless they are asked to, and then every byte', async () => {
    const { hand, said, text } = container();
    expect((await said({ argv: ['cat'] })).exit).to.include({ code: 0, output: 0 });
    const running = await hand.run({ id: 'cat', argv: ['sha256sum'], stdin: true });
    const hash = text(running.stdout);
    running.stderr.resume();
    for (let i = 0; i < 100; i += 1) await running.stdin.write(Buffer.alloc(10_000, i));
    running.stdin.end();
    expect((await running.exited).code).to.equal(0);
    const { createHash } = await import('node:crypto');
    const whole = createHash('sha256');
    for (let i = 0; i < 100; i += 1) whole.update(Buffer.alloc(10_000, i));
    expect(await hash).to.equal(`${whole.digest('hex')}  -\n`);
    running.close();
  });

  it('do not keep whoever writes to one that reads nothing', async () => {
    const { hand } = container();
    const running = await hand.run({ id: 'deaf', argv: ['sleep', '0.3'], stdin: true });
    expect(await running.stdin.write(Buffer.alloc(1_000_000))).to.equal(false);
    running.close();
  });

  it('have a terminal of the right size that belongs to their user', async () => {
    const { hand } = container();
    const argv = sh('stty -echo; stty size; read line; stty size; echo "$line" > "$(tty)"');
    const pty = { rows: 40, columns: 132 };
    const running = await hand.run({ id: 'pty', argv, user: 'agent', stdin: true, pty });
    let shown = '';
    for await (const chunk of running.stdout) {
      if (shown === '') {
        running.resize({ rows: 50, columns: 100 });
        await running.stdin.write(Buffer.from('hello\n'));
      }
      shown += String(chunk).replaceAll('\r', '');
    }
    expect(shown).to.equal('40 132\n50 100\nhello\n');
    expect((await running.exited).code).to.equal(0);
    running.close();
  });

  it('are interrupted from their terminal', async () => {
    const { hand } = container();
    const running = await hand.run({
      id: 'int',
      argv: ['sleep', '100'],
      stdin: true,
      pty: { rows: 1, columns: 1 },
    });
    running.stdout.resume();
    await running.stdin.write(Buffer.from([3]));
    expect(await running.exited).to.include({ signal: 2 });
    running.close();
  });

  it('end when their leader ends, though others hold the output', async () => {
    const { said } = container();
    const began = performance.now();
    const { exit, stdout } = await said({
      argv: sh('(sleep 30; echo late) & echo early; head -c 60000 /dev/zero'),
    });
    expect(performance.now() - began).to.be.lessThan(5000);
    expect(exit.code).to.equal(0);
    expect(stdout).to.have.length(60_006);
  });

  it('are stopped by a slow reader, and lose nothing by it', async () => {
    const { hand, text } = container();
    const argv = sh('head -c 3000000 /dev/zero; echo done > /tmp/written');
    const running = await hand.run({ id: 'slow', argv });
    running.stderr.resume();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await hand.stat({ path: '/tmp/written' }).catch((error: Refused) => error.reason)).to.equal(
      'NotFound',
    );
    expect(await text(running.stdout)).to.have.length(3_000_000);
    expect(await running.exited).to.include({ code: 0, output: 3_000_000 });
    running.close();
  });

  it('write to a file that leads through no link, and to the log', async () => {
    const { said, hand, pod } = container();
    await hand.mkdir({ path: '/logs/agent', mode: 0o777 });
    await said({ argv: sh('ln -s /etc/planted /logs/agent/out; mkdir -p /logs/agent/err/x'), user: 'agent' });
    const start = { stdout: { file: '/logs/agent/out' }, stderr: { file: '/logs/agent/err' } };
    await said({ argv: sh('echo to the file; echo other >&2'), user: 'agent', ...start });
    await said({ argv: ['cat', '/logs/agent/out', '/logs/agent/err'], stdout: { file: '/logs/agent/both' } });
    expect((await hand.stat({ path: '/logs/agent/out' })).kind).to.equal('file');
    expect((await said({ argv: ['cat', '/logs/agent/both'] })).stdout).to.equal('to the file\nother\n');
    await said({ argv: ['echo', 'to the log'], stdout: 'log' });
    // Here it comes through a pipe of its own.
    await until('the log', () => pod.output().includes('to the log'));
    expect(pod.output()).to.match(/to the file\n[^]*to the log\n/);
  });

  it('leave SIGINT and SIGPIPE as they are', async () => {
    const { said } = container();
    expect(
      (await said({ argv: sh('grep -E "SigIgn|SigBlk" /proc/self/status | cut -f 2') })).stdout,
    ).to.equal('0000000000000000\n0000000000000000\n');
  });

  it('are killed for memory sooner than sbd', async () => {
    const { said, pod } = container();
    const own = Number(readFileSync(`/proc/${pod.pid()}/oom_score_adj`, 'utf8'));
    const { stdout } = await said({ argv: ['cat', '/proc/self/oom_score_adj'], user: 'agent' });
    expect(Number(stdout)).to.equal(Math.min(own + 100, 1000));
  });

  it('run a hundred at a time', async () => {
    const { said } = container();
    const all = await Promise.all(Array.from({ length: 100 }, (_, i) => said({ argv: sh(`echo ${i}`) })));
    expect(all.map(({ stdout }) => Number(stdout))).to.deep.equal(Array.from({ length: 100 }, (_, i) => i));
  });

  it('hold no more memory than they may, though nobody reads what they write', async () => {
    const { hand, pod } = container();
    const all = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        hand.run({ id: `w${i}`, argv: ['head', '-c', '400000', '/dev/zero'] }),
      ),
    );
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pod.pid()}/status`, 'utf8')) ?? [];
    expect(Number(kilobytes)).to.be.lessThan(64 * 1024);
    const sizes = await Promise.all(
      all.map(async ({ stdout }) => {
        let size = 0;
        for await (const chunk of stdout) size += (chunk as Buffer).length;
        return size;
      }),
    );
    expect(sizes).to.deep.equal(Array(200).fill(400_000));
    for (const running of all) running.close();
  });
});
