import { expect } from 'chai';
import { bash, reward, REWARD_1, taskOf, useTrialRuns } from '../../../test/support/trial-scripts.ts';
import { until } from '../../../test/support/kube.ts';
import type { RunOptions } from '../../../test/support/trial-run.ts';

const ARTIFACTS = 'artifacts = ["/app/answer", { source = "/app/tree", exclude = ["*.tmp"] }]\n';

/** A Trial whose verifier is a separate one. */
const separate = (solve: string[], test: string[], over: RunOptions = {}): RunOptions => ({
  files: taskOf(solve, test, ARTIFACTS),
  ...over,
  assignment: { verifier: { disabled: false, mode: 'Separate' }, ...over.assignment },
});

describe('a separate verifier', function () {
  const make = useTrialRuns();

  it('judges by the artifacts alone, which lie where they were', async () => {
    const run = await make(
      separate(
        [
          'echo solved > /app/answer; echo hidden > /app/other; touch /tmp/trace',
          'mkdir -p /app/tree/deep/empty; echo a > /app/tree/a.txt; echo b > /app/tree/b.tmp',
          'printf "#!/bin/sh\\necho ran\\n" > /app/tree/run; chmod +x /app/tree/run; ln -s a.txt /app/tree/inner; ln -s /etc/passwd /app/tree/outer',
          'mkdir -p /logs/artifacts/own; echo own > /logs/artifacts/own/x',
        ],
        [
          'cd /app; ls -laR /app /logs > /logs/verifier/all.txt',
          reward(
            '[ "$(cat answer tree/a.txt tree/inner /logs/artifacts/own/x; tree/run)" = "$(printf "solved\\na\\na\\nown\\nran")" ] && [ -d tree/deep/empty ] && ! [ -e other -o -e tree/b.tmp -o -e tree/outer -o -e /tmp/trace -o -e /solution -o -e /logs/artifacts/app/answer ]',
          ),
        ],
      ),
    );
    const outcome = await run.finish();
    expect(outcome.result, run.said() + run.text('verifier/all.txt')).to.deep.equal(REWARD_1);
    expect(outcome.findings).to.deep.equal([]);
    const stored = [...run.services.stored.keys()];
    expect(stored).to.include.members([
      'output/app/answer',
      'output/own/x',
      'verifier/reward.txt',
      'agent/oracle.txt',
    ]);
    expect(await run.pod.exited).to.equal(0);
    expect(await run.verifiers['verifier']?.exited).to.equal(0);
  });

  it('sees nothing of what an agent plants, and nobody of what it leaves running', async () => {
    const run = await make(
      separate(
        [
          'mkdir -p /tests; echo "echo 1 > /logs/verifier/reward.txt" > /tests/test.sh; chmod +x /tests/test.sh',
          'echo 1 > /logs/verifier/reward.txt; echo "{\\"reward\\": 1}" > /logs/verifier/reward.json',
          'printf "#!/bin/sh\\nexit 0\\n" > /usr/local/bin/grep 2>/dev/null; echo "export PATH=/app:$PATH" > /etc/profile.d/x.sh 2>/dev/null',
          // At once, from the same file system: whoever stores it in between would find it empty.
          'cd /logs/verifier; (while :; do echo 1 > r.new; mv r.new reward.txt; sleep 0.01; done) & disown',
          'mkdir -p /logs/artifacts/verifier; echo 1 > /logs/artifacts/verifier/reward.txt',
        ],
        ['ps -e -o args > /logs/verifier/ps.txt', reward('grep -q solved /app/answer 2>/dev/null')],
      ),
    );
    const outcome = await run.finish();
    expect(outcome.result, run.said()).to.deep.include({ kind: 'rewarded', reward: 0 });
    expect(outcome.findings).to.deep.equal([]);
    expect(run.text('verifier/ps.txt')).not.to.match(/sleep 0\.01/);
    expect(run.text('output/.logs/verifier/reward.txt')).to.equal('1\n');
  });

  it('has no place among what it judges for tests and rewards that an agent brings as an artifact', async () => {
    const run = await make({
      files: taskOf(
        ['echo 1 > /logs/verifier/reward.txt; mkdir -p /tests; echo "exit 0" > /tests/helper.sh'],
        ['ls /tests /logs/verifier > /logs/verifier/seen.txt; echo 0 > /logs/verifier/reward.txt'],
        'artifacts = ["/logs/verifier/reward.txt", "/tests"]\n',
      ),
      assignment: { verifier: { disabled: false, mode: 'Separate' } },
    });
    const outcome = await run.finish();
    expect(outcome.result, run.said()).to.deep.include({ reward: 0 });
    expect(run.text('verifier/seen.txt')).not.to.match(/helper|reward/);
  });

  it('is told of artifacts that lie among its programs', async () => {
    const run = await make({
      files: taskOf(
        ['mkdir /etc/own; echo x > /etc/own/x'],
        [reward('[ -e /etc/own/x ]')],
        'artifacts = ["/etc/own"]\n',
      ),
      assignment: { verifier: { disabled: false, mode: 'Separate' } },
    });
    const outcome = await run.finish();
    expect(outcome.result, run.said()).to.deep.equal(REWARD_1);
    expect(outcome.findings.map(({ code }) => code)).to.deep.equal(['ArtifactsAmongPrograms']);
  });

  it('runs as its image says, with an entrypoint of its own', async () => {
    const run = await make(
      separate(
        ['true'],
        ['id -un > /logs/verifier/who; pwd >> /logs/verifier/who', reward('[ -f /app/up ]')],
        {
          assignment: {
            verifier: { disabled: false, mode: 'Separate' },
            verifierImage: {
              user: 'agent',
              workdir: '/home/agent',
              entrypoint: ['/bin/sh', '-c', 'touch /app/up; exec "$@"', 'x'],
              cmd: [],
            },
          },
        },
      ),
    );
    expect((await run.finish()).result, run.said()).to.deep.equal(REWARD_1);
    expect(run.text('verifier/who')).to.equal('agent\n/home/agent\n');
  });

  it('judges what there is after an agent that kills whatever it can', async () => {
    const run = await make(
      separate(['echo solved > /app/answer; kill -9 -1; true'], [reward('[ -f /app/answer ]')]),
    );
    const outcome = await run.finish();
    expect(outcome.result, run.said()).to.deep.equal(REWARD_1);
  });

  it('is not reached where the install script fails', async () => {
    const run = await make(
      separate([], [reward('true')], {
        assignment: {
          agent: { name: 'custom', run: 'true', install: 'exit 9' },
          verifier: { disabled: false, mode: 'Separate' },
        },
      }),
    );
    expect((await run.finish()).result).to.deep.include({ reason: 'AgentSetupFailed' });
    expect(await run.pod.exited).to.equal(1);
  });

  it('that never comes leaves what the agent did, once the Pod is ended for it', async () => {
    const run = await make(separate(['echo solved > /app/answer'], [reward('true')]));
    const courier = run.startCourier();
    run.pod.start();
    expect(await run.pod.exited).to.equal(0);
    await until('the agent’s end', () => run.said().includes('verifier began'));
    courier.kill('SIGTERM');
    expect(await run.courierEnd).to.equal(0);
    const { result, exception, timings } = run.outcome();
    expect(result, run.said()).to.deep.include({ kind: 'failed', reason: 'Cancelled' });
    expect(exception).to.include({ phase: 'verifier' });
    expect(timings.agentExecution?.completionTime).to.be.a('string');
    expect(run.text('output/app/answer')).to.equal('solved\n');
  });

  it('has a container for each step, beside the agent’s, which lives on', async () => {
    const test = bash(
      'echo 1 > /logs/verifier/reward.txt; echo trace > /app/trace-of-verifier',
      reward('[ -f /app/answer ] && [ "$(cat /app/count)" = "$STEP" ] && ! [ -e /app/trace ]'),
    );
    const solve = bash(
      'echo solved > /app/answer; echo x >> /app/lines; grep -c x /app/lines > /app/count; touch /app/trace',
      '[ ! -e /app/trace-of-verifier ]',
    );
    const run = await make({
      files: {
        'task.toml':
          'artifacts = ["/app/answer", "/app/count"]\n[[steps]]\nname = "one"\n[steps.verifier.env]\nSTEP = "1"\n[[steps]]\nname = "two"\n[steps.verifier.env]\nSTEP = "2"\n',
        'environment/Dockerfile': 'FROM debian\n',
        'solution/solve.sh': solve,
        'tests/test.sh': test,
        'steps/one/instruction.md': 'one',
        'steps/two/instruction.md': 'two',
      },
      assignment: { verifier: { disabled: false, mode: 'Separate' } },
    });
    const outcome = await run.finish();
    expect(outcome.result, run.said()).to.deep.equal(REWARD_1);
    expect(outcome.findings).to.deep.equal([]);
    expect([...run.services.stored.keys()]).to.include.members([
      'steps/one/verifier/reward.txt',
      'steps/two/verifier/reward.txt',
      'steps/two/output/app/count',
    ]);
    expect(Object.keys(run.verifiers)).to.deep.equal(['verifier-1', 'verifier-2']);
  });
});
