import { expect } from 'chai';
import { aggregateBreaches, aggregatesOf } from '../../../test/crash/aggregates.ts';
import { active, broken, rewarded, RUN, type TrialInRun } from '../../../test/support/builders/run-trials.ts';
import { identityOf } from '../../crds/names.ts';
import type { Trial } from '../../crds/trial.ts';
import type { KubeClient } from '../../kube/types.ts';
import { ProviderError } from '../../providers/errors.ts';
import { intercept } from '../../providers/intercept.ts';
import { indexManifestKey, jobResultKey, taskRunsKey } from '../../results/keys.ts';
import { expiryController } from '../expiry/controller.ts';
import { RunsWorld } from '../../../test/support/builders/runs-world.ts';

const PAUSE_MS = 5000;
const VERSION = '0123456789ab';

const within = (namespace: string, trial: Trial): Trial => ({
  ...trial,
  metadata: { ...trial.metadata, namespace },
});
const many = (count: number, over: (index: number) => TrialInRun): Trial[] =>
  Array.from({ length: count }, (_, index) =>
    rewarded(index % 2, { name: `trial-${index}`, ...over(index) }),
  );
const byUid = (trials: Trial[]): Map<string, Trial> =>
  new Map(trials.map((trial) => [identityOf(trial).uid, trial]));

describe('The runs controller', () => {
  let world: RunsWorld;
  beforeEach(() => (world = new RunsWorld()));

  const wrong = (trials: Trial[]): Promise<string[]> => aggregateBreaches(world.store, byUid(trials), 0);
  const text = async (key: string): Promise<string> =>
    Buffer.from((await world.store.get(key, 1e9)) ?? '').toString();

  it('writes index and aggregate of a run that nobody attends', async () => {
    const trials = [rewarded(1, { name: 'a' }), broken('OOMKilled', { name: 'b' })];
    world.have(...trials);
    await world.lead().reconcile(trials[0]!);
    expect(await wrong(trials)).to.deep.equal([]);
    const { result } = (await aggregatesOf(world.store, { namespace: 'default', run: RUN }))!;
    expect(result?.stats).to.include({ n_completed_trials: 2, n_errored_trials: 1, n_pending_trials: 0 });
    expect(result?.finished_at).to.equal('2026-01-01T00:00:10.000000');
  });

  it('writes nothing before the first Trial has ended, and nothing where nothing changed', async () => {
    const going = active('Running', { name: 'a' });
    world.have(going);
    const leader = world.lead();
    expect(await leader.reconcile(going)).to.equal(undefined);
    expect(world.puts).to.deep.equal([]);
    world.have(rewarded(1, { name: 'a' }));
    await leader.reconcile(going);
    const { length } = world.puts;
    world.pass(PAUSE_MS);
    expect(await leader.reconcile(going)).to.equal(undefined);
    expect(await world.lead().reconcile(going)).to.equal(undefined);
    expect(world.puts).to.have.length(length);
  });

  it('gives up for now where somebody writes the index without end, and is not kept by it', async () => {
    const trial = rewarded(1, { name: 'a' });
    world.have(trial);
    await world.lead().reconcile(trial);
    let written = 0;
    const restless = intercept(world.store, {
      call: async (method, first) => {
        const found = await first;
        return method === 'head' && found ? { ...found, etag: `written ${++written} times` } : found;
      },
    });
    const error = await world
      .lead(restless)
      .reconcile(trial)
      .catch((reason: unknown) => reason);
    expect(error).to.have.property('message').that.includes('was written 8 times while it was read');
  });

  it('writes a run once in five seconds', async () => {
    const [first, second] = many(2, () => ({})) as [Trial, Trial];
    world.have(first);
    const leader = world.lead();
    await leader.reconcile(first);
    world.have(second);
    const { length } = world.puts;
    world.pass(2000);
    expect(await leader.reconcile(second)).to.deep.equal({ requeueAfterMs: 3000 });
    expect(world.puts).to.have.length(length);
    world.pass(3000);
    await leader.reconcile(second);
    expect(await wrong([first, second])).to.deep.equal([]);
  });

  it('is finished when the last open Trial was deleted', async () => {
    const done = rewarded(1, { name: 'a' });
    const open = active('Running', { name: 'b' });
    world.have(done, open);
    const leader = world.lead();
    await leader.reconcile(done);
    expect(await wrong([done])).to.deep.equal([
      `run default/${RUN} has 2 in all`,
      `run default/${RUN} is not finished`,
    ]);
    world.remove(open);
    world.pass(PAUSE_MS);
    await leader.reconcile(done);
    expect(await wrong([done])).to.deep.equal([]);
  });

  it('has a Trial that somebody deleted right after its end', async () => {
    const [first, second] = many(2, () => ({})) as [Trial, Trial];
    world.have(first, second);
    const leader = world.lead();
    world.remove(second);
    await leader.reconcile(first);
    expect(await wrong([first, second])).to.deep.equal([]);
    expect(leader.known.gone({ namespace: 'default', run: RUN })).to.deep.equal([]);
  });

  it('has a Trial whose end was written and that was deleted before its watch told of either', async () => {
    const [first, second] = many(2, () => ({})) as [Trial, Trial];
    const open = { ...second, status: active('Running', { name: second.metadata.name }).status! };
    world.have(first, open);
    const leader = world.lead();
    await leader.known.ending(second, async () => second);
    world.remove(open);
    await leader.reconcile(first);
    expect(await wrong([first, second])).to.deep.equal([]);
    expect(leader.known.gone({ namespace: 'default', run: RUN })).to.deep.equal([]);
  });

  it('has a Trial whose deletion was heard of before the answer to the write of its end', async () => {
    const [first, second] = many(2, () => ({})) as [Trial, Trial];
    const open = { ...second, status: active('Running', { name: second.metadata.name }).status! };
    world.have(first, open);
    const leader = world.lead();
    await leader.known.ending(second, async () => {
      world.remove(open);
      return second;
    });
    await leader.reconcile(first);
    expect(await wrong([first, second])).to.deep.equal([]);
  });

  it('has a Trial once whose end was heard of, put into the index and deleted before the answer to its write', async () => {
    const [first, second] = many(2, () => ({})) as [Trial, Trial];
    const open = { ...second, status: active('Running', { name: second.metadata.name }).status! };
    world.have(first, open);
    const leader = world.lead();
    await leader.known.ending(second, async () => {
      world.have(second);
      await leader.reconcile(first);
      world.remove(second);
      return second;
    });
    world.pass(PAUSE_MS);
    await leader.reconcile(first);
    expect(await wrong([first, second])).to.deep.equal([]);
    expect(leader.known.gone({ namespace: 'default', run: RUN })).to.deep.equal([]);
  });

  it('keeps 50,000 deleted Trials at most while the store is away, and gives up the oldest', () => {
    const leader = world.lead();
    const { spec, ...rest } = rewarded(1, { name: 'a' });
    const lose = (run: string, uid: string): void => {
      const trial = { ...rest, metadata: { ...rest.metadata, name: uid, uid }, spec: { ...spec, run } };
      world.have(trial);
      world.remove(trial);
    };
    const gone = (run: string): string[] =>
      leader.known.gone({ namespace: 'default', run }).map(({ uid }) => uid);
    for (const uid of ['x1', 'x2']) lose('first', uid);
    for (let count = 0; count < 49_998; count += 1) lose('second', `y${count}`);
    expect(gone('first')).to.deep.equal(['x1', 'x2']);
    expect(world.warnings).to.deep.equal([]);
    lose('second', 'z1');
    expect(gone('first')).to.deep.equal(['x2']);
    for (const uid of ['z2', 'z3']) lose('second', uid);
    expect(gone('first')).to.deep.equal([]);
    expect(gone('second')).to.have.length(50_000);
    expect(gone('second')[0]).to.equal('y1');
    expect(world.warnings).to.deep.equal([
      'more than 50000 deleted Trials wait for the index; sb run reindex adds the rest',
    ]);
    leader.known.record({ namespace: 'default', run: 'second' }, gone('second'));
    expect(gone('second')).to.deep.equal([]);
  });

  it('costs a run of 10,000 Trials one object for each Trial, and a ninth of one besides', async function () {
    this.timeout(180_000);
    const task = (index: number) => ({ task: { name: `org/task-${index % 500}`, version: VERSION } });
    const trials = many(10_000, task);
    const leader = world.lead();
    world.have(...trials.map(({ metadata: { name } }) => active('Running', { name })));
    // Ten Trials end in a second.
    for (let from = 0; from < trials.length; from += 50) {
      world.have(...trials.slice(from, from + 50));
      await leader.reconcile(trials[0]!);
      world.pass(PAUSE_MS);
    }
    expect(await wrong(trials)).to.deep.equal([]);
    const counted = Map.groupBy(world.puts, (key) =>
      key
        .replace(/^jobs\/[^/]+\//, '')
        .replace(/[^/]+__[^/]+$/, 'entry')
        .replace(/\d{7}-.*gz/, 'shard')
        .replace(/tasks\/.*\//, ''),
    );
    const puts = Object.fromEntries([...counted].map(([what, keys]) => [what, keys.length]));
    expect(puts).to.deep.equal({
      'indexes/entry': 10_000,
      'index/shard': 204,
      'index/manifest.json': 200,
      'result.json': 200,
      'indexes/runs.json': 500,
    });
    const { shards } = JSON.parse(await text(indexManifestKey(RUN))) as { shards: { records: number }[] };
    expect(shards.map(({ records }) => records)).to.deep.equal([2000, 2000, 2000, 2000, 2000]);
  });

  describe('where two namespaces have a run of the same name', () => {
    const mine = rewarded(1, { name: 'mine' });
    const theirs = within('team-b', rewarded(0, { name: 'theirs', uid: 'theirs' }));

    it('keeps their Trials apart, whoever came first', async () => {
      world.have(mine, theirs);
      const leader = world.lead();
      for (const trial of [mine, theirs]) await leader.reconcile(trial);
      expect(await wrong([mine, theirs])).to.deep.equal([]);
      expect(world.puts)
        .to.include(jobResultKey(RUN))
        .and.to.include(jobResultKey(`${RUN}@team-b`));
    });

    it('never changes what the first one has', async () => {
      world.have(mine);
      await world.lead().reconcile(mine);
      const before = await Promise.all([indexManifestKey(RUN), jobResultKey(RUN)].map(text));
      world.have(theirs);
      for (let leaders = 0; leaders < 3; leaders++) {
        await world.lead().reconcile(theirs);
        world.pass(PAUSE_MS);
      }
      expect(await Promise.all([indexManifestKey(RUN), jobResultKey(RUN)].map(text))).to.deep.equal(before);
    });

    it('lets one of two that come at the same moment have the name', async () => {
      world.have(mine, theirs);
      const leaders = [world.lead(), world.lead()];
      await Promise.all([mine, theirs].map((trial, index) => leaders[index]!.reconcile(trial)));
      for (const [index, trial] of [mine, theirs].entries()) await leaders[index]!.reconcile(trial);
      expect(await wrong([mine, theirs])).to.deep.equal([]);
    });
  });

  describe('where an old leader still believes', () => {
    it('lets it write nothing over what the new one wrote', async () => {
      const [first, second, third] = many(3, () => ({})) as [Trial, Trial, Trial];
      world.have(first);
      const old = world.lead();
      await old.reconcile(first);
      world.have(second);
      const leader = world.lead();
      await leader.reconcile(second);
      world.pass(PAUSE_MS);
      await leader.reconcile(second);
      // It knows of the first alone, and of an index that is no more.
      world.have(third);
      expect(await old.reconcile(third)).to.deep.equal({ requeueAfterMs: 1000 });
      expect(await wrong([first, second])).to.deep.equal([]);
      world.pass(PAUSE_MS);
      for (const one of [old, leader]) await one.reconcile(third);
      world.pass(PAUSE_MS);
      for (const one of [old, leader]) await one.reconcile(third);
      expect(await wrong([first, second, third])).to.deep.equal([]);
    });
  });

  it('goes on where the store failed, and loses nothing by it', async () => {
    const trials = many(40, () => ({ task: { name: 'org/one', version: VERSION } }));
    let calls = 0;
    world.fault = (operation) =>
      operation === 'put' && ++calls % 3 === 0 ? new ProviderError('Unavailable', 'away') : undefined;
    const leader = world.lead();
    for (const trial of trials) {
      world.have(trial);
      await leader.reconcile(trial).catch(() => undefined);
      world.pass(PAUSE_MS);
    }
    world.fault = () => undefined;
    for (let pass = 0; pass < 3; pass++, world.pass(PAUSE_MS)) await leader.reconcile(trials[0]!);
    expect(await wrong(trials)).to.deep.equal([]);
  });

  it('does not write over an index that it cannot read', async () => {
    const trial = rewarded(1, { name: 'a' });
    world.have(trial);
    await world.store.put(indexManifestKey(RUN), '{"shards":7}');
    const failure = await world
      .lead()
      .reconcile(trial)
      .catch((error: Error) => error.message);
    expect(failure).to.equal(`jobs/${RUN}/index/manifest.json is no manifest of an index`);
    expect(await text(indexManifestKey(RUN))).to.equal('{"shards":7}');
  });

  it('keeps the newest records of a version in one object, across runs and leaders', async () => {
    const task = { name: 'org/one', version: VERSION };
    const trials = many(40, (index) => ({ task, endedAt: index }));
    for (const leader of [world.lead(), world.lead()]) {
      for (let from = 0; from < trials.length; from += 10) {
        world.have(...trials.slice(from, from + 10));
        await leader.reconcile(trials[0]!);
        world.pass(PAUSE_MS);
      }
    }
    const runs = await text(taskRunsKey({ task_name: task.name, task_version: VERSION }));
    const { records } = JSON.parse(runs) as { records: { name: string }[] };
    expect(records.map(({ name }) => name)).to.deep.equal(
      trials.map(({ metadata }) => metadata.name).toReversed(),
    );
  });

  it('has a Trial in the index before it expires', async () => {
    const trial = rewarded(1, { name: 'a' });
    const expiring: Trial = { ...trial, spec: { ...trial.spec, ttlSecondsAfterFinished: 0 } };
    world.have(expiring);
    const leader = world.lead();
    const deleted: string[] = [];
    const kube = { delete: async (_kind: unknown, { name }: { name: string }) => void deleted.push(name) };
    const expire = expiryController({
      kube: kube as unknown as KubeClient,
      events: { normal: () => undefined },
      trials: world.trials,
      isRecorded: (uid) => leader.known.isRecorded(uid),
      now: () => new Date('2026-02-01'),
    });
    const key = { namespace: 'default', name: 'a' };
    const { signal } = new AbortController();
    expect(await expire(key, signal)).to.deep.equal({ requeueAfterMs: 2000 });
    expect(deleted).to.deep.equal([]);
    await leader.reconcile(expiring);
    expect(await expire(key, signal)).to.equal(undefined);
    expect(deleted).to.deep.equal(['a']);
  });
});
