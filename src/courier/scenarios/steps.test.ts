import { expect } from 'chai';
import { anAgent } from '../../../test/support/trial-assignment.ts';
import {
  bash,
  beating,
  custom,
  reward,
  REWARD_1,
  saidBy,
  useTrialRuns,
} from '../../../test/support/trial-scripts.ts';
import type { Files } from '../../../test/support/folder.ts';
import type { Outcome } from '../../wire/outcome.ts';

interface StepFilesOf {
  toml?: string;
  solve?: string[];
  test?: string[];
  files?: Files;
}

/** A task of these steps, by their names. */
function stepsOf(steps: Record<string, StepFilesOf>, { toml = '', files = {} } = {}): Files {
  const all: Files = {
    'environment/Dockerfile': 'FROM scratch\n',
    'task.toml': [
      toml,
      ...Object.entries(steps).map(([name, step]) => `[[steps]]\nname = "${name}"\n${step.toml ?? ''}`),
    ].join('\n'),
    ...files,
  };
  for (const [name, { solve = ['true'], test = [reward('true')], files: own = {} }] of Object.entries(
    steps,
  )) {
    all[`steps/${name}/instruction.md`] = `Do ${name}.\n`;
    all[`steps/${name}/solution/solve.sh`] = bash(...solve);
    if (test.length > 0) all[`steps/${name}/tests/test.sh`] = bash(...test);
    for (const [path, text] of Object.entries(own)) all[`steps/${name}/${path}`] = text;
  }
  return all;
}

const rewards = ({ steps }: Outcome) =>
  steps?.listed.map(({ name, result }) => [name, 'reward' in result ? result.reward : result.kind]);

describe('the steps of a task', function () {
  const make = useTrialRuns();

  it('run one after another in one container, each with its own files and its own results', async () => {
    const run = await make({
      files: stepsOf({
        one: { solve: ['echo 1 > /app/a; echo said one'], test: [reward('grep -q 1 /app/a')] },
        two: { solve: ['echo 2 >> /app/a; echo said two'], test: [reward('[ "$(wc -l < /app/a)" = 2 ]')] },
        three: { solve: ['false'], test: [reward('false')] },
      }),
    });
    const outcome = await run.finish();
    expect(outcome.result, run.said() + run.pod.output()).to.deep.include({ kind: 'rewarded' });
    expect('reward' in outcome.result && outcome.result.reward).to.be.closeTo(2 / 3, 1e-9);
    const { outcome: stored } = run.storedOutcome();
    expect(rewards(stored)).to.deep.equal([
      ['one', 1],
      ['two', 1],
      ['three', 0],
    ]);
    expect(stored.steps).to.include({ ran: 3 }).and.not.have.any.keys('skipped', 'stopped');
    expect(run.text('steps/one/agent/oracle.txt')).to.equal('said one\n');
    expect(run.text('steps/two/agent/oracle.txt')).to.equal('said two\n');
    expect(run.manifest().files.map(({ path }) => path)).to.have.members([
      'steps/one/agent/oracle.txt',
      'steps/one/verifier/reward.txt',
      'steps/one/verifier/test-stdout.txt',
      'steps/two/agent/oracle.txt',
      'steps/two/verifier/reward.txt',
      'steps/two/verifier/test-stdout.txt',
      'steps/three/agent/exit-code.txt',
      'steps/three/agent/oracle.txt',
      'steps/three/verifier/reward.txt',
      'steps/three/verifier/test-stdout.txt',
      'trial.log',
    ]);
    expect(outcome.stored).to.include({ files: 11, skipped: 0 });
    expect(run.text('trial.log')).to.match(/step 2 of 3: two/);
  });

  it('never show a step the tests, the solution or the logs of another', async () => {
    const look = 'find /tests /solution /logs -type f 2>/dev/null | sort > /app/seen';
    const run = await make({
      files: stepsOf(
        {
          one: { solve: ['true'], files: { 'tests/secret-one': 'x', 'solution/secret-one': 'x' } },
          two: {
            solve: [look],
            test: ['cp /app/seen /logs/verifier/; ls /tests > /logs/verifier/tests', reward('true')],
          },
        },
        { files: { 'tests/shared': 'all', 'tests/test.sh': bash('exit 1') } },
      ),
    });
    expect((await run.finish()).result, run.said() + run.pod.output()).to.deep.equal(REWARD_1);
    expect(run.text('steps/two/verifier/seen')).to.equal('/logs/agent/oracle.txt\n/solution/solve.sh\n');
    expect(run.text('steps/two/verifier/tests')).to.equal('shared\ntest.sh\n');
  });

  it('take the files of the step over those of all steps', async () => {
    const run = await make({
      files: stepsOf(
        {
          one: { test: [], files: { 'tests/expected': 'one' } },
          two: { test: [] },
        },
        {
          files: {
            'tests/expected': 'all',
            'tests/test.sh': bash('cp /tests/expected /logs/verifier/', reward('true')),
          },
        },
      ),
    });
    expect((await run.finish()).result, run.said()).to.deep.equal(REWARD_1);
    expect(run.text('steps/one/verifier/expected')).to.equal('one');
    expect(run.text('steps/two/verifier/expected')).to.equal('all');
  });

  it('keep what runs alive from step to step, and halt it only while results are read', async () => {
    const run = await make({
      files: stepsOf({
        one: { solve: [`(${beating('/app/beat')}) > /dev/null 2>&1 &`] },
        two: {
          solve: ['a=$(cat /app/beat); sleep 0.3; [ "$a" != "$(cat /app/beat)" ] && touch /app/alive'],
          test: [reward('[ -f /app/alive ]')],
        },
      }),
    });
    const outcome = await run.finish();
    expect(outcome.result, run.said()).to.deep.equal(REWARD_1);
    expect(outcome.findings).to.deep.include({
      code: 'AgentWentOn',
      message:
        'the agent went on after the verifier of a step, and could see what that left outside /tests and /logs',
    });
    expect(saidBy('unknown', outcome).join()).to.not.match(/could not be halted|went on before/);
  });

  it('find their working directory as the step says, and its setup.sh has run as the agent’s user', async () => {
    const run = await make({
      files: stepsOf({
        one: {},
        two: {
          files: {
            'workdir/data/input': 'given',
            'workdir/setup.sh': '#!/bin/false\nid -un > who; pwd > where; echo set up > data/made\n',
          },
          solve: ['cat data/input data/made who where > /app/out; echo more > data/input'],
          test: [
            'cp /app/out /logs/verifier/',
            reward('[ "$(stat -c %U data/input)" = agent ] && [ "$(cat data/input)" = more ]'),
          ],
        },
      }),
      assignment: { user: 'root', agent: anAgent({ user: 'agent' }) },
    });
    const { result } = await run.finish();
    expect(result, run.said() + run.pod.output()).to.deep.equal(REWARD_1);
    expect(run.text('steps/two/verifier/out')).to.equal('givenset up\nagent\n/app\n');
  });

  it('get their files by root’s rights where the agent’s do not reach', async () => {
    const run = await make({
      files: stepsOf({
        one: { files: { 'workdir/data': 'given' }, test: [reward('[ "$(stat -c %U /work/data)" = root ]')] },
      }),
      pod: { folders: { work: 0 } },
      assignment: { workdir: '/work', agent: anAgent({ user: 'agent' }) },
    });
    expect((await run.finish()).result, run.said() + run.pod.output()).to.deep.equal(REWARD_1);
  });

  it('are not run after one whose setup.sh fails, and those before count', async () => {
    const run = await make({
      files: stepsOf({
        one: {},
        two: { files: { 'workdir/setup.sh': 'exit 3\n' } },
        three: {},
      }),
    });
    const outcome = await run.finish();
    expect(outcome.result).to.deep.equal(REWARD_1);
    expect(outcome.exception).to.deep.include({
      type: 'StepSetupError',
      message: 'the step could not be set up: its setup.sh ended with exit code 3',
    });
    const { steps } = run.storedOutcome().outcome;
    expect(steps?.listed.map(({ result }) => result.kind)).to.deep.equal(['rewarded', 'failed']);
    expect(steps).to.deep.include({
      skipped: ['three'],
      stopped: 'step two failed with StepSetupFailed',
    });
    expect(run.text('trial.log')).to.match(/step two failed with StepSetupFailed; not run: three/);
  });

  it('leave no reward where the first cannot be set up', async () => {
    const run = await make({
      files: stepsOf({ one: { files: { 'workdir/setup.sh': 'exit 3\n' } }, two: {} }),
    });
    expect((await run.finish()).result).to.deep.include({ kind: 'failed', reason: 'StepSetupFailed' });
  });

  it('wait for their own healthcheck', async () => {
    const toml = (command: string): string =>
      `healthcheck = { command = "${command}", interval_sec = 0, retries = 1 }`;
    const run = await make({
      files: stepsOf({
        one: { toml: toml('touch /app/asked'), test: [reward('[ -f /app/asked ]')] },
        two: { toml: toml('exit 4') },
      }),
    });
    const outcome = await run.finish();
    expect(outcome.result, run.said()).to.deep.equal(REWARD_1);
    expect(rewards(run.storedOutcome().outcome)).to.deep.equal([
      ['one', 1],
      ['two', 'failed'],
    ]);
    expect(outcome.exception?.type).to.equal('HealthcheckError');
  });

  it('end where a reward is below its least', async () => {
    const run = await make({
      files: stepsOf({
        one: { toml: 'min_reward = 0.5', test: ['echo 0.2 > /logs/verifier/reward.txt'] },
        two: {},
      }),
    });
    const outcome = await run.finish();
    expect(outcome.result).to.deep.equal({ kind: 'rewarded', reward: 0.2, rewards: { reward: 0.2 } });
    expect(run.storedOutcome().outcome.steps).to.deep.include({
      ran: 1,
      skipped: ['two'],
      stopped: 'step one has the reward 0.2, below its least of 0.5',
    });
    expect([...run.services.stored.keys()].filter((path) => path.startsWith('steps/two'))).to.deep.equal([]);
  });

  it('go on after an agent that ran out of time', async () => {
    const run = await make({
      files: stepsOf({
        one: { solve: ['sleep 100'], toml: 'agent = { timeout_sec = 1 }' },
        two: { test: [reward('true')] },
      }),
    });
    const outcome = await run.finish();
    expect(outcome.result, run.said()).to.deep.equal(REWARD_1);
    expect(outcome.exception?.type).to.equal('AgentTimeoutError');
    expect(run.storedOutcome().outcome.steps?.ran).to.equal(2);
  });

  it('come to the reward of the last where the task says so', async () => {
    const run = await make({
      files: stepsOf(
        { one: { test: [reward('false')] }, two: {} },
        { toml: 'multi_step_reward_strategy = "final"' },
      ),
    });
    expect((await run.finish()).result).to.deep.equal(REWARD_1);
  });

  it('have users, instructions and variables of their own, and one installation of the agent', async () => {
    const run = await make({
      files: stepsOf({
        one: {
          toml: 'agent = { user = "agent" }\nverifier = { user = "judge", env = { WHO = "one" } }',
          test: ['id -un; echo $WHO', reward('true')],
        },
        two: {
          toml: 'agent = { user = "root" }\nverifier = { env = { WHO = "two" } }',
          test: ['id -un; echo $WHO', reward('true')],
        },
      }),
      assignment: {
        user: 'root',
        agent: custom('id -un; cat $SB_INSTRUCTION; cat /app/installed', {
          install: 'echo installed >> /app/installed',
        }),
      },
    });
    expect((await run.finish()).result, run.said() + run.pod.output()).to.deep.equal(REWARD_1);
    expect(run.text('steps/one/agent/stdout.txt')).to.equal('agent\nDo one.\ninstalled\n');
    expect(run.text('steps/two/agent/stdout.txt')).to.equal('root\nDo two.\ninstalled\n');
    expect(run.text('steps/one/verifier/test-stdout.txt')).to.equal('judge\none\n');
    expect(run.text('steps/two/verifier/test-stdout.txt')).to.equal('root\ntwo\n');
  });

  it('run with one user that is not root', async () => {
    const run = await make({
      files: stepsOf({
        one: { solve: ['ls -A /tests > /app/before'] },
        two: {
          solve: ['ls -A /tests /logs/verifier | grep -v : > /app/after'],
          files: { 'workdir/x': 'y' },
          test: ['cp /app/after /logs/verifier/', reward('[ -f /app/x ]')],
        },
      }),
      pod: { user: 1000 },
      assignment: { user: '1000' },
    });
    expect((await run.finish()).result, run.said() + run.pod.output()).to.deep.equal(REWARD_1);
    expect(run.text('steps/two/verifier/after').trim()).to.equal('');
  });

  it('store nothing where nothing is wanted, and are emptied all the same', async () => {
    const run = await make({
      files: stepsOf({
        one: {},
        two: { solve: ['ls /logs/verifier > /app/seen'], test: [reward('[ ! -s /app/seen ]')] },
      }),
      assignment: { upload: false },
    });
    expect((await run.finish()).result).to.deep.equal(REWARD_1);
    expect([...run.services.stored.keys()]).to.deep.equal([]);
  });
});
