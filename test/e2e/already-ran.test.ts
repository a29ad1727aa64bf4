import { expect } from 'chai';
import { conditionOf } from '../../src/crds/conditions.ts';
import { Trial as TrialKind } from '../../src/crds/kinds.ts';
import type { Trial } from '../../src/crds/trial.ts';
import { ConfigMap, Event } from '../../src/kube/kinds.ts';
import { resultsPrefix } from '../../src/results/keys.ts';
import { kubectl, kubectlOk } from '../support/cluster.ts';
import { eventually, eventuallyTrue } from '../support/eventually.ts';
import { hold, type Spec } from './support/story.ts';
import { ownTrial } from './support/stories.ts';
import { world } from './support/world.ts';

/** Different at each run, so that nobody can guess a reward that was not handed over. */
const RANDOM_REWARD = `#!/bin/sh
echo "0.$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')" > /logs/verifier/reward.txt
`;

type Marks = Pick<Trial['metadata'], 'labels' | 'annotations'>;

/** Applies again what was applied before, as a GitOps tool does that finds it missing. */
async function applyAgain(
  before: Trial,
  { spec = {}, ...marks }: { spec?: Spec } & Marks = {},
): Promise<Trial> {
  const { apiVersion, kind, metadata } = before;
  const { namespace = '', name } = metadata;
  return world().kube.create(TrialKind, {
    apiVersion,
    kind,
    metadata: { namespace, name, ...marks },
    spec: { ...before.spec, ...(spec as Trial['spec']) },
  });
}

const reasonOf = (trial: Trial): string | undefined => conditionOf(trial, 'Succeeded')?.reason;

const messagesOf = async (
  { metadata: { namespace = '', uid } }: Trial,
  reason: string,
): Promise<string[]> => {
  const events = await world().kube.list(Event, { namespace });
  const own = events.filter((event) => event.involvedObject.uid === uid && event.reason === reason);
  return own.map(({ message }) => message);
};

describe('a Trial that is deleted after its end and applied again', function () {
  this.timeout(480_000);
  const story = ownTrial('comes-again', { tests: RANDOM_REWARD, spec: { run: 'again' } });
  const wait = (condition: string): Promise<string> =>
    kubectlOk([
      'wait',
      '-n',
      story.key.namespace,
      `--for=condition=${condition}`,
      `trial/${story.name}`,
      '--timeout=120s',
    ]);
  let first: Trial;

  before(async () => {
    first = await story.done();
    await story.deleted();
  });

  it('has the reward of the first time, its files and its log, and runs nothing', async () => {
    await applyAgain(first);
    const second = await story.done();
    expect(reasonOf(second)).to.equal('AlreadyRan');
    expect(second.metadata.uid).not.to.equal(first.metadata.uid);
    expect(first.status?.reward).to.be.within(0, 1);
    for (const field of ['reward', 'rewards', 's3TrialUri', 'logs', 'timings', 'integrity'] as const)
      expect(second.status?.[field], field).to.deep.equal(first.status?.[field]);
    expect(second.status?.adopted?.uid).to.equal(first.metadata.uid);
    expect([second.status?.attempts, second.status?.jobName, story.jobs]).to.deep.equal([
      undefined,
      undefined,
      [],
    ]);
    const result = await world().artifacts.get(`${resultsPrefix(second)}result.json`, 2 ** 20);
    expect(JSON.parse(Buffer.from(result ?? '').toString())).to.include({ id: first.metadata.uid });
    await eventuallyTrue(
      'an event says so',
      async () => (await messagesOf(second, 'AlreadyRan')).length === 1,
    );
  });

  it('is Complete for kubectl wait, and counts once in its run', async () => {
    await wait('Complete');
    const { namespace } = story.key;
    const told = await eventually('the run is in the bucket', async () => {
      const stored = await world().artifacts.get(`jobs/again@${namespace}/result.json`, 2 ** 20);
      const found = stored ?? (await world().artifacts.get('jobs/again/result.json', 2 ** 20));
      return found && (JSON.parse(Buffer.from(found).toString()) as { n_total_trials: number });
    });
    expect(told.n_total_trials).to.equal(1);
  });

  it('runs for another content of its task', async () => {
    await story.deleted();
    const { namespace } = story.key;
    await world().kube.patch(
      ConfigMap,
      { namespace, name: `${story.name}-task` },
      { data: { 'tests__test.sh': `${RANDOM_REWARD}# other\n` } },
    );
    await applyAgain(first);
    const other = await story.done();
    expect(reasonOf(other)).to.equal('RewardObtained');
    expect(other.status?.reward).not.to.equal(first.status?.reward);
  });

  it('runs where spec.rerun is Always', async () => {
    const before = story.seen?.status?.reward;
    await story.deleted();
    await applyAgain(first, { spec: { rerun: 'Always' } });
    const anew = await story.done();
    expect(reasonOf(anew)).to.equal('RewardObtained');
    expect(anew.status?.attempts).to.have.length(1);
    expect(anew.status?.reward).not.to.equal(before);
  });
});

describe('a Trial that failed by its own fault and comes again', () => {
  const story = ownTrial('fails-again', { tests: '#!/bin/sh\ntrue\n' });

  it('has failed, without a Job, and is Failed for kubectl wait', async () => {
    const first = await story.fails('RewardMissing');
    await story.deleted();
    await applyAgain(first);
    const second = await story.fails('RewardMissing', /nothing was run again/);
    expect(story.jobs).to.deep.equal([]);
    expect(second.status?.adopted?.uid).to.equal(first.metadata.uid);
    const { namespace, name } = story.key;
    await kubectlOk(['wait', '-n', namespace, '--for=condition=Failed', `trial/${name}`, '--timeout=60s']);
    const never = ['wait', '-n', namespace, '--for=condition=Complete', `trial/${name}`, '--timeout=2s'];
    expect((await kubectl(never)).code).not.to.equal(0);
  });
});

describe('a Trial with ttlSecondsAfterFinished that Flux applied', () => {
  const story = ownTrial('kept-for-flux', { spec: { suspend: true, ttlSecondsAfterFinished: 3 } });

  it('is kept, and an event says why', async () => {
    await story.says('Suspended');
    const { namespace, name } = story.key;
    await kubectlOk(['label', '-n', namespace, `trial/${name}`, 'kustomize.toolkit.fluxcd.io/name=trials']);
    await story.change({ suspend: false });
    const done = await story.earns(1);
    const messages = await eventually('the event', async () => {
      const found = await messagesOf(done, 'KeptForGitOps');
      return found.length > 0 ? found : undefined;
    });
    expect(messages).to.have.length(1);
    expect(messages[0]).to.contain('Flux applied it and would create it again');
    expect(story.seen?.metadata.uid).to.equal(done.metadata.uid);
  });
});

describe('a Trial whose cancellation a GitOps tool sets back', () => {
  const running = ownTrial('set-back-running', { agent: hold('work') });

  it('ends all the same, and takes the field in Git at any time', async () => {
    await running.reaches('work');
    await running.change({ cancel: true });
    await running.until('the cancellation is on the record', ({ status }) =>
      (status?.attempts ?? []).some(({ reason }) => reason === 'Cancelled'),
    );
    await running.change({ cancel: false });
    await running.fails('Cancelled');
    await running.change({ cancel: true });
    await running.change({ cancel: false });
    // Tools that wait by the generation are told that it was looked at.
    const seen = await running.until('the generation is seen', ({ metadata, status }) => {
      const of = status?.conditions?.map(({ observedGeneration }) => observedGeneration) ?? [];
      return [status?.observedGeneration, ...of].every((generation) => generation === metadata.generation);
    });
    expect(reasonOf(seen)).to.equal('Cancelled');
  });
});

describe('an object that nobody has looked at', () => {
  const task = { name: 'x', configMap: { name: 'none' } };
  for (const [kind, spec] of [
    ['Trial', { suspend: true, task }],
    ['TaskBuild', { context: { configMap: { name: 'none' } } }],
    ['Sandbox', { image: 'debian:bookworm-slim' }],
  ] as const)
    it(`says so by its observedGeneration, for tools that wait by it: ${kind}`, async () => {
      const manifest = { apiVersion: 'sb.abundant.ai/v1alpha1', kind, metadata: { name: 'just-made' }, spec };
      const create = ['create', '--dry-run=server', '-o', 'json', '-n', world().namespace, '-f', '-'];
      const made = JSON.parse(await kubectlOk(create, manifest)) as Trial;
      expect(made.status?.observedGeneration).to.equal(-1);
    });
});

describe('a TaskBuild that is cancelled after its end', () => {
  it('stays what it came to, and says that it was looked at, for tools that wait by it', async () => {
    const { namespace } = world();
    const key = { namespace, name: 'cancelled-late' };
    const build = ['taskbuild', key.name, '-n', namespace];
    await kubectlOk(['create', '-f', '-'], {
      apiVersion: 'sb.abundant.ai/v1alpha1',
      kind: 'TaskBuild',
      metadata: key,
      spec: { context: { configMap: { name: 'there-is-none' } } },
    });
    const wait = ['wait', ...build, '--timeout=60s'];
    await kubectlOk([...wait, '--for=condition=Failed']);
    await kubectlOk(['patch', ...build, '--type=merge', '-p', '{"spec":{"cancelled":true}}']);
    await kubectlOk([...wait, '--for=jsonpath={.status.observedGeneration}=2']);
    const now = JSON.parse(await kubectlOk(['get', ...build, '-o', 'json'])) as Trial;
    expect(reasonOf(now)).to.equal('ContextNotFound');
  });
});
