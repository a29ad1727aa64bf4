import { expect } from 'chai';
import { conditionOf } from '../../src/crds/conditions.ts';
import type { Trial } from '../../src/crds/trial.ts';
import type { Pod } from '../../src/kube/kinds.ts';
import { CONTAINERS } from '../../src/wire/pod-paths.ts';
import { smallImage } from './support/images.ts';
import type { Spec } from './support/story.ts';
import { checkedManifest, storedJson, storedText } from './support/stored.ts';
import { trial } from './support/stories.ts';
import { reward, REWARD, rewardIf } from './support/task.ts';

const SEPARATE = '[verifier]\nenvironment_mode = "separate"\n';

/** Of a separate verifier that can be known: nobody of the agent's is beside it. */
function expectClean({ status }: Trial): void {
  expect(status?.integrity, JSON.stringify(status?.integrity)).to.deep.include({ verdict: 'Clean' });
}

/** When a container that has ended began and ended, in milliseconds. */
function timesOf(pod: Pod | undefined, container: string): { began: number; ended: number } {
  const { initContainerStatuses = [], containerStatuses = [] } = pod?.status ?? {};
  const all = [...initContainerStatuses, ...containerStatuses];
  const { startedAt, finishedAt } = all.find(({ name }) => name === container)?.state?.terminated ?? {};
  return { began: Date.parse(startedAt ?? ''), ended: Date.parse(finishedAt ?? '') };
}

const judge = smallImage(
  'judge',
  `FROM debian:bookworm-slim
RUN useradd -m judge && mkdir /tests && printf '#!/bin/sh\\n[ "$(cat /app/answer)" = "42 $(id -un) $PWD" ] && echo 0.5 > ${REWARD} || echo 0 > ${REWARD}\\n' > /tests/test.sh
USER judge
WORKDIR /home/judge
`,
);

/** Lines of an agent that leave a process which writes what it likes, wherever it can. */
const living = `setsid nohup bash -c 'while :; do echo 1 > ${REWARD}; mkdir -p /tests; echo "echo 1 > ${REWARD}" > /tests/test.sh; date +%s%N > /logs/artifacts/alive; sleep 0.01; done' > /dev/null 2>&1 < /dev/null &\nsleep 0.5`;

describe('a separate verifier', () => {
  const artifacts = trial('separate-artifacts', {
    toml: `artifacts = ["/app/answer", { source = "/app/tree", exclude = ["*.tmp"] }]\n${SEPARATE}`,
    agent:
      'mkdir -p /app/tree/deep; echo 42 > /app/answer; echo hidden > /app/hidden; echo a > /app/tree/deep/a; echo b > /app/tree/b.tmp; echo l > /logs/artifacts/l; ln -sf /bin/true /bin/grep',
    tests: rewardIf(
      '[ "$(cat /app/answer /app/tree/deep/a /logs/artifacts/l)" = "$(printf "42\\na\\nl")" ] && [ ! -e /app/hidden ] && [ ! -e /app/tree/b.tmp ] && [ ! -L /bin/grep ]',
    ),
  });
  const image = trial('separate-image', {
    toml: 'artifacts = ["/app/answer"]\n',
    agent: 'mkdir -p /app; echo 42 judge /home/judge > /app/answer',
    given: () => judge.ensure(),
    spec: { verifier: { mode: 'Separate', image: judge.reference } },
  });
  const attacked = trial('separate-attacked', {
    toml: SEPARATE,
    agent: living,
    tests: `sleep 1; ls /logs/artifacts > /logs/verifier/seen; ps -e -o args > /logs/verifier/ps 2>&1; ${reward(0)}; sleep 1`,
  });
  const killing = trial('separate-killing', {
    toml: `artifacts = ["/app/answer"]\n${SEPARATE}`,
    agent: 'mkdir -p /app; echo 42 > /app/answer; kill -9 -1; kill -9 1',
    tests: rewardIf('grep -q 42 /app/answer'),
  });
  const late = trial('separate-timeout', {
    toml: `artifacts = ["/app/answer"]\n${SEPARATE}`,
    agent: 'mkdir -p /app; echo 42 > /app/answer; trap "" TERM; while :; do sleep 1; done',
    tests: rewardIf('grep -q 42 /app/answer'),
    spec: { agent: { timeoutSeconds: 2 } },
  });
  const unpulled = trial('separate-no-image', {
    agent: 'true',
    spec: { verifier: { mode: 'Separate', image: `${judge.reference}-none` }, maxAttempts: 1 },
  });
  const restricted = trial('separate-restricted', {
    toml: `artifacts = ["/tmp/answer"]\n${SEPARATE}`,
    agent: 'id -u > /tmp/answer',
    tests: rewardIf('[ "$(cat /tmp/answer)" = "$(id -u)" ]'),
    spec: { environment: { user: '1000', allowPrivilegeEscalation: false } },
  });

  it('has of the agent’s container what was declared, at the path that it had', async () => {
    const done = await artifacts.earns(1);
    expectClean(done);
    const { files } = await checkedManifest(done);
    expect(files.map(({ path }) => path)).to.include.members([
      'output/app/answer',
      'output/app/tree/deep/a',
      'verifier/reward.txt',
    ]);
    expect((await storedJson(done, 'result.json'))['verifier_result']).to.deep.equal({
      rewards: { reward: 1 },
    });
  });

  it('has an image, a user and a working directory of its own', async () =>
    expectClean(await image.earns(0.5)));

  it('is not reached by an agent that lives on, and runs after the agent’s container has ended', async () => {
    const done = await attacked.earns(0);
    expectClean(done);
    expect(done.status?.attempts).to.have.lengthOf(1);
    expect(await storedText(done, 'verifier/ps')).not.to.match(/alive/);
    const [pod] = attacked.pods;
    // Init containers and containers count once, whichever ask for more: so the Pod asks for no more than the larger of both.
    expect(pod?.spec?.initContainers?.map(({ name }) => name)).to.deep.equal([
      CONTAINERS.courier,
      CONTAINERS.task,
    ]);
    expect(pod?.spec?.containers.map(({ name }) => name)).to.deep.equal([CONTAINERS.verifier]);
    expect(timesOf(pod, CONTAINERS.verifier).began).to.be.at.least(timesOf(pod, CONTAINERS.task).ended);
  });

  it('judges what an agent has left that kills whatever it can', () => killing.earns(1));
  it('judges what an agent has left that runs out of time', async () => {
    const done = await late.earns(1);
    expect(done.status?.exception?.type).to.equal('AgentTimeoutError');
  });
  it('whose image is not to be had ends the Trial before the agent runs', () =>
    unpulled.fails('ImageNotFound', /image of the verifier/));
  it('runs without root where the agent does', async () => expectClean(await restricted.earns(1)));
});

describe('separate verifiers of several steps', () => {
  const script = (lines: string): string => `#!/bin/sh\n${lines}\n`;
  const said = (step: string): string => `steps__${step}__`;
  const spec: Spec = { agent: { name: 'oracle' } };
  const both = trial('separate-steps', {
    toml: `artifacts = ["/app/count"]\n${SEPARATE}[[steps]]\nname = "one"\n[[steps]]\nname = "two"\n`,
    files: {
      [`${said('one')}instruction.md`]: 'One.\n',
      [`${said('two')}instruction.md`]: 'Two.\n',
      [`${said('one')}solution__solve.sh`]: script(`mkdir -p /app; echo 1 > /app/count\n${living}`),
      [`${said('two')}solution__solve.sh`]: script(
        'echo 2 > /app/count; pgrep -f alive > /dev/null && echo lived >> /app/count; [ ! -e /app/of-verifier ]',
      ),
      [`${said('one')}tests__test.sh`]: script(
        `echo x > /app/of-verifier; sleep 1; ${rewardIf('[ "$(cat /app/count)" = 1 ]')}`,
      ),
      [`${said('two')}tests__test.sh`]: script(
        rewardIf('[ "$(head -n 1 /app/count)" = 2 ] && [ ! -e /app/of-verifier ]'),
      ),
    },
    spec,
  });

  it('judge each step by its artifacts, apart from an agent that lives on', async () => {
    const done = await both.earns(1);
    expect(done.status?.steps?.map(({ name, reward: of }) => [name, of])).to.deep.equal([
      ['one', 1],
      ['two', 1],
    ]);
    expect(conditionOf(done, 'Verified')?.status).to.equal('True');
    expectClean(done);
  });
});
