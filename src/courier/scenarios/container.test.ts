import { expect } from 'chai';
import { anAgent, SOLVED } from '../../../test/support/trial-assignment.ts';
import {
  bash,
  custom,
  reward,
  REWARD_1,
  saidBy,
  taskOf,
  useTrialRuns,
} from '../../../test/support/trial-scripts.ts';

describe('the task container', function () {
  const make = useTrialRuns();

  it('runs each phase as its own user with its own variables', async () => {
    const run = await make({
      files: {
        ...SOLVED,
        'task.toml':
          '[environment.env]\nBOTH = "toml"\nIMAGE = "toml"\n[verifier]\nuser = "judge"\n[verifier.env]\nMARK = "${MARK:-x y}"\n',
        'tests/test.sh': bash('id -un; echo "$HOME|$MARK|$BOTH|$IMAGE|$KEY|$PWD"', reward('true')),
      },
      pod: { env: { IMAGE: 'image' } },
      secrets: { SB_SECRET_0: "o'secret\nline" },
      assignment: {
        agent: custom(
          bash(
            'id; echo "$HOME|$KEY|$MARK|$BOTH|$IMAGE"; cat "$SB_INSTRUCTION"; echo "$SB_MODEL"',
            'cat /proc/1/environ; cat /proc/1/maps; trap',
            'echo > /sb/x',
          ),
          { env: [{ name: 'KEY', courierVariable: 'SB_SECRET_0' }], model: 'm-1', user: 'agent' },
        ),
      },
    });
    expect((await run.finish()).result, run.said()).to.deep.equal(REWARD_1);
    // It printed the secret, which is not stored.
    const secret = '*'.repeat("o'secret\nline".length);
    expect(run.text('agent/stdout.txt')).to.equal(
      `uid=1000(agent) gid=1000(agent) groups=1000(agent),2000(helpers)\n/home/agent|${secret}||toml|image\nDo it.\nm-1\n`,
    );
    expect(run.text('agent/stderr.txt')).to.match(
      /Permission denied[^]*Permission denied[^]*Read-only file system/,
    );
    expect(run.text('verifier/test-stdout.txt')).to.equal('judge\n/home/judge|x y|toml|image||/app\n');
    expect(run.said()).not.to.include("o'secret");
  });

  it('gives an agent the task’s skills and MCP servers, and keeps what their headers hold to its variables', async () => {
    const run = await make({
      files: {
        ...SOLVED,
        'task.toml':
          '[environment]\nskills_dir = "skills"\n[[environment.mcp_servers]]\nname = "s"\ntransport = "http"\nurl = "https://s.example/mcp"\nheaders = { Authorization = "Bearer ${TOKEN}" }\n',
      },
      secrets: { SB_SECRET_AGENT_0: 'hush-hush' },
      assignment: {
        agent: custom(
          bash('echo "$SB_SKILLS_DIR"; cat "$SB_MCP_CONFIG"; echo; echo ${#TOKEN}', 'touch /app/answer'),
          {
            env: [{ name: 'TOKEN', courierVariable: 'SB_SECRET_AGENT_0' }],
          },
        ),
      },
    });
    expect((await run.finish()).result, run.said()).to.deep.equal(REWARD_1);
    const [skills, config = '', length] = run.text('agent/stdout.txt').split('\n');
    expect([skills, length]).to.deep.equal(['/app/skills', '9']);
    expect(JSON.parse(config)).to.deep.equal({
      mcpServers: {
        s: { type: 'http', url: 'https://s.example/mcp', headers: { Authorization: 'Bearer ${TOKEN}' } },
      },
    });
    for (const [path, contents] of run.services.stored)
      expect(String(contents), path).not.to.include('hush-hush');
  });

  it('has the files beside an image in its workdir before the image’s own entrypoint begins', async () => {
    const { 'environment/Dockerfile': _, ...rest } = SOLVED;
    const run = await make({
      files: {
        ...rest,
        'task.toml':
          '[environment]\ndocker_image = "debian"\nworkdir = "/srv/new/place"\n[environment.healthcheck]\ncommand = "[ -f seen ]"\ninterval_sec = 0.1\n',
        'environment/seed.txt': 'seed\n',
        'environment/bin/tool.sh': '#!/bin/sh\necho tool\n',
        'solution/solve.sh': bash('./bin/tool.sh', 'ls -ld seed.txt bin', 'cat seen'),
      },
      assignment: {
        image: {
          user: '',
          workdir: '/app',
          entrypoint: ['/bin/sh', '-c', 'cat seed.txt > seen; exec "$@"', 'x'],
          cmd: [],
        },
      },
    });
    expect((await run.finish()).result, run.said()).to.deep.equal(REWARD_1);
    expect(run.text('agent/oracle.txt')).to.match(
      /^tool\ndrwxr-xr-x \d+ root root .* bin\n-rw-r--r-- 1 root root +5 .* seed\.txt\nseed\n$/,
    );
  });

  it('refuses a task whose files do not fit the workdir', async () => {
    const { 'environment/Dockerfile': _, ...rest } = SOLVED;
    const run = await make({
      files: {
        ...rest,
        'task.toml': '[environment]\ndocker_image = "debian"\nworkdir = "/etc"\n',
        'environment/passwd/x': 'not below a file\n',
      },
    });
    const { result } = await run.finish();
    expect(result).to.deep.include({ kind: 'failed', reason: 'TaskInvalid' });
    expect(result)
      .to.have.property('message')
      .that.matches(/^the files of environment\/ cannot be put into \/etc: /);
  });

  it('lets a HOME among the variables go before the user’s own', async () => {
    const run = await make({
      files: { ...SOLVED, 'tests/test.sh': bash(reward('[ "$HOME" = /app ]')) },
      assignment: { verifier: { disabled: false, env: [{ name: 'HOME', value: '/app' }], user: 'judge' } },
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

  it('takes a user with a group, as numbers that no image knows', async () => {
    const run = await make({
      files: { ...SOLVED, 'task.toml': '[agent]\nuser = "4242:4343"\n[verifier]\nuser = "0:4343"\n' },
      assignment: { agent: custom('#!/bin/sh\nid -u\nid -g\n') },
    });
    expect((await run.finish()).result, run.said() + run.pod.output()).to.deep.equal(REWARD_1);
    expect(run.text('agent/stdout.txt')).to.equal('4242\n4343\n');
  });

  it('needs nothing of an image but what its scripts name', async () => {
    const run = await make({
      files: { ...SOLVED, 'tests/test.sh': '#!/bin/busybox sh\necho 1 > /logs/verifier/reward.txt\n' },
      pod: { image: 'busybox' },
      assignment: {
        image: { user: '4242', workdir: '/', entrypoint: [], cmd: [] },
        agent: custom('#!/bin/busybox sh\nid\necho $HOME\n', {
          install: '#!/bin/busybox sh\necho installed > /installed\n',
        }),
      },
    });
    expect((await run.finish()).result, run.said() + run.pod.output()).to.deep.equal(REWARD_1);
    expect(run.text('agent/stdout.txt')).to.match(/^uid=4242 gid=0.*\n\/\n$/);
  });

  it('can be one user’s who is not root: agent, tests and all', async () => {
    const who = 'id -u; grep NoNewPrivs: /proc/self/status';
    const run = await make({
      pod: { user: 1000 },
      files: {
        ...taskOf(
          [
            who,
            'echo solved > /tmp/answer; echo x > /logs/artifacts/x; chmod 600 /logs/artifacts/x',
            'sleep 100 &',
          ],
          [who, 'pwd', reward('[ -e /tmp/answer ] && [ -e /solution/solve.sh ]')],
        ),
        'tests/deep/file': 'x',
      },
      assignment: { user: '1000', workdir: '/tmp' },
    });
    const outcome = await run.finish();
    expect(outcome.result, run.said() + run.pod.output()).to.deep.equal(REWARD_1);
    expect(run.text('verifier/test-stdout.txt')).to.equal('1000\nNoNewPrivs:\t1\n/tmp\n');
    expect(run.text('output/x')).to.equal('x\n');
    expect(saidBy('unknown', outcome)).to.include(
      'the agent was the verifier’s own user and could have interfered unnoticed',
    );
  });

  it('says that an image has no shell, for what names none', async () => {
    const pod = { image: 'bare' as const };
    const image = { user: '4242', workdir: '/', entrypoint: [], cmd: [] };
    const unnamed = await make({
      files: { ...SOLVED, 'tests/test.sh': 'echo 1 > /logs/verifier/reward.txt\n' },
      pod,
      assignment: { image, agent: anAgent({ name: 'nop' }) },
    });
    expect((await unnamed.finish()).result).to.deep.equal({
      kind: 'failed',
      reason: 'RewardMissing',
      message:
        '/tests/test.sh cannot start: it names no interpreter, and neither /bin/bash nor /bin/sh is in the image',
    });
  });

  it('says which interpreter, user or directory the image lacks', async () => {
    const interpreter = await make({
      files: {
        ...SOLVED,
        'solution/solve.sh': '#!/usr/bin/no-such-shell\n',
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
      '/solution/solve.sh cannot start: its interpreter "/usr/bin/no-such-shell" is not in the image',
    );

    const user = await make({ assignment: { user: 'nobody-here' } });
    expect((await user.finish()).result).to.deep.include({
      reason: 'TaskInvalid',
      message: 'the image has no user nobody-here',
    });
    const workdir = await make({ assignment: { workdir: '/nowhere' } });
    expect((await workdir.finish()).result).to.deep.include({
      reason: 'TaskInvalid',
      message: 'the image has no directory /nowhere',
    });
  });
});
