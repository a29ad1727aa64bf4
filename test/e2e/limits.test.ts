import { expect } from 'chai';
import { storedText, checkedManifest } from './support/stored.ts';
import { trial } from './support/stories.ts';
import { reward, rewardIf } from './support/task.ts';

const limits = (change: Record<string, string>) => ({
  environment: {
    resources: {
      requests: { cpu: '20m', memory: '16Mi', 'ephemeral-storage': '16Mi' },
      limits: { 'ephemeral-storage': '2Gi', ...change },
    },
  },
});

describe('memory and disk beyond their limits', () => {
  const greedy = trial('memory-agent', {
    agent: 'head -c 300000000 /dev/zero | tail > /dev/null',
    tests: reward(1),
    spec: limits({ memory: '64Mi' }),
  });
  const hoarding = trial('memory-container', {
    // Files in memory belong to nobody: whatever the kernel kills, they stay, until it kills the first process.
    agent:
      'dd if=/dev/zero of=/dev/shm/hoard bs=1M count=60; while :; do dd if=/dev/zero of=/dev/shm/more bs=1M count=30; done',
    tests: reward(1),
    spec: limits({ memory: '32Mi' }),
  });
  const full = trial('disk-full', {
    agent: 'head -c 200000000 /dev/zero > /var/tmp/hoard; sleep 120',
    tests: reward(1),
    spec: limits({ 'ephemeral-storage': '100Mi' }),
  });

  const flooded = trial('logs-full', {
    agent: 'head -c 200000000 /dev/zero > /logs/agent/hoard; sleep 120',
    tests: reward(1),
    spec: limits({ 'ephemeral-storage': '100Mi' }),
  });

  it('a process of the agent that is killed for memory is told in the exception, and the Trial is verified', async () => {
    const done = await greedy.earns(1);
    expect(JSON.stringify(done.status?.exception ?? {})).to.match(/memory/i);
  });

  it('a container that runs out of memory is OOMKilled, and not tried again', async () => {
    const done = await hoarding.fails('OOMKilled');
    expect(done.status?.attempts).to.have.lengthOf(1);
  });

  it('a Pod over its disk limit is EphemeralStorageExceeded, and not tried again', async () => {
    const done = await full.fails('EphemeralStorageExceeded');
    expect(done.status?.attempts).to.have.lengthOf(1);
  });

  it('so is one whose agent fills /logs', async () => {
    const done = await flooded.fails('EphemeralStorageExceeded', /logs/);
    expect(done.status?.attempts).to.have.lengthOf(1);
  });
});

describe('large files', () => {
  const large = trial('output-200mb', {
    agent: 'head -c 209715200 /dev/urandom > /logs/artifacts/large.bin',
  });
  const talkative = trial('output-stdout', {
    agent: 'head -c 30000000 /dev/zero | tr "\\0" "x" | fold -w 100; echo the end',
  });

  it('a file of 200 MB arrives whole', async () => {
    const { files } = await checkedManifest(await large.earns(1));
    expect(files.find(({ path }) => path.endsWith('large.bin'))?.size).to.equal(209_715_200);
  });

  it('an agent that prints 30 MB is kept whole', async () => {
    const { files } = await checkedManifest(await talkative.earns(1));
    expect(files.find(({ path }) => path === 'agent/stdout.txt')?.size).to.be.greaterThan(30_000_000);
  });
});

describe('a task container that means harm', () => {
  const hostile = trial('hostile-files', {
    agent: [
      'cd /logs/agent',
      'mkfifo pipe',
      'ln -s /etc/shadow shadow',
      'ln -s / everything',
      'truncate -s 1T sparse',
      'd=deep; for i in $(seq 60); do d=$d/deep; done; mkdir -p $d; echo far > $d/away',
      'ln -s /var/run/secrets/sb-broker/token token',
      'echo honest > honest.txt; echo secret > locked; chmod 0 locked',
    ].join('\n'),
  });
  const replaced = trial('hostile-links', {
    agent: 'rm -rf /logs/verifier; ln -s /etc /logs/verifier; ln -sfn /etc /tests; ln -sfn /etc /solution',
    tests: rewardIf('[ ! -e /etc/test.sh ] && [ ! -L /logs/verifier ]'),
  });
  const forging = trial('hostile-hand', {
    agent: 'echo x > /sb/hand.sock; rm -f /sb/sbd /sb/hand.sock; find /sb -type s -o -type p; true',
    tests: reward(0.25),
    spec: { agent: { user: '0' } },
  });
  const suicidal = trial('hostile-end', {
    agent: 'for signal in TERM KILL INT QUIT HUP ABRT SEGV USR1; do kill -$signal 1; done; sleep 1',
    tests: reward(0.75),
    spec: { agent: { user: '0' }, maxAttempts: 3 },
  });

  it('gets no FIFO, link or sparse terabyte into the bucket, and each is recorded as skipped', async () => {
    const { files, skipped } = await checkedManifest(await hostile.earns(1));
    const reasons = Object.fromEntries(skipped.map(({ path, reason }) => [path.split('/').at(-1), reason]));
    expect(reasons).to.include({
      pipe: 'Fifo',
      shadow: 'Symlink',
      everything: 'Symlink',
      token: 'Symlink',
      sparse: 'TooLarge',
    });
    expect(skipped.map(({ reason }) => reason)).to.include('TooDeep');
    expect(files.map(({ path }) => path)).to.include('agent/honest.txt');
    for (const name of ['pipe', 'shadow', 'everything', 'token', 'sparse'])
      expect(files.map(({ path }) => path)).not.to.include(`agent/${name}`);
  });

  it('that plants links in the way of tests and rewards hurts itself alone', async () => {
    await replaced.earns(1);
  });

  it('that looks for a way to the courier finds none', async () => {
    const done = await forging.earns(0.25);
    expect(await storedText(done, 'agent/stdout.txt')).to.equal('');
  });

  it('that sends signals to the first process ends nothing', async () => {
    const done = await suicidal.earns(0.75);
    expect(done.status?.attempts).to.have.lengthOf(1);
  });
});
