import { expect } from 'chai';
import { access, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Session } from '../../src/client/index.ts';
import type { SandboxEnvironment } from '../../src/client/sandbox/environment.ts';
import { SANDBOX_PORT } from '../../src/wire/sandbox/names.ts';
import { becomes, podOf, small, userSession } from './support/sandboxes.ts';

/** What a process can open of the first one, by name; nothing where all ways are shut. */
const OPEN = `
for file in maps mem environ auxv exe fd/0 fd/1 fd/2 fd/3 fd/4 fd/5 fd/6; do head -c 1 /proc/1/$file > /dev/null 2>&1 && echo $file; done
for file in exe cwd root fd/3 fd/4; do readlink /proc/1/$file && ls /proc/1/$file/; done 2> /dev/null; true`;

/** Every signal, as often as a person would try. */
const SIGNALS = 'for s in $(seq 1 64); do kill -$s 1 2> /dev/null; done; true';

describe('what runs in a Sandbox and means harm', () => {
  let session: Session;
  let sandbox: SandboxEnvironment;

  before(async () => {
    session = userSession();
    sandbox = await small(session, 'hostile').init();
  });
  after(async () => {
    await sandbox.teardown();
    await session.close();
  });

  const say = async (command: string, user = '0'): Promise<string> =>
    (await sandbox.runCommand(command, { user, timeoutMs: 30_000 })).stdout.trim();

  for (const user of ['0', '1000'])
    it(`takes neither memory nor descriptors nor life of the first process, as user ${user}`, async () => {
      expect(await say(OPEN, user)).to.equal('');
      await say(SIGNALS, user);
      expect(await say('echo alive', user)).to.equal('alive');
      expect((await podOf('hostile')).status?.containerStatuses?.[0]?.restartCount).to.equal(0);
    });

  it('finds no socket of the courier’s, no token and no variable of a Service but the API server’s', async () => {
    expect(await say('find / -xdev -type s 2> /dev/null; find /sb -type s -o -type p')).to.equal('');
    expect(await say('ls -d /var/run/secrets/*; env | grep _SERVICE_HOST | grep -v ^KUBERNETES_')).to.equal(
      '',
    );
  });

  it('has no place at the courier’s port, and no answer there without a certificate', async () => {
    const bind = `perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalPort => ${SANDBOX_PORT}) ? "taken" : $!'`;
    expect(await say(bind)).to.equal('Address already in use');
    const talk = `exec 3<> /dev/tcp/127.0.0.1/${SANDBOX_PORT}; printf 'let me in, let me in, let me in\\r\\n\\r\\n' >&3; timeout 20 tail -c +8 <&3 | wc -c`;
    // No more than the alert by which TLS ends it.
    expect(await say(talk)).to.equal('0');
  });

  it('writes into the output of commands of its own user alone, and makes no exit code of theirs', async () => {
    const other = sandbox.runCommand('echo $$ > /tmp/other; sleep 4; echo own; exit 3', { user: '1000' });
    const forge =
      'until [ -s /tmp/other ]; do sleep 0.1; done; echo "of $(id -u)" > /proc/$(cat /tmp/other)/fd/1';
    for (const user of ['0', '1001', '1000']) await say(forge, user);
    expect(await other).to.include({ stdout: 'of 1000\nown\n', exitCode: 3 });
  });

  it('does not outlive its time by another session or a fork; what has left by both is nobody’s command, and goes with the Sandbox', async () => {
    const command =
      '(sleep 3601 &) ; setsid nohup sleep 3602 > /dev/null 2>&1 & (setsid nohup sleep 3603 > /dev/null 2>&1 &) ; sleep 3604';
    const { timedOut } = await sandbox.runCommand(command, { timeoutMs: 1000 });
    expect(timedOut).to.equal(true);
    expect(await say("cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o 'sleep 360[0-9]'")).to.equal(
      'sleep 3603',
    );
    expect((await sandbox.listCommands()).filter(({ running }) => running)).to.deep.equal([]);
  });

  it('gets nothing out of the folder that a download goes to, and nothing in that is no file', async () => {
    await say(
      [
        'mkdir -p /evil/deep && cd /evil',
        'echo honest > honest',
        'ln -s /etc/passwd absolute; ln -s ../../../outside up; ln -s honest near; ln /evil/honest hard',
        'mkfifo fifo; perl -MIO::Socket::UNIX -e \'IO::Socket::UNIX->new(Local => "socket", Listen => 1)\'',
        "touch -- '-rf' \"$(printf 'new\\nline')\" \"$(printf '\\033]0;title\\007')\"",
      ].join('\n'),
    );
    const folder = await mkdtemp(join(tmpdir(), 'sb-evil-'));
    try {
      const { skipped } = await sandbox.download('/evil', join(folder, 'down'));
      expect(skipped.map(({ path }) => path)).to.include.members(['absolute', 'up']);
      expect(await readdir(folder)).to.deep.equal(['down']);
      const names = await readdir(join(folder, 'down'));
      expect(names).to.include.members(['honest', 'near', 'deep', '-rf']);
      for (const name of ['absolute', 'up', 'fifo', 'socket']) expect(names).not.to.include(name);
      const outside = await access(join(folder, '../outside')).then(
        () => true,
        () => false,
      );
      expect(outside).to.equal(false);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('is Ready at the end of all that', async () => {
    await becomes('hostile', 'Ready');
  });
});
