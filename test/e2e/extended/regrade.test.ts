import { expect } from 'chai';
import { conditionOf } from '../../../src/crds/conditions.ts';
import { Trial as TrialKind } from '../../../src/crds/kinds.ts';
import type { Trial } from '../../../src/crds/trial.ts';
import { CONTAINERS } from '../../../src/wire/pod-paths.ts';
import { eventuallyTrue } from '../../support/eventually.ts';
import { checkedManifest, storedJson, storedText } from '../support/stored.ts';
import type { Spec, StoryOptions } from '../support/story.ts';
import { ownTrial } from '../support/stories.ts';
import { rewardIf } from '../support/task.ts';
import { world } from '../support/world.ts';

const TOML = 'artifacts = ["/app/answer", "/app/tree"]\n[verifier]\nenvironment_mode = "separate"\n';
const TREE =
  'mkdir -p /app/tree/empty; echo 41 > /app/answer; printf "#!/bin/sh\\necho ran\\n" > /app/tree/run; chmod +x /app/tree/run; ln -s run /app/tree/link; echo trace > /logs/agent/trace';
const SEEN = '[ -d /app/tree/empty ] && [ "$(/app/tree/link)" = ran ]';
const LENIENT = rewardIf(`grep -q 4 /app/answer && ${SEEN}`);
const STRICT = rewardIf(`[ "$(cat /app/answer)" = 42 ] && ${SEEN}`);

/** A regrade of the Trial `of`, whose task it has with these tests. */
const again = (name: string, of: string, { tests = LENIENT, spec = {}, ...more }: StoryOptions = {}) =>
  ownTrial(name, {
    toml: TOML,
    tests,
    ...more,
    spec: {
      run: 'e2e-again',
      task: { name: `e2e/${of}`, configMap: { name: `${name}-task` } },
      agent: { name: 'custom' },
      regrade: { trial: of },
      ...spec,
    } satisfies Spec,
  });

const regradedOf = ({ status }: Trial) => status?.regraded;

/** That of the Trial, with all else that it says. */
async function expectUntouched(trial: Trial): Promise<void> {
  const { namespace = '', name } = trial.metadata;
  const now = await world().kube.get(TrialKind, { namespace, name });
  expect(now?.status).to.deep.equal(trial.status);
  await checkedManifest(trial);
}

describe('a regrade', function () {
  this.timeout(300_000);

  const first = ownTrial('regraded', { toml: TOML, agent: TREE, tests: LENIENT });
  const shared = ownTrial('regraded-shared', {
    agent: 'mkdir -p /logs/artifacts; echo 1 > /logs/artifacts/x',
  });

  it('by the same tests gives the same reward, without an agent', async () => {
    const source = await first.earns(1);
    const story = again('regrade-same', 'regraded');
    const done = await story.earnsAtOnce(1);
    expect(regradedOf(done)).to.deep.include({ uri: source.status?.s3TrialUri, reward: 1 });
    expect(done.status).not.to.have.property('usage');
    const [pod] = story.pods;
    expect(pod?.spec?.initContainers?.map(({ name }) => name)).to.deep.equal([CONTAINERS.courier]);
    expect(pod?.spec?.containers.map(({ name }) => name)).to.deep.equal([CONTAINERS.verifier]);
    expect(await storedText(done, 'agent/trace')).to.equal('trace\n');
    expect(await storedText(done, 'output/app/answer')).to.equal('41\n');
    await checkedManifest(done);
    await expectUntouched(source);
  });

  it('by newer tests gives another reward, and both are kept', async () => {
    const source = await first.earns(1);
    const done = await again('regrade-newer', 'regraded', { tests: STRICT }).earns(0);
    expect(regradedOf(done)).to.include({ reward: 1 });
    expect(await storedJson(done, 'result.json')).to.deep.include({
      verifier_result: { rewards: { reward: 0 } },
      verifier_environment_mode: 'separate',
    });
    expect(await storedJson(done, 'result.json')).to.have.nested.property('regraded_from.reward', 1);
    expect(await storedJson(done, 'config.json')).to.have.nested.property('source_trial.action', 'regrade');
    await expectUntouched(source);
  });

  it('can be regraded itself', async () => {
    await first.earns(1);
    await again('regrade-once', 'regraded', { spec: { run: 'e2e-once' } }).earns(1);
    const spec = {
      run: 'e2e-twice',
      task: { name: 'e2e/regraded', configMap: { name: 'regrade-twice-task' } },
    };
    await again('regrade-twice', 'regrade-once', { spec }).earns(1);
  });

  it('needs a separate verifier, whatever the Trial had', async () => {
    await shared.earns(1);
    const options = { toml: '', tests: rewardIf('grep -q 1 /logs/artifacts/x') };
    await again('regrade-shared', 'regraded-shared', options).fails(
      'TaskUnsupported',
      /spec\.verifier\.mode/,
    );
    const spec = { verifier: { mode: 'Separate' as const } };
    const done = await again('regrade-apart', 'regraded-shared', { ...options, spec }).earns(1);
    // A shared verifier may have changed what is judged.
    expect(done.status?.integrity?.verdict).to.equal('Unknown');
  });

  it('is of a Trial that was deleted, by its results', async () => {
    const gone = ownTrial('regraded-gone', { toml: TOML, agent: TREE, tests: LENIENT });
    const { metadata, status } = await gone.earns(1);
    const { namespace = '', name } = metadata;
    await world().kube.delete(TrialKind, { namespace, name });
    await eventuallyTrue('the Trial is gone', () => gone.seen === undefined);
    await again('regrade-nobody', 'regraded-gone').fails('SourceNotFound', /spec\.regrade\.s3\.uri/);
    const spec = { regrade: { s3: { uri: status?.s3TrialUri ?? '' } } };
    const done = await again('regrade-gone', 'regraded-gone', { spec }).earns(1);
    expect(regradedOf(done)?.uri).to.equal(status?.s3TrialUri);
  });

  it('is none of what another namespace, another task or another agent did', async () => {
    const source = await first.earns(1);
    const { s3TrialUri = '' } = source.status ?? {};
    const elsewhere = again('regrade-elsewhere', 'regraded', {
      spec: { regrade: { s3: { uri: s3TrialUri.replace('/trials/e2e/', '/trials/e2e/../e2e/') } } },
    });
    const agent = again('regrade-agent', 'regraded', { spec: { agent: { name: 'nop' } } });
    const same = again('regrade-run', 'regraded', { spec: { run: 'e2e' } });
    await Promise.all([
      elsewhere.fails('SourceNotFound', /has no results/),
      agent.fails('SourceMismatch', /the agent custom/),
      same.fails('SourceMismatch', /count it twice/),
    ]);
  });

  it('says what it needs where an artifact was never collected', async () => {
    await first.earns(1);
    const toml = TOML.replace('"/app/tree"', '"/app/other"');
    const done = await again('regrade-artifact', 'regraded', { toml }).fails(
      'SourceMismatch',
      /\/app\/other/,
    );
    expect(conditionOf(done, 'Verified')?.status).to.equal('False');
  });
});

describe('a regrade of several steps', function () {
  this.timeout(300_000);

  const said = (step: string): string => `steps__${step}__`;
  const script = (lines: string): string => `#!/bin/sh\n${lines}\n`;
  const files = {
    [`${said('one')}instruction.md`]: 'One.\n',
    [`${said('two')}instruction.md`]: 'Two.\n',
    [`${said('one')}solution__solve.sh`]: script('mkdir -p /app; echo 1 > /app/count'),
    [`${said('two')}solution__solve.sh`]: script('echo 2 > /app/count'),
    [`${said('one')}tests__test.sh`]: script(rewardIf('[ "$(cat /app/count)" = 1 ]')),
    [`${said('two')}tests__test.sh`]: script(rewardIf('[ "$(cat /app/count)" = 2 ]')),
  };
  const toml =
    'artifacts = ["/app/count"]\n[verifier]\nenvironment_mode = "separate"\n[[steps]]\nname = "one"\n[[steps]]\nname = "two"\n';

  it('judges each by its own artifacts', async () => {
    await ownTrial('regraded-steps', { toml, files, spec: { agent: { name: 'oracle' } } }).earns(1);
    const spec = { agent: { name: 'oracle' } };
    const done = await again('regrade-steps', 'regraded-steps', { toml, files, spec }).earns(1);
    expect(done.status?.steps?.map(({ name, reward }) => [name, reward])).to.deep.equal([
      ['one', 1],
      ['two', 1],
    ]);
    expect(await storedText(done, 'steps/one/output/app/count')).to.equal('1\n');
  });
});
