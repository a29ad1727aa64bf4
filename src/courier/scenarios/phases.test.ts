import { expect } from 'chai';
import { sha256 } from '../../crds/names.ts';
import { SIGNATURE, TOKEN } from '../../../test/support/courier-services.ts';
import { anAgent, SOLVED } from '../../../test/support/trial-assignment.ts';
import {
  bash,
  beating,
  custom,
  reward,
  REWARD_1,
  saidBy,
  taskOf,
  useTrialRuns,
} from '../../../test/support/trial-scripts.ts';

describe('the phases of a Trial', function () {
  const make = useTrialRuns();

  it('runs oracle and verifier, stores the files and leaves the reward', async () => {
    const run = await make({
      files: taskOf(
        ['echo solved > /app/answer; echo hi; echo oops >&2; exit 3'],
        [reward('[ -f /app/answer ]'), 'exit 7'],
      ),
    });
    const outcome = await run.finish();
    expect(outcome.result, run.said() + run.pod.output()).to.deep.equal(REWARD_1);
    expect(outcome.exception).to.equal(undefined);
    expect(saidBy('suspicious', outcome)).to.deep.equal([]);
    expect(outcome.stored).to.include({
      files: 5,
      skipped: 0,
      outcomeSha256: sha256(run.text('outcome.json')),
    });
    expect(outcome.timings).to.have.all.keys(
      'environmentSetup',
      'agentSetup',
      'agentExecution',
      'verifier',
      'upload',
    );
    expect(run.text('agent/oracle.txt')).to.equal('hi\noops\n');
    expect(run.text('agent/exit-code.txt')).to.equal('3\n');
    expect([...run.services.stored.keys()].slice(-3)).to.deep.equal([
      'trial.log',
      'manifest.json',
      'outcome.json',
    ]);
    expect(run.manifest().files.map(({ path }) => path)).to.have.members([
      'agent/oracle.txt',
      'agent/exit-code.txt',
      'verifier/test-stdout.txt',
      'verifier/reward.txt',
      'trial.log',
    ]);
    expect(await run.pod.exited).to.equal(0);
    expect(run.pod.output()).to.equal('hi\noops\n');
    expect(run.said()).not.to.include(SIGNATURE);
    expect(run.said()).not.to.include(TOKEN);
  });

  it('judges an agent that ran out of time, after ending what belongs to it', async () => {
    const run = await make({
      files: taskOf(
        [
          '(trap "" TERM; while :; do sleep 0.1; done) &',
          'sleep 1000 &',
          'trap "" TERM',
          'while :; do sleep 1; done',
        ],
        ['ps -e -o args > /logs/verifier/ps.txt', reward('true')],
      ),
      assignment: { agent: anAgent({ timeoutSeconds: 1 }) },
    });
    const outcome = await run.finish();
    expect(outcome.result).to.deep.equal(REWARD_1);
    expect(outcome.exception).to.deep.equal({
      type: 'AgentTimeoutError',
      message: 'the agent did not end within 1 s',
      phase: 'agentExecution',
    });
    expect(run.text('verifier/ps.txt')).not.to.match(/sleep (0\.1|1000)$|solve/m);
  });

  it('lets what a finished agent left behind serve the verifier', async () => {
    const run = await make({
      files: taskOf(
        [`(${beating('/app/beat')}) &`, 'until [ -s /app/beat ]; do sleep 0.1; done'],
        [
          'a=$(cat /app/beat); for i in $(seq 50); do sleep 0.1; [ "$a" = "$(cat /app/beat)" ] || break; done',
          reward('[ "$a" != "$(cat /app/beat)" ]'),
        ],
      ),
    });
    expect((await run.finish()).result).to.deep.equal(REWARD_1);
  });

  it('starts the entrypoint with arguments that it may ignore, and waits for its health', async () => {
    const run = await make({
      files: {
        ...SOLVED,
        'task.toml':
          '[environment.healthcheck]\ncommand = "[ -f /app/ready ]"\ninterval_sec = 0.1\nretries = 1\nstart_period_sec = 10\nstart_interval_sec = 0.1\n',
        'tests/test.sh': bash('cat /app/ready', reward('grep -q "agent sh -c sleep infinity" /app/ready')),
      },
      assignment: {
        image: {
          user: 'agent',
          workdir: '/app',
          entrypoint: ['/bin/bash', '-c', 'sleep 0.5; echo "$(id -un) $*" > ready; exec sleep 99', 'x'],
          cmd: [],
        },
      },
    });
    expect((await run.finish()).result, run.said()).to.deep.equal(REWARD_1);
  });

  it('ends with HealthcheckFailed after the retries', async () => {
    const run = await make({
      assignment: {
        healthcheck: {
          command: 'exit 4',
          intervalSeconds: 0,
          timeoutSeconds: 5,
          startPeriodSeconds: 0,
          startIntervalSeconds: 0,
          retries: 2,
        },
      },
    });
    const { result } = await run.finish();
    expect(result).to.deep.equal({
      kind: 'failed',
      reason: 'HealthcheckFailed',
      message: 'the healthcheck failed 2 times in a row: exit code 4',
    });
    expect(run.storedOutcome().outcome.result).to.deep.equal(result);
  });

  it('ends with AgentSetupFailed or AgentSetupTimeout by the install script', async () => {
    const failed = await make({ assignment: { agent: custom('', { install: 'exit 9' }) } });
    expect((await failed.finish()).result).to.deep.include({
      reason: 'AgentSetupFailed',
      message: 'the install script ended with exit code 9; see agent/install.txt',
    });
    const late = await make({
      assignment: { agent: custom('', { install: 'sleep 60', setupTimeoutSeconds: 1 }) },
    });
    expect((await late.finish()).result).to.deep.include({ reason: 'AgentSetupTimeout' });
  });

  it('keeps artifacts as Harbor does: without what is excluded, out of the workdir, and with a manifest', async () => {
    const run = await make({
      files: taskOf(
        [
          'mkdir -p out/cache /app/links; echo 1 > out/one; echo 2 > out/two.pyc; echo 3 > out/cache/x',
          'ln -s /etc/passwd /app/links/passwd; echo 4 > /app/links/file; echo mine > /logs/artifacts/manifest.json',
        ],
        [reward('true')],
        'artifacts = [{ source = "out", exclude = ["*.pyc", "cache"] }, "/app/links", "/app/none.txt", "/logs/x"]\n',
      ),
    });
    const outcome = await run.finish();
    expect(outcome.result, run.said()).to.deep.equal(REWARD_1);
    const entry = (source: string, destination: string, more: object) => ({
      source,
      destination,
      type: 'directory',
      status: 'ok',
      service: null,
      exclude: [],
      ...more,
    });
    expect(JSON.parse(run.text('output/manifest.json'))).to.deep.equal([
      entry('/logs/artifacts', 'artifacts', { status: 'ok' }),
      entry('/app/out', 'artifacts/out', { exclude: ['*.pyc', 'cache'] }),
      entry('/app/links', 'artifacts/app/links', { status: 'failed' }),
      entry('/app/none.txt', 'artifacts/app/none.txt', { type: 'file', status: 'failed' }),
      entry('/logs/x', 'artifacts/.logs/x', { status: 'failed' }),
    ]);
    const paths = run.manifest().files.map(({ path }) => path);
    expect(paths.filter((path) => path.startsWith('output/'))).to.have.members([
      'output/out/one',
      'output/app/links/file',
      'output/.logs/artifacts/manifest.json',
      'output/manifest.json',
    ]);
    expect(run.text('output/.logs/artifacts/manifest.json')).to.equal('mine\n');
    expect(outcome.stored?.files).to.equal(paths.length);
  });

  it('records the crash of a custom agent and judges it', async () => {
    const run = await make({ assignment: { agent: custom('echo out; echo err >&2; kill -9 $$') } });
    const outcome = await run.finish();
    expect(outcome.result).to.deep.equal(REWARD_1);
    expect(outcome.exception).to.deep.equal({
      type: 'NonZeroAgentExitCodeError',
      message: 'the agent ended with signal 9 (exit code 137)',
      phase: 'agentExecution',
    });
    expect(run.text('agent/stdout.txt')).to.equal('out\n');
    expect(run.text('agent/stderr.txt')).to.equal('err\n');
  });

  it('ends with VerifierTimeout, whatever reward lies there', async () => {
    const run = await make({
      files: taskOf([], [reward('true'), 'sleep 100']),
      assignment: { verifier: { disabled: false, env: [], timeoutSeconds: 1 } },
    });
    expect((await run.finish()).result).to.deep.include({ reason: 'VerifierTimeout' });
  });

  it('takes no reward through a link, and says how the verifier ended where there is none', async () => {
    const link = await make({
      files: taskOf(['echo 1 > /app/x'], ['ln -s /app/x /logs/verifier/reward.json']),
    });
    expect((await link.finish()).result).to.deep.include({
      reason: 'RewardInvalid',
      message: 'reward.json is a symbolic link',
    });
    const none = await make({ files: { ...SOLVED, 'tests/test.sh': '#!/usr/bin/env no-such-shell\n' } });
    expect((await none.finish()).result).to.deep.include({
      reason: 'RewardMissing',
      message:
        'the verifier wrote neither reward.json nor reward.txt; it ended with exit code 127, see verifier/test-stdout.txt',
    });
  });

  it('ends without a verifier where that is disabled', async () => {
    const run = await make({ assignment: { verifier: { disabled: true, env: [] } } });
    expect((await run.finish()).result).to.deep.equal({ kind: 'unverified' });
  });
});
