import { expect } from 'chai';
import type { Trial } from '../../src/crds/trial.ts';
import { harborValidator } from '../support/harbor.ts';
import { checkedManifest, storedJson, storedKeys, storedText } from './support/stored.ts';
import { trial, type ownTrial } from './support/stories.ts';
import { reward, rewardIf } from './support/task.ts';

interface StepOf {
  toml?: string;
  solution?: string;
  tests?: string;
  setup?: string;
}

const script = (lines: string): string => `#!/bin/sh\n${lines}\n`;

/** A task of these steps in a ConfigMap, for the oracle. */
function several(name: string, steps: Record<string, StepOf>, toml = ''): ReturnType<typeof ownTrial> {
  const files = Object.entries(steps).flatMap(([step, { solution = 'true', tests = reward(1), setup }]) => {
    const at = (path: string): string => `steps__${step}__${path}`;
    return [
      [at('instruction.md'), 'Do it.\n'],
      [at('solution__solve.sh'), script(solution)],
      [at('tests__test.sh'), script(tests)],
      ...(setup === undefined ? [] : [[at('workdir__setup.sh'), script(setup)]]),
    ];
  });
  const tables = Object.entries(steps).map(
    ([step, said]) => `[[steps]]\nname = "${step}"\n${said.toml ?? ''}`,
  );
  return trial(name, {
    toml: [toml, ...tables].join('\n'),
    files: Object.fromEntries(files) as Record<string, string>,
    spec: { agent: { name: 'oracle' } },
  });
}

const steps = ({ status }: Trial) => status?.steps?.map(({ name, reward: of, reason }) => [name, of, reason]);

describe('a task of several steps', () => {
  const mean = several('steps-mean', {
    one: { solution: 'echo 1 > /tmp/a' },
    two: { solution: 'echo 2 >> /tmp/a', tests: rewardIf('[ "$(wc -l < /tmp/a)" = 2 ]') },
    three: { tests: reward(0.25) },
  });
  const final = several(
    'steps-final',
    { one: { tests: reward(0) }, two: { tests: reward(0.75) } },
    'multi_step_reward_strategy = "final"',
  );
  const below = several('steps-below', {
    one: { toml: 'min_reward = 0.5', tests: reward(0.2) },
    two: {},
  });
  const apart = several('steps-apart', {
    one: {
      toml: 'agent = { user = "1000" }',
      solution: 'id -u',
      tests: `${reward(1)}; echo secret > /tests/seen`,
    },
    two: {
      toml: 'agent = { user = "0" }',
      solution: 'id -u; ls /tests /logs/verifier > /tmp/seen',
      tests: `cp /tmp/seen /logs/verifier/; ${rewardIf('! grep -q "seen\\|reward" /tmp/seen')}`,
    },
  });
  const broken = several('steps-broken', { one: {}, two: { setup: 'exit 3' }, three: {} });
  const many = several(
    'steps-many',
    Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`s${at}`, {}])),
  );

  it('runs one after another in one container, and comes to their mean', async () => {
    const done = await mean.earns(0.75);
    expect(steps(done)).to.deep.equal([
      ['one', 1, undefined],
      ['two', 1, undefined],
      ['three', 0.25, undefined],
    ]);
  });

  it('stores the files of each step below it, as Harbor’s tree has them', async () => {
    const done = await mean.earns(0.75);
    const { files } = await checkedManifest(done);
    const paths = files.map(({ path }) => path);
    expect(paths).to.include.members(
      ['one', 'two', 'three'].map((step) => `steps/${step}/verifier/reward.txt`),
    );
    expect(paths.filter((path) => /^(agent|verifier|output)\//.test(path))).to.deep.equal([]);
  });

  it('is told in result.json by Harbor’s field names', async function () {
    const done = await mean.earns(0.75);
    const result = await storedJson(done, 'result.json');
    (await harborValidator(this))('trial-result', result);
    expect(result).to.deep.include({ agent_result: null, verifier: null, steps_run: 3, steps_skipped: [] });
  });

  it('goes from step to step without delay', async () => {
    const { status } = await mean.earns(0.75);
    const { agentSetup, verifier } = status?.timings ?? {};
    const took = Date.parse(verifier?.completionTime ?? '') - Date.parse(agentSetup?.startTime ?? '');
    process.stderr.write(`      three steps took ${took} ms from the first setup to the last verdict\n`);
    expect(took).to.be.below(10_000);
  });

  it('comes to the reward of the last, where the task says so', async () => {
    await final.earns(0.75);
  });

  it('ends where a reward is below its least', async () => {
    const done = await below.earns(0.2);
    expect(steps(done)).to.deep.equal([
      ['one', 0.2, undefined],
      ['two', undefined, 'NotRun'],
    ]);
    expect(await storedText(done, 'trial.log')).to.contain('not run: two');
    expect([...(await storedKeys(done)).keys()].filter((key) => key.startsWith('steps/two'))).to.deep.equal(
      [],
    );
  });

  it('has users of each step, and shows none the tests and rewards of another', async () => {
    const done = await apart.earns(1);
    expect(await storedText(done, 'steps/one/agent/oracle.txt')).to.equal('1000\n');
    expect(await storedText(done, 'steps/two/agent/oracle.txt')).to.equal('0\n');
  });

  it('ends where a step cannot be set up, and the steps before it count', async () => {
    const done = await broken.earns(1);
    expect(done.status?.exception?.type).to.equal('StepSetupError');
    expect(steps(done)).to.deep.equal([
      ['one', 1, undefined],
      ['two', undefined, 'StepSetupFailed'],
      ['three', undefined, 'NotRun'],
    ]);
  });

  it('may have more steps than there is room for: the first ones are listed, and all count', async () => {
    const done = await many.earns(1);
    expect(done.status?.steps?.length).to.be.within(16, 32);
    const { step_results } = await storedJson<{ step_results: object[] }>(done, 'result.json');
    expect(step_results.length).to.be.within(16, 40);
  });
});
