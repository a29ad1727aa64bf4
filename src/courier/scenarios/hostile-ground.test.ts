import { expect } from 'chai';
import { anAgent, SOLVED } from '../../../test/support/trial-assignment.ts';
import type { RunOptions } from '../../../test/support/trial-run.ts';
import {
  bash,
  beating,
  custom,
  reward,
  REWARD_1,
  saidBy,
  useTrialRuns,
} from '../../../test/support/trial-scripts.ts';

const R = '/logs/verifier/reward.txt';

/** A loop, and perhaps the command that it runs just then. */
const RAN_ON = /^\d (process|processes) of the agent ran on beside the verifier$/;

/** Runs on, in a session of its own. */
const living = (body: string): string =>
  `setsid nohup bash -c ${JSON.stringify(body).replaceAll('$', String.raw`\$`)} >/dev/null 2>&1 </dev/null &`;

/** An agent that is not root, and tests that it cannot pass honestly. */
const attack = (run: string[], test: string[] = []): RunOptions => ({
  files: {
    ...SOLVED,
    'tests/expected': 'the answer\n',
    'tests/test.sh': bash(
      'sleep 0.5',
      `[ "$(cat /tmp/answer 2>/dev/null)" = "$(cat /tests/expected)" ] && echo 1 > ${R} || echo 0 > ${R}`,
      'sleep 0.3',
      ...test,
    ),
  },
  assignment: { agent: custom(bash(...run, 'sleep 0.3'), { user: '1000' }) },
});

describe('an agent that is not root and lives on beside the verifier', function () {
  const make = useTrialRuns();

  it('cannot rewrite the reward', async () => {
    const run = await make(
      attack([
        living(
          `while :; do if [ "$(cat ${R} 2>/dev/null)" = 0 ]; then rm -f ${R}; echo 1 > ${R}.n; touch -d -1hour ${R}.n; mv ${R}.n ${R}; fi; done`,
        ),
      ]),
    );
    const outcome = await run.finish();
    expect(outcome.result, run.said()).to.deep.equal({ kind: 'rewarded', reward: 0, rewards: { reward: 0 } });
    expect(outcome.findings).to.have.length(1);
    expect(outcome.findings[0]?.message).to.match(RAN_ON);
  });

  it('cannot read the tests when they appear', async () => {
    const run = await make(
      attack([living('while [ ! -r /tests/expected ]; do :; done; cp /tests/expected /tmp/answer')]),
    );
    expect((await run.finish()).result).to.deep.include({ reward: 0 });
  });

  it('cannot put a folder of its own in place of the verifier’s logs', async () => {
    const run = await make(
      attack([
        'mkdir /logs/artifacts/own; echo 1 > /logs/artifacts/own/reward.txt; chmod 555 /logs/artifacts/own',
        living(
          'while :; do mv /logs/verifier /logs/artifacts/old; mv /logs/artifacts/own /logs/verifier; done',
        ),
      ]),
    );
    expect((await run.finish()).result).to.deep.include({ reward: 0 });
  });

  it('cannot lead root’s pen through a link in place of the verifier’s output', async () => {
    const run = await make(
      attack(
        [living('while :; do ln -sfn /etc/ld.so.preload /logs/verifier/test-stdout.txt; done')],
        ['echo hello; [ ! -e /etc/ld.so.preload ] || echo written', `cat /logs/verifier/test-stdout.txt`],
      ),
    );
    expect((await run.finish()).result).to.deep.include({ reward: 0 });
    expect(run.text('verifier/test-stdout.txt')).to.match(/^hello\n/);
  });

  it('cannot lead root’s pen through a link in place of the verifier’s output where it is the verifier’s own user', async () => {
    const { files, assignment } = attack(
      [living('while :; do ln -sfn /etc/ld.so.preload /logs/verifier/test-stdout.txt; done')],
      ['[ ! -e /etc/ld.so.preload ] || echo written >> /logs/verifier/written'],
    );
    const run = await make({
      ...(files && { files }),
      assignment: { ...assignment, verifier: { disabled: false, env: [], user: '1000' } },
    });
    const outcome = await run.finish();
    expect(outcome.result).to.deep.include({ kind: 'rewarded' });
    expect([...run.services.stored.keys()]).not.to.include('verifier/written');
    expect(saidBy('unknown', outcome)).to.include(
      'the agent was the verifier’s own user and could have interfered unnoticed',
    );
  });

  it('cannot lead root’s pen through a link in place of its own output or exit code', async () => {
    const run = await make({
      files: {
        ...SOLVED,
        'solution/solve.sh': bash(
          'rm -rf /logs/agent/exit-code.txt /logs/agent/oracle.txt',
          'ln -s /etc/planted /logs/agent/exit-code.txt; mkdir /logs/agent/oracle.txt',
          'exit 3',
        ),
        'tests/test.sh': bash(reward('[ ! -e /etc/planted ]')),
      },
      assignment: { agent: anAgent({ user: 'agent' }) },
    });
    expect((await run.finish()).result).to.deep.equal(REWARD_1);
    expect(run.text('agent/exit-code.txt')).to.equal('3\n');
  });

  it('is not in the way of the tests, however busily it writes there', async () => {
    const storm = living(
      'while :; do : > /logs/verifier/x$RANDOM$BASHPID; mkdir -p /logs/verifier/d$BASHPID; done',
    );
    const run = await make(attack([storm, storm, storm]));
    const outcome = await run.finish();
    expect(outcome.result, run.said()).to.deep.equal({ kind: 'rewarded', reward: 0, rewards: { reward: 0 } });
    expect(run.manifest().files.map(({ path }) => path)).not.to.match(/\/x\d/);
    expect(outcome.findings[0]?.message).to.match(RAN_ON);
  });

  it('is not in the way of a verifier that is not root either', async () => {
    const storm = living('while :; do : > /logs/verifier/x$RANDOM; done');
    const { files, assignment } = attack([storm], ['id -un']);
    const run = await make({
      ...(files && { files }),
      assignment: { ...assignment, verifier: { disabled: false, env: [], user: 'judge' } },
    });
    expect((await run.finish()).result, run.said()).to.deep.include({ kind: 'rewarded', reward: 0 });
    expect(run.text('verifier/test-stdout.txt')).to.equal('judge\n');
  });

  it('outlives its time only where it has detached itself, and then only in doubt', async () => {
    const { files, assignment } = attack([
      living(`while :; do echo 1 > ${R}; cp /tests/expected /tmp/answer; done`),
      'sleep 100',
    ]);
    const agent = custom(assignment?.agent?.run ?? '', { user: '1000', timeoutSeconds: 4 });
    const run = await make({ ...(files && { files }), assignment: { agent } });
    const outcome = await run.finish();
    expect(outcome.result).to.deep.include({ reward: 0 });
    expect(outcome.exception?.type).to.equal('AgentTimeoutError');
    expect(outcome.findings).to.have.length(1);
    expect(outcome.findings[0]?.message).to.match(RAN_ON);
  });

  it('is ended before the tests appear where the Trial says so', async () => {
    const { files, assignment } = attack(
      [living('trap "" TERM; while :; do sleep 0.1; done')],
      ['ps -e -o args > /logs/verifier/ps.txt'],
    );
    const agent = custom(assignment?.agent?.run ?? '', { user: '1000', backgroundProcesses: 'Stop' });
    const run = await make({ ...(files && { files }), assignment: { agent } });
    const outcome = await run.finish();
    expect(outcome.findings).to.deep.equal([]);
    expect(run.text('verifier/ps.txt')).not.to.include('nohup');
  });

  /** Every process of it is gone before anybody can read about it. */
  const chain = `setsid perl -e 'for (1..20000) { exit if fork }' >/dev/null 2>&1 </dev/null &`;

  it('is seen where it forks faster than anybody can look, and ended where the Trial says so', async () => {
    for (const backgroundProcesses of ['Keep', 'Stop'] as const) {
      const run = await make({
        files: {
          ...SOLVED,
          'tests/test.sh': bash(
            'a=$(cut -d " " -f 5 /proc/loadavg); sleep 0.3; [ $(($(cut -d " " -f 5 /proc/loadavg) - a)) -lt 10 ]',
            reward('[ $? = 0 ]'),
          ),
        },
        assignment: { agent: custom(bash(chain, 'sleep 0.3'), { user: '1000', backgroundProcesses }) },
      });
      const outcome = await run.finish();
      const kept = backgroundProcesses === 'Keep';
      expect(outcome.result).to.deep.include({ reward: kept ? 0 : 1 });
      expect(saidBy('unknown', outcome).filter((text) => RAN_ON.test(text))).to.have.length(kept ? 1 : 0);
    }
  });

  it('is counted where it may have made a service of the image its own', async () => {
    const image = {
      user: '',
      workdir: '/app',
      entrypoint: ['setpriv', '--reuid=1000', '--clear-groups', 'sh', '-c', '"$@"', 'x'],
      cmd: [],
    };
    const run = await make({ assignment: { image, agent: custom('true', { user: '1000' }) } });
    expect((await run.finish()).findings[0]?.message).to.match(RAN_ON);
  });

  it('is counted where a service of the image runs it', async () => {
    const service =
      'while [ ! -e /tmp/job ]; do sleep 0.05; done; setpriv --reuid=1000 --clear-groups sh /tmp/job';
    const image = { user: '', workdir: '/app', entrypoint: ['/bin/bash', '-c', service], cmd: [] };
    const run = await make({
      assignment: {
        image,
        agent: custom(bash('echo "sleep 100; true" > /tmp/job; sleep 0.3'), { user: '1000' }),
      },
    });
    expect((await run.finish()).findings[0]?.message).to.match(RAN_ON);
  });

  it('is counted where its installation started it, as root', async () => {
    const run = await make({
      assignment: { agent: custom('true', { user: '1000', install: 'setsid sleep 100 >/dev/null 2>&1 &' }) },
    });
    expect(saidBy('unknown', await run.finish())).to.include(
      '1 process of the agent ran on beside the verifier',
    );
  });

  it('has a limit of processes that root has not', async () => {
    const run = await make({
      files: { ...SOLVED, 'tests/test.sh': bash('ulimit -u', reward('true')) },
      assignment: { agent: custom(bash('ulimit -u'), { user: '1000' }) },
    });
    await run.finish();
    expect(run.text('agent/stdout.txt')).to.equal('16384\n');
    expect(run.text('verifier/test-stdout.txt')).not.to.equal('16384\n');
  });

  it('does not go on beside the reading of the reward, however fast the verifier forks', async () => {
    const run = await make({
      files: {
        ...SOLVED,
        'tests/test.sh': bash(
          "(setsid bash -c 'for i in 1 2 3 4 5 6 7 8; do while :; do (echo $RANDOM > /logs/verifier/reward.txt); done & done; wait' >/dev/null 2>&1 &)",
          'sleep 0.5',
        ),
      },
      assignment: { agent: custom('true', { user: '1000' }) },
    });
    const { result } = await run.finish();
    // What was judged is what was stored, or nothing that is a number was there at that moment.
    if (result.kind === 'rewarded')
      expect(run.text('verifier/reward.txt').trim()).to.equal(String(result.reward));
    else expect(result).to.deep.include({ reason: 'RewardEmpty' });
  });

  it('goes on where it was halted for a moment, and the image’s services are not counted as its own', async () => {
    const run = await make({
      files: {
        ...SOLVED,
        'tests/test.sh': bash(
          'for who in image agent; do a=$(cat /tmp/$who); sleep 0.3; [ "$a" != "$(cat /tmp/$who)" ] || exit 1; done',
          reward('true'),
        ),
      },
      assignment: {
        image: {
          user: '',
          workdir: '/app',
          entrypoint: ['/bin/bash', '-c', beating('/tmp/image')],
          cmd: [],
        },
        agent: custom(bash(living(beating('/tmp/agent')), 'sleep 0.5'), {
          user: '1000',
        }),
      },
    });
    const outcome = await run.finish();
    expect(outcome.result, run.said()).to.deep.equal(REWARD_1);
    expect(outcome.findings[0]?.message).to.match(/^(1 process|2 processes) of the agent/);
  });
});

describe('artifacts', function () {
  const make = useTrialRuns();

  it('are what the agent’s user may read, and holes in them are not filled', async () => {
    const run = await make({
      files: {
        ...SOLVED,
        'task.toml':
          'artifacts = ["/tmp/link", "/tmp/sparse", "/tmp/sparse-link", "/tmp/big", "/tmp/plain", "/tmp/little"]\n',
        'tests/test.sh': bash(reward('true')),
      },
      pod: { folders: { secret: 0 } },
      assignment: {
        agent: custom(
          bash(
            'ln -s /etc/locked /tmp/link; truncate -s 1G /tmp/sparse; truncate -s 1T /tmp/big; ln -s /tmp/big /tmp/sparse-link',
            'echo plain > /tmp/plain; truncate -s 1M /tmp/little',
          ),
          { user: '1000', install: 'echo secret > /etc/locked; chmod 600 /etc/locked' },
        ),
      },
    });
    expect((await run.finish()).result).to.deep.equal(REWARD_1);
    const paths = [...run.services.stored.keys()].filter((path) => path.startsWith('output/'));
    expect(paths).to.have.members(['output/tmp/plain', 'output/tmp/little', 'output/manifest.json']);
    expect(run.said()).to.include('artifact /tmp/sparse could not be copied: it is too large');
  });

  it('are not copied through a link that the agent has put at their destination', async () => {
    const run = await make({
      files: {
        ...SOLVED,
        'task.toml': 'artifacts = ["/tmp/passwd"]\n',
        'tests/test.sh': bash(reward('! grep -q mine /etc/passwd')),
      },
      assignment: {
        agent: custom(bash('echo mine > /tmp/passwd; ln -s /etc /logs/artifacts/tmp'), { user: '1000' }),
      },
    });
    expect((await run.finish()).result).to.deep.equal(REWARD_1);
  });
});
