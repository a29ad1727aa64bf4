import { expect } from 'chai';
import { anAgent, SOLVED } from '../../../test/support/trial-assignment.ts';
import { severityOf, type Finding } from '../../crds/findings.ts';
import type { TrialRun } from '../../../test/support/trial-run.ts';
import { canLimitProcesses, COURIER_UID } from '../../../test/support/task-pod.ts';
import { bash, beating, custom, reward, taskOf, useTrialRuns } from '../../../test/support/trial-scripts.ts';

const ROOT = 'the agent was root beside a shared verifier and could have interfered unnoticed';

describe('what an agent does to its container', function () {
  const make = useTrialRuns();

  /** Ends with the verifier's word, in one attempt, whatever the agent did. */
  const verified = async (run: TrialRun, earned = 1): Promise<Finding[]> => {
    const outcome = await run.finish();
    expect(outcome.result, run.said() + run.pod.output()).to.deep.equal({
      kind: 'rewarded',
      reward: earned,
      rewards: { reward: earned },
    });
    return outcome.findings.filter((finding) => severityOf(finding) === 'suspicious');
  };

  for (const signal of ['TERM', 'KILL', 'STOP', 'QUIT', 'ABRT', 'SEGV'])
    it(`is verified after it has sent SIG${signal} to every process, and to the first one`, async () => {
      const run = await make({
        files: taskOf(
          [`exec 2>/dev/null; kill -${signal} -1; kill -${signal} 1; sleep 0.1; echo on`],
          [reward('true')],
        ),
      });
      expect(await verified(run)).to.deep.equal([]);
      expect(run.text('agent/oracle.txt')).to.equal('on\n');
    });

  it('is verified after it has taken every process that the Pod may have', async function () {
    if (!canLimitProcesses()) this.skip();
    const bomb = `perl -e 'for (1..1000) { fork; select(undef, undef, undef, 0.001) } sleep 100'`;
    const run = await make({
      pod: { processes: 80 },
      files: { ...SOLVED, 'tests/test.sh': bash('ps -e -o args > /logs/verifier/ps.txt', reward('true')) },
      assignment: {
        agent: custom(bash(`setsid ${bomb} >/dev/null 2>&1 </dev/null &`, 'sleep 1'), { user: '1000' }),
      },
    });
    const [limit] = await verified(run);
    expect(limit?.code).to.equal('ProcessLimitReached');
    expect(limit?.message).to.match(/^no process could be started/);
    expect(run.text('verifier/ps.txt')).not.to.include('perl');
  });

  it('is reward 0 where what it left running kills the verifier', async () => {
    const run = await make({
      files: taskOf(
        ['(setsid bash -c "while :; do pkill -KILL -f [/]tests/test.sh; done" >/dev/null 2>&1 &)'],
        ['sleep 5', reward('true')],
      ),
    });
    const { result, exception } = await run.finish();
    expect(result).to.deep.include({ kind: 'rewarded', reward: 0 });
    expect(exception?.type).to.equal('VerifierObstructedError');
  });

  it('is verified in / where it has removed the working directory', async () => {
    const run = await make({
      files: taskOf(['mv /srv /srv.bak'], ['pwd', reward('true')]),
      pod: { folders: { srv: 0 } },
      assignment: { workdir: '/srv' },
    });
    expect(await verified(run)).to.deep.equal([
      { code: 'VerifierGroundRemoved', message: "the agent removed the verifier's workdir: /srv" },
    ]);
    expect(run.text('verifier/test-stdout.txt')).to.equal('/\n');
  });

  it('is verified by the number of the user that it has removed', async () => {
    const run = await make({
      files: taskOf(['sed -i /judge/d /etc/passwd /etc/group'], ['id -u; id -g', reward('true')]),
      assignment: { verifier: { disabled: false, env: [], user: 'judge' } },
    });
    expect(await verified(run)).to.deep.equal([
      { code: 'VerifierUserChanged', message: "the agent removed or changed the verifier's user judge" },
    ]);
    expect(run.text('verifier/test-stdout.txt')).to.equal('1001\n1001\n');
  });

  it('is verified as nobody else where it has given the user’s name to root', async () => {
    const run = await make({
      files: taskOf(['sed -i s/judge:x:1001:1001/judge:x:0:0/ /etc/passwd'], ['id -u', reward('true')]),
      assignment: { verifier: { disabled: false, env: [], user: 'judge' } },
    });
    await verified(run);
    expect(run.text('verifier/test-stdout.txt')).to.equal('1001\n');
  });

  it('is verified by another shell where it has removed that of test.sh', async () => {
    const run = await make({
      files: {
        ...taskOf(['mkdir -p /opt/bin', 'rm /opt/bin/bash'], []),
        'tests/test.sh': '#!/opt/bin/bash\necho 1 > /logs/verifier/reward.txt\n',
        'task.toml': '',
      },
      assignment: {
        agent: custom(bash('rm /opt/bin/bash'), {
          install: 'mkdir -p /opt/bin; cp /bin/bash /opt/bin/bash',
        }),
      },
    });
    expect(await verified(run)).to.deep.equal([
      {
        code: 'VerifierGroundRemoved',
        message: "the agent removed the verifier's interpreter: /opt/bin/bash",
      },
    ]);
  });

  it('is reward 0, and no fault of task or infrastructure, where nothing can run test.sh any more', async () => {
    const run = await make({
      files: { ...SOLVED, 'tests/test.sh': '#!/opt/bin/judge\n' },
      assignment: {
        agent: custom(bash('rm /opt/bin/judge'), {
          install: 'mkdir -p /opt/bin; cp /bin/bash /opt/bin/judge',
        }),
      },
    });
    const outcome = await run.finish();
    const { result, exception, findings } = outcome;
    expect(result).to.deep.equal({
      kind: 'rewarded',
      reward: 0,
      rewards: { reward: 0 },
      obstructed:
        "the agent’s container kept the verifier from running: the verifier's interpreter /opt/bin/judge is gone",
    });
    expect(exception?.type).to.equal('VerifierObstructedError');
    expect(findings.map(({ code }) => code)).to.deep.equal(['VerifierObstructed', 'AgentWasRoot']);
    expect(run.storedOutcome().outcome.result).to.deep.equal(result);
  });

  it('is a result, soon, where it kills everybody again and again', async function () {
    this.timeout(200_000);
    const run = await make({
      files: taskOf(['(setsid bash -c "while :; do kill -KILL -1; done" &)', 'sleep 100'], [reward('true')]),
      assignment: { agent: anAgent({ timeoutSeconds: 2 }) },
    });
    const { result } = await run.finish();
    // Whether the tests came to run in between is chance.
    expect(result.kind, run.said()).to.equal('rewarded');
  });

  it('is verified where it has filled /tests and /logs with what is in the way', async () => {
    const run = await make({
      files: taskOf(
        [
          'rm -rf /logs/verifier /logs/agent /logs/.sb; touch /logs/.sb /logs/verifier; ln -s /etc /logs/agent; ln -s /etc /tests',
          '(setsid bash -c "while :; do mkdir -p /tests/x/y; touch /tests/z /logs/verifier/z; done" >/dev/null 2>&1 &)',
          'chmod 000 /logs; sleep 0.3',
        ],
        [reward('[ ! -e /etc/test.sh ]')],
      ),
    });
    await verified(run);
  });

  it('keeps its result where it makes /logs unreadable and kills whoever opens it again', async function () {
    this.timeout(200_000);
    const run = await make({
      files: taskOf(
        ['(setsid bash -c "while :; do chmod 000 /logs; kill -KILL -1; done" &)', 'sleep 100'],
        [reward('true')],
      ),
      assignment: { agent: anAgent({ timeoutSeconds: 2 }) },
    });
    const { result } = await run.finish();
    expect(result.kind, run.said()).to.equal('rewarded');
  });
});

describe('commands', function () {
  const make = useTrialRuns();

  it('run as nobody who has the courier’s own number', async () => {
    const user = String(COURIER_UID);
    const agent = await make({ assignment: { agent: anAgent({ user }) } });
    const expected = {
      kind: 'failed',
      reason: 'TaskInvalid',
      message: `the user ${user} has the number of the courier's own user, which would show it secrets and tests: choose another one`,
    };
    expect((await agent.finish()).result).to.deep.equal(expected);
    const verifier = await make({ assignment: { verifier: { disabled: false, env: [], user } } });
    expect((await verifier.finish()).result).to.deep.equal(expected);
    expect(verifier.said()).not.to.include('verifier began');
  });
});

describe('the verdict', function () {
  const make = useTrialRuns();

  it('is in doubt where the agent was root, and where it was the verifier’s own user', async () => {
    const root = await make();
    expect((await root.finish()).findings).to.deep.equal([{ code: 'AgentWasRoot', message: ROOT }]);
    const same = await make({ assignment: { user: 'agent', agent: custom('true') } });
    expect((await same.finish()).findings).to.deep.equal([
      {
        code: 'AgentWasVerifiersUser',
        message: 'the agent was the verifier’s own user and could have interfered unnoticed',
      },
    ]);
  });

  it('is in doubt where root is one command away, and where the installation was root', async () => {
    const run = await make({
      pod: { folders: { 'opt/bin': 0 }, env: { PATH: '/opt/bin:/usr/bin:/bin' } },
      files: { ...SOLVED, 'tests/test.sh': bash('echo 0 > /logs/verifier/reward.txt') },
      assignment: {
        agent: custom('true', {
          user: 'agent',
          install: bash(
            'printf \'#!/bin/sh\\n[ "$*" = "-n -l" ] && [ "$(id -un)" = agent ]\\n\' > /opt/bin/sudo; chmod 755 /opt/bin/sudo',
          ),
        }),
      },
    });
    expect((await run.finish()).findings, run.said()).to.deep.equal([
      {
        code: 'AgentInstalledAsRoot',
        message:
          'the agent was installed as root beside a shared verifier and could have interfered unnoticed',
      },
      {
        code: 'AgentMayBecomeRoot',
        message:
          'the agent could become root by sudo beside a shared verifier and could have interfered unnoticed',
      },
    ]);
  });

  it('is clean where the agent was somebody else, where none ran and where nobody judged', async () => {
    const other = await make({ assignment: { agent: custom('true', { user: 'agent' }) } });
    const none = await make({ assignment: { agent: anAgent({ name: 'nop' }) } });
    const unjudged = await make({ assignment: { verifier: { disabled: true, env: [] } } });
    const outcomes = await Promise.all([other, none, unjudged].map((run) => run.finish()));
    for (const { findings } of outcomes) expect(findings).to.deep.equal([]);
  });
});

describe('an agent that has run out of time', function () {
  const make = useTrialRuns();
  const ways: [name: string, start: string, stays: boolean][] = [
    ['nohup', 'nohup sh -c "$beat" >/dev/null 2>&1 &', true],
    ['setsid', 'setsid sh -c "$beat" &', true],
    ['a double fork', '(setsid sh -c "$beat" &)', true],
    ['a double fork in its own session', '(sh -c "$beat" &)', true],
    ['a plain &', 'sh -c "$beat" &', false],
  ];

  async function leavesBehind([name, start, stays]: (typeof ways)[number]): Promise<void> {
    // Five of them start at once, and each has to come as far as its beat within its time.
    const run = await make({
      files: taskOf(
        [`beat='${beating('/tmp/beat')}'`, start, 'sleep 100'],
        [
          'a=$(cat /tmp/beat); for i in $(seq 20); do sleep 0.1; [ "$a" = "$(cat /tmp/beat)" ] || break; done',
          reward('[ "$a" != "$(cat /tmp/beat)" ]'),
        ],
      ),
      assignment: { agent: anAgent({ timeoutSeconds: 5 }) },
    });
    const outcome = await run.finish();
    expect(outcome.result, name).to.deep.include({ reward: stays ? 1 : 0 });
    expect(
      outcome.findings.some(({ code }) => code === 'ProcessesLeft'),
      name,
    ).to.equal(stays);
  }

  it('leaves behind what it has put into the background by nohup, setsid or a double fork, and not by a plain &', () =>
    Promise.all(ways.map(leavesBehind)));
});
