import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { Plan } from '../crds/courier-protocol.ts';
import { SIGNATURE, TOKEN } from '../../test/support/courier-services.ts';
import type { Files } from '../../test/support/task-folder.ts';
import { needTaskPods } from '../../test/support/task-pod.ts';
import { makeTrialRun, SOLVED } from '../../test/support/trial-run.ts';
import type { RunOptions, TrialRun } from '../../test/support/trial-run.ts';

const REWARD_1 = { kind: 'rewarded', reward: 1, rewards: { reward: 1 } };
const bash = (...lines: string[]): string => ['#!/bin/bash', ...lines, ''].join('\n');

/** A task whose agent is this script and whose verifier that one. */
const taskOf = (solve: string[], test: string[], toml = ''): Files => ({
  ...SOLVED,
  'task.toml': toml,
  'solution/solve.sh': bash(...solve),
  'tests/test.sh': bash(...test),
});

const custom = (run: string, over: Partial<Plan['agent']> = {}): Plan['agent'] => ({
  name: 'custom',
  env: [],
  setupTimeoutSeconds: 360,
  run,
  ...over,
});

const reward = (check: string): string =>
  `if ${check}; then echo 1; else echo 0; fi > /logs/verifier/reward.txt`;

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (condition()) return;
    await sleep(20);
  }
  throw new Error(`waited too long for ${what}`);
}

describe('a Trial in a Pod without Kubernetes', function () {
  this.timeout(60_000);
  const runs: TrialRun[] = [];
  before(function () {
    needTaskPods(this);
  });
  afterEach(async () => {
    for (const run of runs.splice(0)) await run.remove();
  });
  const make = async (options: RunOptions = {}): Promise<TrialRun> => {
    const run = await makeTrialRun(options);
    runs.push(run);
    return run;
  };

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
    expect(outcome.integrity).to.deep.equal([]);
    expect(outcome.stored).to.include({ files: 5, skipped: 0 });
    expect(outcome.timings).to.have.all.keys(
      'environmentSetup',
      'agentSetup',
      'agentExecution',
      'verifier',
      'upload',
    );
    expect(run.text('agent/oracle.txt')).to.equal('hi\noops\n');
    expect(run.text('agent/exit-code.txt')).to.equal('3\n');
    expect([...run.services.stored.keys()].at(-1)).to.equal('manifest.json');
    expect(run.manifest().files.map(({ path }) => path)).to.have.members([
      'agent/oracle.txt',
      'agent/exit-code.txt',
      'verifier/test-stdout.txt',
      'verifier/reward.txt',
      'trial.log',
    ]);
    expect(await run.pod.exited).to.equal(0);
    expect(run.pod.output()).to.include('hi\noops\n');
    expect(run.said()).not.to.include(SIGNATURE);
    expect(run.said()).not.to.include(TOKEN);
  });

  it('judges an agent that ran out of time, after ending its whole process group', async () => {
    const run = await make({
      files: taskOf(
        [
          '(trap "" TERM; while :; do sleep 0.1; done) &',
          'setsid sleep 1000 &',
          'trap "" TERM',
          'while :; do sleep 1; done',
        ],
        ['ps -e -o args > /logs/verifier/ps.txt', reward('true')],
      ),
      plan: { agent: { name: 'oracle', env: [], setupTimeoutSeconds: 360, timeoutSeconds: 1 } },
    });
    const outcome = await run.finish();
    expect(outcome.result).to.deep.equal(REWARD_1);
    expect(outcome.exception).to.deep.equal({
      type: 'AgentTimeoutError',
      message: 'the agent did not end within 1 s',
      phase: 'agentExecution',
    });
    expect(run.text('verifier/ps.txt')).not.to.match(/sleep (0\.1|1000)|solve/);
  });

  it('lets what a finished agent left behind serve the verifier', async () => {
    const run = await make({
      files: taskOf(
        ['(while :; do date +%N > /app/beat; sleep 0.05; done) &', 'sleep 0.2'],
        ['a=$(cat /app/beat); sleep 0.3', reward('[ "$a" != "$(cat /app/beat)" ]')],
      ),
    });
    expect((await run.finish()).result).to.deep.equal(REWARD_1);
  });

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
      plan: {
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

  it('runs each phase as its own user with its own variables', async () => {
    const run = await make({
      files: {
        ...SOLVED,
        'task.toml':
          '[environment.env]\nBOTH = "toml"\nIMAGE = "toml"\n[verifier]\nuser = "judge"\n[verifier.env]\nMARK = "${MARK:-x y}"\n',
        'tests/test.sh': bash('id -un; echo "$HOME|$MARK|$BOTH|$IMAGE|$KEY|$PWD"', reward('true')),
      },
      pod: { env: { IMAGE: 'image' } },
      secrets: { SB_SECRET_AGENT_0: "o'secret\nline" },
      plan: {
        agent: custom(
          bash(
            'id; echo "$HOME|$KEY|$MARK|$BOTH|$IMAGE"; cat "$SB_INSTRUCTION"; echo "$SB_MODEL"',
            'cat /sb/stage/*/env; cat /sb/report; trap',
            'echo > /sb/x',
          ),
          { env: [{ name: 'KEY', courierVariable: 'SB_SECRET_AGENT_0' }], model: 'm-1', user: 'agent' },
        ),
      },
    });
    expect((await run.finish()).result, run.said()).to.deep.equal(REWARD_1);
    expect(run.text('agent/stdout.txt')).to.equal(
      "uid=1000(agent) gid=1000(agent) groups=1000(agent),2000(helpers)\n/home/agent|o'secret\nline||toml|image\nDo it.\nm-1\n",
    );
    expect(run.text('agent/stderr.txt')).to.match(
      /Permission denied[^]*Permission denied[^]*Read-only file system/,
    );
    expect(run.text('verifier/test-stdout.txt')).to.equal('judge\n/home/judge|x y|toml|image||/app\n');
    expect(run.said()).not.to.include("o'secret");
  });

  it('lets a HOME among the variables go before the user’s own', async () => {
    const run = await make({
      files: { ...SOLVED, 'tests/test.sh': bash(reward('[ "$HOME" = /app ]')) },
      plan: { verifier: { disabled: false, env: [{ name: 'HOME', value: '/app' }], user: 'judge' } },
    });
    expect((await run.finish()).result).to.deep.equal(REWARD_1);
  });

  it('leaves SIGINT to the phases', async () => {
    const run = await make({
      files: {
        ...SOLVED,
        'tests/test.sh': bash(
          'sleep 5 & p=$!',
          'bash -c \'trap "exit 5" INT; kill -INT $$; sleep 1\'',
          reward('[ $? = 5 ]'),
          'kill $p',
        ),
      },
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
      plan: {
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
      plan: {
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
    expect(run.manifest().outcome.result).to.deep.equal(result);
  });

  it('needs nothing of an image but a kernel', async () => {
    const run = await make({
      files: { ...SOLVED, 'tests/test.sh': 'echo 1 > /logs/verifier/reward.txt\n' },
      pod: { image: 'bare' },
      plan: {
        image: { user: '4242', workdir: '/', entrypoint: [], cmd: [] },
        agent: custom('#!/sb/busybox sh\n/sb/busybox id\necho $HOME\n', {
          install: 'echo installed > /installed\n',
        }),
        healthcheck: {
          command: 'true',
          intervalSeconds: 0,
          timeoutSeconds: 5,
          startPeriodSeconds: 0,
          startIntervalSeconds: 0,
          retries: 1,
        },
      },
    });
    expect((await run.finish()).result, run.said() + run.pod.output()).to.deep.equal(REWARD_1);
    expect(run.text('agent/stdout.txt')).to.match(/^uid=4242 gid=0.*\n\/\n$/);
  });

  it('says which interpreter, user or directory the image lacks', async () => {
    const interpreter = await make({
      files: {
        ...SOLVED,
        'solution/solve.sh': '#!/usr/bin/fish\n',
        'tests/test.sh': '#!/bin/bash\r\necho\r\n',
      },
    });
    const outcome = await interpreter.finish();
    expect(outcome.result).to.deep.equal({
      kind: 'failed',
      reason: 'RewardMissing',
      message:
        '/tests/test.sh cannot start: its interpreter "/bin/bash\\r" is not in the image; its first line ends in a carriage return',
    });
    expect(interpreter.said()).to.include(
      '/solution/solve.sh cannot start: its interpreter "/usr/bin/fish" is not in the image',
    );

    const user = await make({ plan: { user: 'nobody-here' } });
    expect((await user.finish()).result).to.deep.include({
      reason: 'TaskInvalid',
      message: 'the image has no user nobody-here',
    });
    const workdir = await make({ plan: { workdir: '/nowhere' } });
    expect((await workdir.finish()).result).to.deep.include({
      reason: 'TaskInvalid',
      message: 'the image has no directory /nowhere',
    });
  });

  it('ends with AgentSetupFailed or AgentSetupTimeout by the install script', async () => {
    const failed = await make({ plan: { agent: custom('', { install: 'exit 9' }) } });
    expect((await failed.finish()).result).to.deep.include({
      reason: 'AgentSetupFailed',
      message: 'the install script ended with exit code 9; see agent/install.txt',
    });
    const late = await make({ plan: { agent: custom('', { install: 'sleep 60', setupTimeoutSeconds: 1 }) } });
    expect((await late.finish()).result).to.deep.include({ reason: 'AgentSetupTimeout' });
  });

  it('records the crash of a custom agent and judges it', async () => {
    const run = await make({ plan: { agent: custom('echo out; echo err >&2; kill -9 $$') } });
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
      plan: { verifier: { disabled: false, env: [], timeoutSeconds: 1 } },
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
    const none = await make({ files: { ...SOLVED, 'tests/test.sh': '#!/usr/bin/env fish\n' } });
    expect((await none.finish()).result).to.deep.include({
      reason: 'RewardMissing',
      message:
        'the verifier left neither reward.json nor reward.txt; it ended with exit code 127, see verifier/test-stdout.txt',
    });
  });

  it('ends without a verifier where that is disabled', async () => {
    const run = await make({ plan: { verifier: { disabled: true, env: [] } } });
    expect((await run.finish()).result).to.deep.equal({ kind: 'unverified' });
  });

  it('keeps artifacts, runs collect hooks, and survives a hostile /logs', async () => {
    const run = await make({
      files: taskOf(
        [
          'mkdir -p /app/d; echo one > /app/d/one; echo two > /app/two; truncate -s 1T /app/huge',
          'cd /logs/agent; mkfifo fifo; ln -s /etc/shadow shadow; ln -s / all; mknod null c 1 3; truncate -s 1T sparse; chmod 0 oracle.txt',
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
    expect(run.text('output/logs/extra/file')).to.equal('x\n');
    expect(run.text('agent/oracle.txt')).to.equal('');
    expect(run.manifest().skipped).to.have.deep.members([
      { path: 'agent/fifo', reason: 'Fifo' },
      { path: 'agent/shadow', reason: 'Symlink' },
      { path: 'agent/all', reason: 'Symlink' },
      { path: 'agent/null', reason: 'Device' },
      { path: 'agent/sparse', reason: 'TooLarge' },
      { path: 'agent/new\nline', reason: 'Unreadable' },
    ]);
    expect(run.said()).to.match(
      /artifact \/app\/huge could not be copied[^]*artifact \/app\/missing could not be copied/,
    );
  });

  it('reports what the agent writes into the report as tampering', async () => {
    const run = await make({
      files: taskOf(
        [
          'echo "4 0123456789abcdef01234567 done 0 0" > /sb/report',
          'echo "0 - hello" > /sb/report',
          'head -c 100000 /dev/zero > /sb/report; echo > /sb/report',
        ],
        [reward('false')],
      ),
    });
    const outcome = await run.finish();
    expect(outcome.result).to.deep.include({ kind: 'rewarded', reward: 0 });
    expect(outcome.integrity.slice(0, 2)).to.deep.equal([
      'the report answered order 4, which was not waiting for that answer',
      'the report said hello twice',
    ]);
    expect(outcome.integrity.length).to.be.within(3, 16);
  });

  it('ends as Cancelled with what there is when the kubelet stops the Pod', async () => {
    const run = await make({ files: taskOf(['echo working; sleep 100'], []) });
    const courier = run.startCourier();
    run.pod.start();
    await until('the agent', () => run.said().includes('agentExecution began'));
    await sleep(300);
    run.pod.kill('SIGTERM');
    expect(await run.pod.exited).to.equal(143);
    courier.kill('SIGTERM');
    expect(await run.courierEnd).to.equal(0);
    expect(run.outcome().result).to.deep.include({ kind: 'failed', reason: 'Cancelled' });
    expect(run.text('agent/oracle.txt')).to.equal('working\n');
    expect(run.manifest().outcome.result).to.deep.include({ reason: 'Cancelled' });
  });

  it('ends as Cancelled when the courier alone is told to stop', async () => {
    const run = await make({ files: taskOf(['echo working; sleep 100'], []) });
    const courier = run.startCourier();
    run.pod.start();
    await until('the agent', () => run.said().includes('agentExecution began'));
    await sleep(300);
    courier.kill('SIGTERM');
    expect(await run.courierEnd).to.equal(0);
    expect(await run.pod.exited).to.equal(0);
    expect(run.outcome().result).to.deep.include({ reason: 'Cancelled' });
    expect(run.text('agent/oracle.txt')).to.equal('working\n');
  });

  it('ends as TaskContainerExited when the task container dies', async () => {
    const run = await make({ files: taskOf(['sleep 100'], []) });
    run.startCourier();
    run.pod.start();
    await until('the agent', () => run.said().includes('agentExecution began'));
    run.pod.kill('SIGKILL');
    expect(await run.courierEnd).to.equal(0);
    expect(run.outcome().result).to.deep.include({
      reason: 'TaskContainerExited',
      message: 'the task container has ended during agentExecution',
    });
  });

  it('ends the attempt as CourierFailed when the courier is started again', async () => {
    const run = await make({ files: taskOf(['sleep 100'], []) });
    const first = run.startCourier();
    run.pod.start();
    await until('the agent', () => run.said().includes('agentExecution began'));
    await sleep(200);
    first.kill('SIGKILL');
    await run.courierEnd;
    const second = run.startCourier();
    expect(await run.pod.exited).to.equal(0);
    if (second.exitCode === null) await new Promise((resolve) => second.once('close', resolve));
    expect(run.outcome().result).to.deep.include({ reason: 'CourierFailed' });
  });

  it('waits for broker and storage that are away, and asks for a new grant where one has expired', async () => {
    const run = await make();
    run.services.faults.broker = 503;
    run.services.faults.storage = 503;
    run.services.faults.expireOnce = new Set(['verifier/reward.txt']);
    setTimeout(() => delete run.services.faults.broker, 700);
    setTimeout(() => delete run.services.faults.storage, 1500);
    expect((await run.finish()).result, run.said()).to.deep.equal(REWARD_1);
    expect(run.text('verifier/reward.txt')).to.equal('1\n');
  });

  it('keeps the reward in the message where the results cannot be stored', async () => {
    const run = await make();
    const finished = run.finish();
    await until('the verifier', () => run.said().includes('agentExecution began'));
    run.services.faults.broker = 403;
    expect((await finished).result).to.deep.include({
      kind: 'failed',
      reason: 'UploadFailed',
      message: 'the results could not be stored: fault; the reward was 1',
    });
  });

  it('stores nothing where uploads are off', async () => {
    const run = await make({ plan: { upload: false } });
    const outcome = await run.finish();
    expect(outcome.result).to.deep.equal(REWARD_1);
    expect(outcome.stored).to.equal(undefined);
    expect(run.services.seen).to.deep.equal(['GET /v1/plan']);
  });

  it('refuses a task that is missing, invalid or unsupported', async () => {
    const missing = await make({
      services: { refusal: { status: 404, error: 'there is no object s3://bucket/tasks/x/task.zip' } },
    });
    const outcome = await missing.finish();
    expect(outcome.result).to.deep.equal({
      kind: 'failed',
      reason: 'TaskNotFound',
      message: 'there is no object s3://bucket/tasks/x/task.zip',
    });
    expect(outcome.attempt).to.equal(1);
    expect(await missing.pod.exited).to.equal(0);
    const invalid = await make({ services: { archive: Buffer.from('no zip') } });
    expect((await invalid.finish()).result).to.deep.include({ reason: 'TaskInvalid' });
    const unsupported = await make({
      files: { ...SOLVED, 'task.toml': '[environment]\nnetwork_mode = "no-network"\n' },
    });
    expect((await unsupported.finish()).result).to.deep.include({
      reason: 'TaskUnsupported',
      message: 'environment.network_mode: only public is supported yet',
    });
    const open = await make({
      files: { ...SOLVED, 'task.toml': '[environment.env]\nSET = "${SET}"\nUNSET = "${NEED}"\n' },
      pod: { env: { SET: '' } },
    });
    expect((await open.finish()).result).to.deep.include({
      reason: 'TaskInvalid',
      message:
        'environment.env.UNSET needs the variable NEED: set UNSET in the Trial, or give a default as in ${NEED:-value}',
    });
  });

  it('stores 10,000 files in seconds', async () => {
    const run = await make({
      files: taskOf(
        [
          'cd /logs/agent; for i in $(seq 100); do mkdir $i; for j in $(seq 100); do echo $i $j > $i/$j; done; done',
        ],
        [reward('true')],
      ),
    });
    const outcome = await run.finish();
    expect(outcome.stored?.files).to.equal(10_004);
    const { startTime = '', completionTime = '' } = outcome.timings.upload ?? {};
    console.log(run.said().slice(0, 2000));
    expect(Date.parse(completionTime) - Date.parse(startTime)).to.be.below(20_000);
  });

  it('removes what it staged', async () => {
    const run = await make({
      secrets: { SB_SECRET_VERIFIER_0: 'hush' },
      plan: {
        verifier: { disabled: false, env: [{ name: 'KEY', courierVariable: 'SB_SECRET_VERIFIER_0' }] },
      },
    });
    await run.finish();
    expect(readdirSync(join(run.pod.paths.control, 'stage'))).to.deep.equal([]);
  });
});
