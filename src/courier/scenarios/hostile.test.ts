import { readdirSync } from 'node:fs';
import { expect } from 'chai';
import { freePort } from '../../../test/support/programs.ts';
import { SOLVED } from '../../../test/support/trial-assignment.ts';
import { bash, custom, reward, REWARD_1, taskOf, useTrialRuns } from '../../../test/support/trial-scripts.ts';

describe('a hostile task container', function () {
  const make = useTrialRuns();

  it('clears what the agent planted before the tests appear', async () => {
    const run = await make({
      files: taskOf(
        [
          'mkdir /tests; echo 77 > /tests/planted; echo 77 > /logs/verifier/reward.txt; ln -s /etc/passwd /logs/verifier/reward.json',
          'mkdir /logs/verifier/.hidden',
        ],
        ['[ -e /tests/planted ] && echo planted', 'ls -A /logs/verifier', reward('true')],
      ),
    });
    expect((await run.finish()).result).to.deep.equal(REWARD_1);
    expect(run.text('verifier/test-stdout.txt')).to.equal('test-stdout.txt\n');
  });

  it('knocks in vain at the door for people: the courier says nothing, asks the broker for nothing, and goes on', async () => {
    const entryPort = await freePort();
    const knock = `exec 3<>/dev/tcp/127.0.0.1/${entryPort} && cat <&3 2>/dev/null | wc -c`;
    const run = await make({
      files: taskOf([`for i in $(seq 40); do (${knock}) & done; wait`], [reward('true'), `(${knock})`]),
      entryPort,
    });
    expect((await run.finish()).result).to.deep.equal(REWARD_1);
    expect(run.text('agent/oracle.txt').trim().split('\n')).to.deep.equal(Array(40).fill('0'));
    expect(run.text('verifier/test-stdout.txt')).to.equal('0\n');
    expect(run.services.seen.filter((route) => route.includes('certificate'))).to.deep.equal([]);
    expect(run.said()).not.to.match(/let in|has entered/);
  });

  it('follows no link of the agent when it puts the tests in place', async () => {
    const run = await make({
      files: taskOf(
        ['mkdir /app/trap; echo kept > /app/trap/file', 'ln -s /app/trap /tests'],
        [reward('[ -f /app/trap/file ] && [ ! -L /tests ]')],
      ),
    });
    expect((await run.finish()).result).to.deep.equal(REWARD_1);
  });

  it('shows tests and solution to nobody before their phase', async () => {
    const run = await make({
      files: {
        ...SOLVED,
        'tests/expected': 'the secret answer\n',
        'tests/test.sh': bash(reward('[ -f /tests/expected ] && [ ! -e /solution ]')),
      },
      assignment: {
        agent: custom(
          bash(
            'ls -d /tests /solution; ls -R /sb; grep -rl "secret answer" /sb /logs /app /tests 2>/dev/null; true',
          ),
        ),
      },
    });
    expect((await run.finish()).result).to.deep.equal(REWARD_1);
    expect(run.text('agent/stdout.txt')).not.to.match(/expected|test\.sh|solve|\/(tests|solution)$/m);
  });

  it('keeps artifacts, runs collect hooks, and survives a hostile /logs', async () => {
    const run = await make({
      files: taskOf(
        [
          'mkdir -p /app/d; echo one > /app/d/one; echo two > /app/two; truncate -s 1T /app/huge',
          'cd /logs/agent; mkfifo fifo; ln -s /etc/shadow shadow; ln -s / all; truncate -s 1T sparse; chmod 0 oracle.txt',
          'mkdir /logs/extra; echo x > /logs/extra/file; rm -rf /logs/artifacts/none; printf a > "/logs/agent/new\nline"',
        ],
        [reward('true')],
        'artifacts = ["/app/d", { source = "/app/two", destination = "second.txt" }, "/app/huge", "/app/missing", "/logs/artifacts/x"]\n[[verifier.collect]]\ncommand = "echo hook > /logs/artifacts/x"\n',
      ),
    });
    const outcome = await run.finish();
    expect(outcome.result, run.said()).to.deep.equal(REWARD_1);
    expect(run.text('output/app/d/one')).to.equal('one\n');
    expect(run.text('output/second.txt')).to.equal('two\n');
    expect(run.text('output/x')).to.equal('hook\n');
    expect(run.text('output/.logs/extra/file')).to.equal('x\n');
    expect(run.text('agent/oracle.txt')).to.equal('');
    expect(run.manifest().skipped).to.have.deep.members([
      { path: 'agent/fifo', reason: 'Fifo' },
      { path: 'agent/shadow', reason: 'Symlink' },
      { path: 'agent/all', reason: 'Symlink' },
      { path: 'agent/sparse', reason: 'TooLarge' },
      { path: 'agent/new\nline', reason: 'Unreadable' },
    ]);
    expect(run.said()).to.match(
      /artifact \/app\/huge could not be copied[^]*artifact \/app\/missing could not be copied/,
    );
  });

  it('keeps the reward of an agent whose files would have had one key', async () => {
    const run = await make({
      files: taskOf(
        [
          'echo x > /logs/artifacts/logs; mkdir /logs/foo /logs/artifacts/.logs; echo y > /logs/foo/z',
          'echo declared > /logs/report; echo planted > /logs/artifacts/.logs/report; echo tmp > /logs/agent/.sgwtmp',
        ],
        [reward('true')],
        'artifacts = ["/logs/report", { source = "/logs/foo", destination = "a" }, { source = "/app", destination = "a" }]\n',
      ),
    });
    const outcome = await run.finish();
    expect(outcome.result, run.said()).to.deep.equal(REWARD_1);
    const paths = run.manifest().files.map(({ path }) => path);
    expect(paths).to.have.length(new Set(paths).size);
    expect(run.text('output/logs')).to.equal('x\n');
    expect(run.text('output/.logs/foo/z')).to.equal('y\n');
    expect(run.text('output/.logs/report')).to.equal('declared\n');
    expect(run.text('output/a/z')).to.equal('y\n');
    expect(paths.filter((path) => path.endsWith('report'))).to.have.length(1);
    expect(run.manifest().skipped).to.have.deep.members([
      { path: 'output/.logs', reason: 'Reserved' },
      { path: 'agent/.sgwtmp', reason: 'Reserved' },
    ]);
    expect(run.said()).to.include('artifact /app is left out: /logs/foo goes to output/a');
  });

  it('finds no way to the courier, and leaves nothing staged', async () => {
    const run = await make({
      files: taskOf(
        ['ls -A /sb; ls -A /sb/agent 2>/dev/null; find /sb -type s -o -type p'],
        [reward('true')],
      ),
      secrets: { SB_SECRET_0: 'hush' },
      assignment: {
        verifier: { disabled: false, env: [{ name: 'KEY', courierVariable: 'SB_SECRET_0' }] },
      },
    });
    await run.finish();
    expect(run.text('agent/oracle.txt')).to.equal('sbd\nstarted\n');
    expect(readdirSync(run.pod.paths.control)).to.have.members(['sbd', 'started', 'outcome']);
  });
});
