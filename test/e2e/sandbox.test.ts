import { expect } from 'chai';
import { attachSandbox, type Session } from '../../src/client/index.ts';
import type { SandboxEnvironment } from '../../src/client/sandbox/environment.ts';
import { Job, Pod } from '../../src/kube/kinds.ts';
import { kubectl } from '../support/cluster.ts';
import { eventually, eventuallyTrue } from '../support/eventually.ts';
import { CONTAINERS } from '../../src/wire/pod-paths.ts';
import { accountWith } from './support/account.ts';
import { killContainer } from './support/faults.ts';
import { filesGoThere } from './support/files.ts';
import {
  becomes,
  fullPool,
  isFull,
  LITTLE,
  podOf,
  pooled,
  seen,
  small,
  userSession,
} from './support/sandboxes.ts';
import { world } from './support/world.ts';

const MIB = 2 ** 20;

describe('a Sandbox', () => {
  let session: Session;
  let sandbox: SandboxEnvironment;

  before(async function () {
    this.timeout(120_000);
    session = userSession();
    sandbox = await small(session, 'everyday', {
      env: { FROM_SPEC: 'yes' },
      workdir: '/srv',
      resources: { ...LITTLE, limits: { memory: '512Mi' } },
    }).init();
  });

  after(() => session.close());

  it('runs a command and gives its output, its errors and its exit code apart', async () => {
    const result = await sandbox.runCommand('echo out; echo err >&2; exit 3');
    expect(result).to.deep.include({ exitCode: 3, stdout: 'out\n', stderr: 'err\n', timedOut: false });
  });

  it('runs a program with its arguments and no shell', async () => {
    const { stdout } = await sandbox.runCommand(['echo', '$HOME', 'a b']);
    expect(stdout).to.equal('$HOME a b\n');
  });

  it('has the directory, user and variables that it or the command names', async () => {
    const own = await sandbox.runCommand('echo "$FROM_SPEC $(pwd) $(id -u)"');
    expect(own.stdout).to.equal('yes /srv 0\n');
    const named = await sandbox.runCommand('echo "$FROM_SPEC $MORE $(pwd) $(id -u)"', {
      cwd: '/tmp',
      user: '1000',
      env: { MORE: 'more' },
    });
    expect(named.stdout).to.equal('yes more /tmp 1000\n');
  });

  it('reads nothing from stdin unless it is given', async () => {
    expect((await sandbox.runCommand('cat')).stdout).to.equal('');
    expect((await sandbox.runCommand('wc -c', { stdin: 'x'.repeat(MIB) })).stdout.trim()).to.equal(
      String(MIB),
    );
  });

  it('ends a command at its time limit with all that it started, SIGTERM ignored or not, and keeps its output', async () => {
    const result = await sandbox.runCommand(
      "trap '' TERM; (trap '' TERM; sleep 1000) & echo before; sleep 1000",
      { timeoutMs: 500 },
    );
    expect(result).to.deep.include({ timedOut: true, stdout: 'before\n' });
    const left = await sandbox.runCommand('cat /proc/[0-9]*/comm | grep -c sleep');
    expect(left.stdout.trim()).to.equal('0');
  });

  it('keeps every byte: all 256 values, and text that is no UTF-8', async () => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, value) => value));
    await sandbox.writeFile('/tmp/all', all);
    expect((await sandbox.readBytes('/tmp/all')).equals(all)).to.equal(true);
    const chunks: Buffer[] = [];
    await sandbox.runCommand('cat /tmp/all', { onStdout: (chunk) => void chunks.push(chunk) });
    expect(Buffer.concat(chunks).equals(all)).to.equal(true);
  });

  it('writes, lists, looks at and removes files, as the user that is named', async () => {
    await sandbox.mkdir('/work/deep');
    await sandbox.runCommand('chown 1000 /work/deep');
    await sandbox.writeFile('/work/deep/a', 'text', { user: '1000', mode: 0o640 });
    expect(await sandbox.readFile('/work/deep/a')).to.equal('text');
    expect(await sandbox.stat('/work/deep/a')).to.include({ kind: 'file', size: 4, uid: 1000 });
    expect((await sandbox.list('/work/deep')).map(({ name }) => name)).to.deep.equal(['a']);
    await sandbox.remove('/work', { recursive: true });
    const failure: unknown = await sandbox.stat('/work').catch((error: unknown) => error);
    expect(failure).to.include({ reason: 'NotFound' });
  });

  it('takes a thousand files and gives them back as they were', () => filesGoThere(sandbox, 1000));

  it('runs a terminal that knows its size, and gives Ctrl-C to what runs on it', async () => {
    const command = await sandbox.startCommand('stty size; sleep 1000', {
      pty: { rows: 40, columns: 132 },
      stdin: true,
    });
    const said: Buffer[] = [];
    command.stdout.on('data', (chunk: Buffer) => said.push(chunk));
    await eventuallyTrue('the terminal says its size', () => Buffer.concat(said).includes('40 132'), 20);
    command.stdin.write('\u0003');
    expect((await command.exited).exitCode).to.equal(130);
  });

  it('serves two programs at once, neither of which holds the other up', async () => {
    const other = await attachSandbox(session, 'everyday').init();
    try {
      const slow = await sandbox.startCommand('yes', { id: 'slow' });
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, index) => other.runCommand(`echo ${index}`)),
      );
      expect(answers.map(({ stdout }) => stdout.trim())).to.deep.equal(
        answers.map((_, index) => String(index)),
      );
      slow.kill();
      slow.stdout.resume();
      await slow.exited;
    } finally {
      other.close();
    }
  });

  it('lets a command go on without its program, and another attach to it', async () => {
    const first = userSession();
    const program = await attachSandbox(first, 'everyday').init();
    await program.startCommand('for i in 1 2 3; do echo $i; sleep 0.2; done; exit 7', { id: 'alone' });
    program.close();
    await first.close();
    const command = await sandbox.attach('alone');
    const chunks = (await Array.fromAsync(command.stdout)) as Buffer[];
    expect(Buffer.concat(chunks).toString()).to.equal('1\n2\n3\n');
    expect((await command.exited).exitCode).to.equal(7);
  });

  it('survives a fork bomb within a limit of processes, and ends all of it at its time limit', async () => {
    await sandbox.runCommand('ulimit -u 200; b() { b | b & }; b; sleep 1000', {
      timeoutMs: 3000,
      user: '1000',
    });
    expect((await sandbox.runCommand('echo alive')).stdout).to.equal('alive\n');
  });

  it('says of a command that it ran out of memory, and lives on', async () => {
    const { exitCode, oomKills } = await sandbox.runCommand('tail /dev/zero');
    expect({ exitCode, killed: oomKills > 0 }).to.deep.equal({ exitCode: 137, killed: true });
    expect((await sandbox.runCommand('echo alive')).stdout).to.equal('alive\n');
  });

  it('is gone with all that it had when it is torn down', async () => {
    await sandbox.teardown();
    const { namespace } = world();
    await eventuallyTrue(
      'nothing is left of it',
      async () =>
        (await seen('everyday')) === undefined &&
        !(await world().kube.list(Job, { namespace })).some(({ metadata }) =>
          metadata.name.startsWith('everyday'),
        ) &&
        !(await world().kube.list(Pod, { namespace })).some(({ metadata }) =>
          metadata.name.startsWith('everyday'),
        ),
      90,
    );
  });
});

describe('a Sandbox that is suspended', () => {
  it('frees its Pod, keeps its volume, and goes on with another', async function () {
    this.timeout(240_000);
    const session = userSession();
    const sandbox = small(session, 'kept', {
      volumes: [{ name: 'data', mountPath: '/data', size: '16Mi', accessMode: 'ReadWriteOnce' }],
    });
    try {
      await sandbox.runCommand('echo kept > /data/file; echo lost > /tmp/file');
      const before = await podOf('kept');
      await sandbox.suspend();
      await becomes('kept', 'Suspended');
      await eventuallyTrue(
        'its Pod is gone',
        async () =>
          !(await world().kube.get(Pod, { namespace: world().namespace, name: before.metadata.name })),
        90,
      );
      await sandbox.resume();
      expect((await sandbox.runCommand('cat /data/file')).stdout).to.equal('kept\n');
      expect((await sandbox.runCommand('cat /tmp/file')).exitCode).to.equal(1);
    } finally {
      await sandbox.teardown();
      await session.close();
    }
  });
});

describe('the end of a Sandbox', () => {
  let session: Session;
  before(() => (session = userSession()));
  after(() => session.close());

  it('comes when its time to live is over, and not before', async () => {
    await small(session, 'short', { ttlSeconds: 20 }).init();
    const { metadata } = (await seen('short'))!;
    await eventually('it is deleted', async () => ((await seen('short')) ? undefined : true), 60);
    const lived = (Date.now() - Date.parse(metadata.creationTimestamp ?? '')) / 1000;
    expect(lived).to.be.within(18, 40);
  });

  it('comes when nothing ran and no byte moved for the idle timeout, and not while a command runs', async () => {
    // A busy machine takes some seconds to begin a command, in which nobody uses it.
    const sandbox = await small(session, 'idle', { idleTimeoutSeconds: 8, expiryAction: 'Suspend' }).init();
    await sandbox.runCommand('sleep 11');
    const ended = Date.now();
    const { status } = await becomes('idle', 'IdleTimeout');
    expect((Date.now() - ended) / 1000).to.be.above(7);
    // Its command was its last use: the Pod measures that, however busy the operator is. Status has whole seconds.
    expect(Math.abs(Date.parse(status?.lastActivityTime ?? '') - ended) / 1000).to.be.below(4);
    await sandbox.teardown();
  });
});

describe('why a Sandbox is not ready', () => {
  let session: Session;
  before(() => (session = userSession()));
  after(() => session.close());

  for (const [name, reason, given] of [
    ['no-image', 'ImageNotFound', { image: 'debian:there-is-no-such-tag' }],
    ['too-large', 'Unschedulable', { resources: { requests: { cpu: '5000' }, limits: { cpu: '5000' } } }],
    ['no-secret', 'CreateContainerConfigError', { env: { KEY: { secret: 'there-is-none', key: 'key' } } }],
  ] as const)
    it(`is told: ${reason}`, async () => {
      const sandbox = small(session, name, given);
      const waiting = sandbox.init().catch((error: unknown) => error);
      await becomes(name, reason);
      await sandbox.teardown();
      expect(await waiting).to.be.instanceOf(Error);
    });
});

describe('a Sandbox from a pool', () => {
  it('is ready at once, never used before, and the pool is filled again', async function () {
    this.timeout(240_000);
    const session = userSession();
    await fullPool('pool', 2);
    const pods = new Set<string>();
    try {
      for (const name of ['first', 'second', 'third']) {
        const began = performance.now();
        const sandbox = pooled(session, name, { poolRef: 'pool', env: { WHO: name } });
        const { stdout } = await sandbox.runCommand('echo $WHO; ls /tmp | wc -l; touch /tmp/used');
        process.stdout.write(`      ready and run after ${Math.round(performance.now() - began)} ms\n`);
        expect(stdout).to.equal(`${name}\n0\n`);
        pods.add((await podOf(name)).metadata.name);
        if (name === 'second') await isFull('pool', 2);
      }
      expect(pods.size).to.equal(3);
    } finally {
      for (const name of ['pool', 'first', 'second', 'third']) await attachSandbox(session, name).teardown();
      await session.close();
    }
  });
});

describe('who may use a Sandbox', () => {
  let session: Session;
  before(async () => {
    session = userSession();
    await small(session, 'guarded').init();
  });
  after(async () => {
    await attachSandbox(session, 'guarded').teardown();
    await session.close();
  });

  it('is not who may look at it alone, nor who may use those of a namespace next door', async () => {
    const { namespace } = world();
    const next = await world().makeNamespace();
    for (const [account, at, role] of [
      ['looker', namespace, 'sb-view'],
      ['neighbour', next, 'sb-edit'],
    ] as const) {
      const config = await accountWith({ account, namespace: at }, role);
      const theirs = userSession(namespace, config);
      try {
        const failure: unknown = await attachSandbox(theirs, 'guarded')
          .runCommand('id')
          .catch((error: unknown) => error);
        expect(failure, account).to.be.instanceOf(Error);
        expect((failure as Error).name).to.match(/NotAllowed|CliError/);
      } finally {
        await theirs.close();
      }
    }
  });

  it('gets no further with pods/exec, which nobody needs', async () => {
    const pod = await podOf('guarded');
    const answer = await kubectl([
      'auth',
      'can-i',
      'create',
      'pods/exec',
      '-n',
      world().namespace,
      '--as=someone',
      '--as-group=sb-edit',
    ]);
    expect(answer.stdout.trim()).to.equal('no');
    expect(pod.spec?.automountServiceAccountToken).to.equal(false);
  });
});

describe('a Sandbox whose courier is killed', () => {
  it('loses no command and no byte', async function () {
    this.timeout(120_000);
    const session = userSession();
    const sandbox = await small(session, 'courierless').init();
    try {
      const running = sandbox.runCommand('for i in $(seq 1 100); do echo line $i; sleep 0.1; done; exit 5');
      await sandbox.runCommand('sleep 1');
      await killContainer(await podOf('courierless'), CONTAINERS.courier);
      const { exitCode, stdout } = await running;
      expect(exitCode).to.equal(5);
      expect(stdout).to.equal(Array.from({ length: 100 }, (_, index) => `line ${index + 1}\n`).join(''));
    } finally {
      await sandbox.teardown();
      await session.close();
    }
  });
});
