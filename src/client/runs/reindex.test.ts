import { expect } from 'chai';
import { aggregateBreaches, aggregatesOf } from '../../../test/crash/aggregates.ts';
import { after } from '../../../test/support/builders/objects.ts';
import { active, broken, rewarded, RUN } from '../../../test/support/builders/run-trials.ts';
import { RunsWorld } from '../../../test/support/builders/runs-world.ts';
import { identityOf } from '../../crds/names.ts';
import type { Trial } from '../../crds/trial.ts';
import { indexManifestKey, jobResultKey, TRIAL_FILES, trialPrefix } from '../../results/keys.ts';
import { findJob } from '../../results/read-index.ts';
import { trialResult } from '../../results/trial-result.ts';
import { reindexRun } from './reindex.ts';

const byUid = (trials: Trial[]): Map<string, Trial> =>
  new Map(trials.map((trial) => [identityOf(trial).uid, trial]));

describe('sb run reindex', () => {
  const trials = [
    rewarded(1, { name: 'a', endedAt: 30 }),
    rewarded(0.5, { name: 'b', rewards: { x: 1, y: 0 }, task: { name: 'org/one', version: '0123456789ab' } }),
    broken('OOMKilled', { name: 'c' }),
  ];
  let world: RunsWorld;
  beforeEach(async () => {
    world = new RunsWorld();
    for (const trial of trials) await storeResult(trial);
  });

  const storeResult = (trial: Trial): Promise<string> =>
    world.store.put(
      `${trialPrefix(trial)}${TRIAL_FILES.result}`,
      JSON.stringify(trialResult({ trial, status: trial.status ?? {} })),
    );
  const reindex = (live: Trial[] = []): ReturnType<typeof reindexRun> =>
    reindexRun({
      store: world.store,
      run: RUN,
      namespace: 'default',
      trials: live,
      now: () => after(60),
      signal: new AbortController().signal,
    });
  const stored = async () => (await aggregatesOf(world.store, { namespace: 'default', run: RUN }))!;
  const text = async (key: string): Promise<string> =>
    Buffer.from((await world.store.get(key, 1e6)) ?? '').toString();

  it('makes what the operator would have written of the results of Trials that are gone', async () => {
    const operated = new RunsWorld();
    operated.have(...trials);
    await operated.lead().reconcile(trials[0]!);
    const counts = { job: RUN, trials: 3, shards: 1, added: 3, unreadable: [] };
    expect(await reindex()).to.deep.equal(counts);
    expect(await aggregateBreaches(world.store, byUid(trials), 0)).to.deep.equal([]);
    for (const key of [jobResultKey(RUN), indexManifestKey(RUN)])
      expect(await text(key)).to.equal(Buffer.from((await operated.store.get(key, 1e6))!).toString());
  });

  it('changes nothing where everything is there', async () => {
    await reindex();
    const before = (await stored()).records;
    expect(await reindex()).to.include({ trials: 3, added: 0 });
    expect((await stored()).records).to.deep.equal(before);
  });

  it('keeps Trials that have no files, and takes in those that the cluster has', async () => {
    const fileless = rewarded(1, { name: 'fileless', uploadResults: false });
    const other = rewarded(1, { name: 'other', uploadResults: false });
    world.have(fileless);
    await world.lead().reconcile(fileless);
    expect(await reindex([other, active('Running', { name: 'going' })])).to.include({ trials: 5, added: 4 });
    const { result } = await stored();
    expect(result).to.include({ n_total_trials: 6, finished_at: null });
    expect(result?.stats.n_completed_trials).to.equal(5);
  });

  it('counts Trials of its own namespace alone', async () => {
    const theirs = rewarded(0, { name: 'theirs' });
    await storeResult({ ...theirs, metadata: { ...theirs.metadata, namespace: 'team-b' } });
    expect(await reindex()).to.include({ trials: 3 });
  });

  it('leaves the name to the namespace that has it', async () => {
    const theirs = rewarded(0, { name: 'theirs' });
    const foreign = { ...theirs, metadata: { ...theirs.metadata, namespace: 'team-b' } };
    world.have(foreign);
    await world.lead().reconcile(foreign);
    const before = await text(jobResultKey(RUN));
    expect(await reindex()).to.include({ job: `${RUN}@default`, trials: 3 });
    expect(await text(jobResultKey(RUN))).to.equal(before);
  });

  it('replaces an index that is none, and names folders without a result', async () => {
    await world.store.put(indexManifestKey(RUN), 'null');
    await world.store.put(`trials/${RUN}/empty__1234567/trial.log`, 'log');
    await world.store.put(`trials/${RUN}/forged__1234567/result.json`, '{"run":7}');
    expect(await reindex()).to.deep.include({
      trials: 3,
      unreadable: ['empty__1234567', 'forged__1234567'],
    });
    expect(await aggregateBreaches(world.store, byUid(trials), 0)).to.deep.equal([]);
  });

  it('and an operator that writes at the same time lose nothing of each other', async () => {
    const [first, second] = [rewarded(1, { name: 'first' }), rewarded(1, { name: 'second' })] as const;
    world.have(first);
    const leader = world.lead();
    await leader.reconcile(first);
    await reindex();
    world.have(second);
    for (let pass = 0; pass < 3; pass++) {
      world.pass(5000);
      await leader.reconcile(second);
    }
    expect((await findJob(world.store, { run: RUN, namespace: 'default' })).manifest?.records).to.equal(5);
    expect(await aggregateBreaches(world.store, byUid([...trials, first, second]), 0)).to.deep.equal([]);
  });
});
