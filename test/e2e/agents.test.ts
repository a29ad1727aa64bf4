import { expect } from 'chai';
import { conditionOf } from '../../src/crds/conditions.ts';
import type { Trial } from '../../src/crds/trial.ts';
import { Secret } from '../../src/kube/kinds.ts';
import { hold } from './support/story.ts';
import { checkedManifest, storedJson, storedKeys, storedText } from './support/stored.ts';
import { ownTrial, trial } from './support/stories.ts';
import { reward, rewardIf } from './support/task.ts';
import { world } from './support/world.ts';

const exceptionOf = ({ status }: Trial): string | undefined => status?.exception?.type;

describe('an agent that does not end well', () => {
  const slow = trial('agent-slow', {
    agent: 'echo working > /tmp/work; sleep 600',
    spec: { agent: { timeoutSeconds: 2 } },
    tests: rewardIf('[ -e /tmp/work ]'),
  });
  const stubborn = trial('agent-stubborn', {
    agent: "trap '' TERM; (trap '' TERM; sleep 601) & sleep 602; sleep 603",
    spec: { agent: { timeoutSeconds: 2 } },
    tests: rewardIf('! grep -aq "sleep.60[123]" /proc/[0-9]*/cmdline'),
  });
  const crashing = trial('agent-crash', {
    agent: 'echo before > /tmp/work; exit 3',
    tests: rewardIf('[ -e /tmp/work ]'),
  });
  const wrong = trial('oracle-crash', { solution: 'echo half; exit 4', tests: reward(0) });
  const noShell = trial('agent-no-interpreter', {
    spec: { agent: { name: 'custom', run: '#!/no/such/interpreter\ntrue\n' } },
    tests: reward(0),
  });
  const killed = trial('agent-killed', { agent: 'kill -9 $$', tests: reward(1) });

  it('is verified all the same when it is over its timeout', async () => {
    const done = await slow.earns(1);
    expect(exceptionOf(done)).to.equal('AgentTimeoutError');
    expect(conditionOf(done, 'AgentFinished')).to.include({ status: 'True', reason: 'AgentTimeoutError' });
    const result = await storedJson(done, 'result.json');
    expect(result['exception_info']).to.include({ exception_type: 'AgentTimeoutError' });
  });

  it('is ended with all its children, even those that ignore SIGTERM', () => stubborn.earns(1));

  it('is verified all the same when it crashes', async () => {
    const done = await crashing.earns(1);
    expect(exceptionOf(done)).to.equal('NonZeroAgentExitCodeError');
    expect(done.status?.exception?.message).to.contain('3');
  });

  it('keeps what the oracle printed and its exit code', async () => {
    const done = await wrong.earns(0);
    expect(await storedText(done, 'agent/oracle.txt')).to.contain('half');
    expect((await storedText(done, 'agent/exit-code.txt')).trim()).to.equal('4');
  });

  it('is verified all the same when its interpreter is missing', async () => {
    expect(exceptionOf(await noShell.earns(0))).to.be.a('string');
  });

  it('is verified all the same when a signal ends it', async () => {
    expect(exceptionOf(await killed.earns(1))).to.equal('NonZeroAgentExitCodeError');
  });
});

describe('a verifier', () => {
  const slow = trial('verifier-slow', { tests: 'sleep 600', spec: { verifier: { timeoutSeconds: 2 } } });
  const failing = trial('verifier-exit-code', { tests: `${reward(0.5)}; exit 7` });
  const late = trial('verifier-late-reward', {
    tests: `${reward(1)}; sleep 600`,
    spec: { verifier: { timeoutSeconds: 2 } },
  });
  const none = trial('verifier-disabled', { solution: 'true', spec: { verifier: { disabled: true } } });
  const clean = trial('verifier-clean', {
    agent:
      'mkdir -p /tests; echo "echo 1 > /logs/verifier/reward.txt" > /tests/test.sh; echo 1 > /logs/verifier/reward.txt',
    tests: reward(0),
  });
  const env = trial('verifier-env', {
    agent: 'env > /tmp/agent-env',
    tests: rewardIf('[ "$WORD" = judge ] && ! grep -q WORD /tmp/agent-env && [ "$SHARED" = all ]'),
    spec: {
      environment: { env: [{ name: 'SHARED', value: 'all' }] },
      verifier: { env: [{ name: 'WORD', value: 'judge' }] },
    },
  });

  it('over its timeout ends the Trial without a reward', () => slow.fails('VerifierTimeout'));
  it('over its timeout counts for nothing, whatever it had written', () => late.fails('VerifierTimeout'));
  it('may end with any exit code: the reward file counts', () => failing.earns(0.5));
  it('has its own variables and those of the environment', () => env.earns(1));
  it('finds no tests and no reward that the agent has planted', () => clean.earns(0));

  it('that is disabled leaves the Trial without a reward, and succeeded', async () => {
    const done = await none.done();
    expect(conditionOf(done, 'Succeeded')).to.include({ status: 'True', reason: 'VerifierDisabled' });
    expect(done.status).not.to.have.property('reward');
  });
});

describe('an agent of the user’s own', () => {
  const secret = 'not-for-everyone';
  const custom = trial('agent-custom', {
    agent: `echo "model $SB_MODEL"; echo "to stderr" >&2; grep -q Behave "$SB_INSTRUCTION" && [ \${#TOKEN} = ${secret.length} ] && [ "$PLAIN" = open ] && [ -e /opt/installed ] && touch /tmp/good`,
    instruction: 'Behave.',
    tests: rewardIf('[ -e /tmp/good ] && [ -z "$TOKEN" ]'),
    spec: {
      agent: {
        model: 'maker/model-1',
        install: '#!/bin/sh\ntouch /opt/installed\n',
        env: [
          { name: 'TOKEN', secretKeyRef: { name: 'agent-secret', key: 'token' } },
          { name: 'PLAIN', value: 'open' },
        ],
      },
      artifacts: [{ source: '/tmp/good' }],
    },
    given: ({ namespace }) =>
      world().kube.apply(Secret, {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { namespace, name: 'agent-secret' },
        stringData: { token: secret },
      }),
  });
  const failing = trial('agent-setup-failed', {
    agent: 'true',
    spec: { agent: { install: '#!/bin/sh\necho no room; exit 9\n' } },
  });
  const slow = trial('agent-setup-slow', {
    agent: 'true',
    spec: { agent: { install: '#!/bin/sh\nsleep 600\n', setupTimeoutSeconds: 2 } },
  });

  it('is installed, gets its model, instruction, variables and secrets, and keeps both streams and its artifacts', async () => {
    const done = await custom.earns(1);
    expect(await storedText(done, 'agent/stdout.txt')).to.contain('model maker/model-1');
    expect(await storedText(done, 'agent/stderr.txt')).to.contain('to stderr');
    const { files } = await checkedManifest(done);
    expect(files.some(({ path }) => path.startsWith('output/') && path.endsWith('good'))).to.equal(true);
  });

  it('has no secret in the Pod’s spec, in the config or in the result', async () => {
    const done = await custom.earns(1);
    const texts = [
      JSON.stringify(custom.pods),
      JSON.stringify(done),
      await storedText(done, 'config.json'),
      await storedText(done, 'result.json'),
      await storedText(done, 'trial.log'),
    ];
    for (const text of texts) expect(text).not.to.contain(secret);
  });

  it('whose install script fails ends the Trial with AgentSetupFailed', () =>
    failing.fails('AgentSetupFailed', /9/));
  it('whose install script is too slow ends it with AgentSetupTimeout', () =>
    slow.fails('AgentSetupTimeout'));
});

describe('users and folders', () => {
  const whoami = 'id -un > /tmp/agent-user; id -u >> /tmp/agent-user; echo "$HOME" >> /tmp/agent-user';
  const says = (...lines: string[]): string =>
    rewardIf(`[ "$(cat /tmp/agent-user)" = "$(printf '${lines.join('\\n')}')" ] && [ "$(id -u)" = 0 ]`);
  const byName = trial('user-name', {
    agent: whoami,
    tests: says('games', '5', '/usr/games'),
    spec: { agent: { user: 'games' } },
  });
  const byNumber = trial('user-number', {
    agent: 'id -u > /tmp/agent-user; id -g >> /tmp/agent-user',
    tests: rewardIf('[ "$(head -n 1 /tmp/agent-user)" = 4321 ]'),
    spec: { agent: { user: '4321' } },
  });
  const toml = trial('user-toml', {
    agent: whoami,
    toml: '[agent]\nuser = "games"\n',
    tests: says('games', '5', '/usr/games'),
  });
  const verifier = trial('user-verifier', {
    tests: rewardIf('[ "$(id -un)" = nobody ]'),
    spec: { verifier: { user: 'nobody' } },
  });
  const everyone = trial('user-environment', {
    agent: 'id -un > /tmp/agent-user',
    tests: rewardIf('[ "$(id -un)$(cat /tmp/agent-user)" = gamesgames ]'),
    spec: { environment: { user: 'games' } },
  });
  const workdir = trial('workdir', {
    agent: 'pwd > /tmp/agent-dir',
    tests: rewardIf('[ "$(cat /tmp/agent-dir)" = /var/tmp ]'),
    spec: { environment: { workdir: '/var/tmp' } },
  });
  const unknown = trial('user-unknown', {
    agent: 'true',
    tests: reward(1),
    spec: { agent: { user: 'nobody-has-this-name' } },
  });

  it('the agent runs as another user, by name, with that user’s home; the verifier as root', () =>
    byName.earns(1));
  it('the agent runs as a user that is only a number', () => byNumber.earns(1));
  it('the agent runs as the user that task.toml names', () => toml.earns(1));
  it('the verifier runs as another user', () => verifier.earns(1));
  it('all phases run as the environment’s user where they name none', () => everyone.earns(1));
  it('phases begin in the working directory', () => workdir.earns(1));
  it('a user that the image does not know is told by name', async () => {
    expect(JSON.stringify((await unknown.done()).status)).to.contain('nobody-has-this-name');
  });
});

describe('a healthcheck', () => {
  const check = { intervalSeconds: 1, timeoutSeconds: 2, retries: 2 };
  const passing = trial('health-late', {
    tests: rewardIf('[ -e /tmp/healthy ]'),
    spec: {
      environment: {
        healthcheck: {
          ...check,
          command: 'echo x >> /tmp/tries; [ $(wc -l < /tmp/tries) -ge 4 ] && touch /tmp/healthy',
          startPeriodSeconds: 30,
          startIntervalSeconds: 1,
        },
      },
    },
  });
  const failing = trial('health-never', {
    spec: { environment: { healthcheck: { ...check, command: 'echo still broken; false' } } },
  });

  it('that passes within its start period lets the agent begin', () => passing.earns(1));
  it('that never passes ends the Trial before the agent', async () => {
    const done = await failing.fails('HealthcheckFailed');
    expect(conditionOf(done, 'AgentFinished')?.status).to.equal('False');
  });
});

describe('a Trial that stores nothing', () => {
  const frugal = trial('no-upload', { tests: reward(0.5), spec: { uploadResults: false } });

  it('has its reward on the object alone', async () => {
    const done = await frugal.earns(0.5);
    expect(done.status).not.to.have.property('s3TrialUri');
    expect((await storedKeys(done)).size).to.equal(0);
  });
});

describe('the log of a running Trial', () => {
  const talking = ownTrial('talking', { agent: `echo hello from the agent; ${hold('talk')}` });

  it('can be followed with kubectl logs while the agent works', async () => {
    const pod = await talking.reaches('talk');
    const key = { namespace: talking.key.namespace, name: pod.metadata.name };
    const log = await world().kube.log(key, { container: 'task', tailLines: 50 });
    expect(log).to.contain('hello from the agent');
    await talking.release('talk');
    await talking.earns(1);
  });
});
